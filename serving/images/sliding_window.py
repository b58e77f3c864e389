"""Fields of any width as a sliding network's input: placed on paper, padded to a bucket, slanted, counted in steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.errors import CheckreaderError
from serving.images.field import MAX_WIDTH, Field
from serving.manifest import Sliding
from serving.runtime.network import Floats


def padded_width(ink: int, sliding: Sliding) -> int:
    """The width of the input for a field of `ink` columns."""
    least = max(sliding.left + ink + sliding.right, sliding.receptive)
    return -(-least // sliding.bucket) * sliding.bucket


def steps(ink: int, sliding: Sliding) -> int:
    """How many of the output's steps belong to a field of `ink` columns; the others see padding alone."""
    seen = sliding.left + ink + sliding.right - sliding.receptive
    return max(seen, 0) // sliding.stride + 1


def center(step: float, sliding: Sliding) -> float:
    """The column of the field, a continuous coordinate, in the middle of what a step sees."""
    return step * sliding.stride + sliding.receptive / 2 - sliding.left


def place(fields: Sequence[Field], sliding: Sliding) -> list[tuple[list[int], Floats]]:
    """Fields as inputs of the network, those of equal padded width together.

    Args:
        fields: those with a problem are left out.
        sliding: the network's.

    Returns:
        For each width, narrowest first: the fields' indices, and float32 [L·N, height, width, 1] in [0, 1]:
        all N of them for the first of the L slants, all for the second, …
    """
    widths: dict[int, list[int]] = {}
    for index, field in enumerate(fields):
        if field.problem is None:
            widths.setdefault(padded_width(field.pixels.shape[1], sliding), []).append(index)
    placed = []
    for width, indices in sorted(widths.items()):
        image = np.zeros((len(indices), sliding.height, width, 1), np.float32)
        for row, index in enumerate(indices):
            pixels = fields[index].pixels
            image[row, :, sliding.left : sliding.left + pixels.shape[1], 0] = pixels
        image /= np.float32(255)  # divided, as `images.tensor` does and for its reason
        placed.append((indices, np.concatenate([_slanted(image, slant) for slant in sliding.slants])))
    return placed


def _slanted(image: Floats, slant: float) -> Floats:
    """Pictures [N, height, width, 1] with each row moved to the right by `slant` for each row above the middle."""
    if not slant:
        return image
    _, height, width, _ = image.shape
    moved = slant * ((height - 1) / 2 - np.arange(height))
    whole = np.floor(moved).astype(np.int64)
    part = (moved - whole).astype(np.float32)[:, None, None]
    # Out of the picture is its outermost column: paper.
    near = np.clip(np.arange(width) - whole[:, None], 0, width - 1)
    far = np.maximum(near - 1, 0)
    rows = np.arange(height)[:, None]
    slanted: Floats = image[:, rows, near] * (1 - part) + image[:, rows, far] * part
    return slanted


def views(count: int, output: Floats, sliding: Sliding) -> Floats:
    """The network's output for what `place` gave of `count` fields, [L·count, T, K], by field: [count, L, T, K]."""
    return np.swapaxes(output.reshape(len(sliding.slants), count, *output.shape[1:]), 0, 1)


def check_width(name: str, width: int, sliding: Sliding) -> None:
    """Raises CheckreaderError unless the model called `name` reads inputs of that many columns."""
    most = padded_width(MAX_WIDTH, sliding)
    if not sliding.receptive <= width <= most:
        raise CheckreaderError(
            f"model {name!r} reads pictures of {sliding.height} rows and {sliding.receptive} to {most} columns, "
            f"got {width} columns"
        )
