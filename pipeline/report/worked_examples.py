"""Computes small worked examples of convolutions, with numbers that can be checked by hand."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

DIAGONAL: Final = np.eye(3)
_STROKE: Final = np.pad(np.eye(3), ((0, 3), (0, 3)))  # 6×6, the stroke at the top left

VERTICAL: Final = np.tile([-1.0, -1.0, 4.0, -1.0, -1.0], (5, 1)) / 10
HORIZONTAL: Final = VERTICAL.T


def convolve(x: Floats, kernel: Floats, stride: int = 1) -> Floats:
    """Computes a valid convolution as networks do, a sum of products without turning the kernel.

    Args:
        x: [H, W].
        kernel: [h, w].
        stride: pixels between two places.

    Returns:
        [(H − h) // stride + 1, (W − w) // stride + 1].
    """
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape)[::stride, ::stride]
    return np.asarray(np.einsum("yxhw,hw->yx", windows, kernel))


def pool(x: Floats) -> Floats:
    """Returns the maximum of each 2×2, [H, W] → [H/2, W/2]."""
    return np.asarray(x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).max((1, 3)))


def outputs(side: int, kernel: int, padding: int, stride: int) -> int:
    """Returns how many places a kernel has along a side: (side − kernel + 2·padding) / stride + 1, rounded down."""
    return (side - kernel + 2 * padding) // stride + 1


def parameters(height: int, width: int, channels_in: int, channels_out: int) -> int:
    """Counts weights and biases of a convolution: (Wk·Hk·Cin + 1)·Cout."""
    return (width * height * channels_in + 1) * channels_out


def shifted_stroke() -> list[tuple[Floats, Floats, float]]:
    """Returns a diagonal stroke at two places: the picture, the diagonal kernel's response, and its maximum."""
    pictures = (_STROKE, np.roll(_STROKE, (2, 3), (0, 1)))
    maps = [convolve(picture, DIAGONAL) for picture in pictures]
    return [
        (picture, response, float(response.max())) for picture, response in zip(pictures, maps, strict=True)
    ]


def pooled_map() -> tuple[Floats, Floats, list[tuple[int, int]]]:
    """Returns a 4×4 map, its 2×2 maxima, and their places in the map."""
    x = np.array([[1.0, 3, 0, 2], [4, 2, 1, 0], [0, 1, 5, 3], [2, 6, 1, 4]])
    return x, pool(x), _places(x)


def shared_weight_gradient() -> dict[str, Floats]:
    """Returns an example of the gradient of a shared weight: a sum over the places where it was used.

    Returns:
        `x` [3, 3], `kernel` [2, 2], `y` [2, 2] their convolution, `dy` [2, 2] the loss's gradient by `y`, `products`
        [2, 2], of the first weight: its pixel times `dy` at each place, and `dkernel` [2, 2], whose entries are such sums.
    """
    x, kernel = np.array([[1.0, 2, 0], [0, 1, 3], [2, 1, 1]]), np.array([[1.0, 0], [-1, 2]])
    dy = np.array([[1.0, -1], [2, 0]])
    return {
        "x": x,
        "kernel": kernel,
        "y": convolve(x, kernel),
        "dy": dy,
        "products": x[:2, :2] * dy,
        "dkernel": convolve(x, dy),
    }


def maximum_gradient() -> tuple[Floats, Floats, Floats, list[tuple[int, int]]]:
    """Returns the map of `pooled_map`, a gradient by its maxima, the gradient by the map, and the maxima's places."""
    x, _, places = pooled_map()
    dy = np.array([[1.0, -2], [3, 0.5]])
    dx = np.zeros_like(x)
    for (row, column), gradient in zip(places, dy.ravel(), strict=True):
        dx[row, column] = gradient
    return x, dy, dx, places


def _places(x: Floats) -> list[tuple[int, int]]:
    places = []
    for row in range(0, x.shape[0], 2):
        for column in range(0, x.shape[1], 2):
            window = x[row : row + 2, column : column + 2]
            down, right = np.unravel_index(int(window.argmax()), window.shape)
            places.append((row + int(down), column + int(right)))
    return places
