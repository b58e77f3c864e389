"""C1 in blocks of 2×2 outputs has the sums that it had pixel by pixel."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.export import onnx_blocks
from pipeline.networks.integer_reference import Layer, Scale

RNG = np.random.default_rng(0)
SCALE = Scale(1 / 255, -128)


def layer(
    name: str, weights: tuple[int, ...], shape: tuple[int, ...], pad: int, scales: int, stride: int = 2
) -> Layer:
    return Layer(
        name,
        "conv",
        SCALE,
        SCALE,
        -128,
        127,
        shape,
        window=weights[1:3],
        stride=(stride, stride),
        padding=(pad,) * 4,
        weights=RNG.integers(-127, 128, weights).astype(np.int8),
        weight_scales=RNG.random(scales, np.float32),
        bias=RNG.integers(-999, 999, weights[0]).astype(np.int32),
    )


def convolutions(scales: int = 6) -> tuple[Layer, Layer]:
    """Returns the folded network's two, the second on maps of 14×14."""
    return (
        layer("c1", (6, 6, 6, 1), (14, 14, 6), 2, scales),
        layer("c3", (16, 6, 6, 6), (5, 5, 16), 0, 1),
    )


def sums(conv: Layer, x: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Computes a convolution of int64 [N, H, W, C], padded with zeros, in units of its scales."""
    up, down, left, right = conv.padding
    padded = np.pad(x, ((0, 0), (up, down), (left, right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, conv.window, axis=(1, 2))
    windows = windows[:, :: conv.stride[0], :: conv.stride[1]]
    return np.einsum("nhwcij,oijc->nhwo", windows, conv.weights.astype(np.int64), optimize=True) + conv.bias


@pytest.mark.parametrize("scales", [1, 6])
def test_same_sums(scales: int) -> None:
    layers = convolutions(scales)
    c1, c3 = onnx_blocks.in_blocks(layers)
    image = RNG.integers(0, 256, (3, 28, 28, 1))
    expected = sums(layers[0], image)
    blocks = sums(c1, image.reshape(3, 28, 7, 4))
    assert blocks.shape[1:] == c1.shape == (7, 7, 24)
    pixels = blocks.reshape(3, 7, 7, 2, 2, 6).transpose(0, 1, 3, 2, 4, 5).reshape(expected.shape)
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(sums(c3, blocks), sums(layers[1], expected))
    np.testing.assert_array_equal(c1.weight_scales, np.resize(layers[0].weight_scales, 24))
    assert (c3.window, c3.stride, c3.shape) == ((3, 3), (1, 1), (5, 5, 16))


@pytest.mark.parametrize(("pad", "columns"), [(2, 12), (0, 8)], ids=["same", "valid"])
def test_neighbors_in_a_row(pad: int, columns: int) -> None:
    """LeNet-5 with pooling: what follows reads the maps as they were. Not for pictures of any width."""
    conv = layer("c1", (6, 5, 5, 1), (columns, columns, 6), pad, 6, stride=1)
    pool = dataclasses.replace(conv, name="s2", kind="max_pool")
    c1, s2 = onnx_blocks.in_blocks((conv, pool))
    assert s2 is pool
    image = RNG.integers(0, 256, (3, 12, 12, 1))
    blocks = sums(c1, image.reshape(3, 12, 3, 4))
    assert blocks.shape[1:] == c1.shape == (columns, columns // 4, 24)
    np.testing.assert_array_equal(blocks.reshape(3, columns, columns, 6), sums(conv, image))
    free = (dataclasses.replace(conv, shape=(columns, -1, 6)), pool)
    assert onnx_blocks.in_blocks(free) is free


@pytest.mark.parametrize(
    ("index", "changes"),
    [
        (0, {"kind": "max_pool"}),
        (0, {"stride": (1, 1)}),
        (0, {"padding": (2, 2, 1, 2)}),
        (1, {"kind": "max_pool"}),
        (1, {"stride": (1, 1)}),
        (1, {"window": (5, 5)}),
        (1, {"padding": (1, 1, 1, 1)}),
    ],
)
def test_other_networks_stay_as_they_are(index: int, changes: dict[str, object]) -> None:
    layers = list(convolutions())
    layers[index] = dataclasses.replace(layers[index], **changes)
    layers = tuple(layers)
    assert onnx_blocks.in_blocks(layers) is layers
