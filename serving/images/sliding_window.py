"""Prepares fields of any width for a sliding network: grouped by width, padded, slanted, counted in steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serving.errors import CheckreaderError
from serving.images.codec import Gray
from serving.images.field import MAX_WIDTH, Field
from serving.manifest import Sliding
from serving.runtime.network import Floats


def padded_width(width: int, sliding: Sliding) -> int:
    """Returns the width of the network's input for a field of `width` columns."""
    least = max(sliding.left + width + sliding.right, sliding.receptive)
    return -(-least // sliding.bucket) * sliding.bucket


def steps(width: int, sliding: Sliding) -> int:
    """Returns how many steps of the output belong to a field of `width` columns; the others see padding alone."""
    visible = sliding.left + width + sliding.right - sliding.receptive
    return max(visible, 0) // sliding.stride + 1


def center(step: float, sliding: Sliding) -> float:
    """Returns the field's column, a continuous coordinate, in the middle of a step's receptive field."""
    return step * sliding.stride + sliding.receptive / 2 - sliding.left


def group_by_width(widths: Sequence[int], sliding: Sliding) -> list[tuple[int, list[int]]]:
    """Groups fields by their padded width.

    Args:
        widths: the fields' columns.
        sliding: the network's.

    Returns:
        Padded width and indices into `widths`, the narrowest first.
    """
    groups: dict[int, list[int]] = {}
    for index, width in enumerate(widths):
        groups.setdefault(padded_width(width, sliding), []).append(index)
    return sorted(groups.items())


def pad(pictures: Sequence[Gray], width: int, sliding: Sliding, shifts: Sequence[int] = ()) -> Gray:
    """Places fields on paper of a common width.

    Args:
        pictures: uint8 [height, w] each.
        width: of the result; what does not fit is cut off.
        sliding: the network's; its `left` columns come before each field.
        shifts: for each field, how many columns farther to the right it stands; none = 0 for all.

    Returns:
        uint8 [N, height, width].
    """
    padded = np.zeros((len(pictures), sliding.height, width), np.uint8)
    for row, pixels, shift in zip(padded, pictures, shifts or [0] * len(pictures), strict=True):
        start = sliding.left + shift
        row[:, start : start + pixels.shape[1]] = pixels[:, : width - start]
    return padded


def place(
    fields: Sequence[Field], sliding: Sliding, slants: Sequence[float]
) -> list[tuple[list[int], Floats]]:
    """Turns fields into inputs of the network, those of equal padded width together.

    Args:
        fields: those with a problem are left out.
        sliding: the network's.
        slants: of the V views, columns per row as in `sliding`.

    Returns:
        For each width, narrowest first: the fields' indices, and float32 [V·N, height, width, 1] in [0, 1]:
        all N of them for the first of the V slants, all for the second, …
    """
    readable = [index for index, field in enumerate(fields) if field.problem is None]
    placed = []
    for width, group in group_by_width([fields[index].pixels.shape[1] for index in readable], sliding):
        indices = [readable[position] for position in group]
        image = pad([fields[index].pixels for index in indices], width, sliding)[..., None].astype(np.float32)
        image /= np.float32(255)  # divided, as `digit.tensor` does and for its reason
        placed.append((indices, np.concatenate([_slanted(image, slant) for slant in slants])))
    return placed


def _slanted(image: Floats, slant: float) -> Floats:
    """Moves each row of pictures, [N, height, width, 1], by `slant` to the right for each row above the middle."""
    if not slant:
        return image
    count, height, width, _ = image.shape
    offset = slant * ((height - 1) / 2 - np.arange(height))
    columns = np.floor(offset).astype(np.int64)
    part = (offset - columns).astype(np.float32)[:, None]
    # Beyond the picture its outermost column goes on: paper.
    near = np.clip(np.arange(width) - columns[:, None], 0, width - 1)
    far = np.maximum(near - 1, 0)
    first = width * np.arange(height)[:, None]
    pixels = image.reshape(count, height * width)
    slanted: Floats = pixels.take(first + near, 1) * (1 - part) + pixels.take(first + far, 1) * part
    return slanted[..., None]


def views(count: int, output: Floats) -> Floats:
    """Orders the network's output by field.

    Args:
        count: the number of fields that `place` put together.
        output: float32 [V·count, T, K].

    Returns:
        float32 [count, V, T, K].
    """
    return np.swapaxes(output.reshape(-1, count, *output.shape[1:]), 0, 1)


def check_width(name: str, width: int, sliding: Sliding, widest: int = MAX_WIDTH) -> None:
    """Raises CheckreaderError unless the model called `name` reads inputs of that many columns.

    Args:
        name: the model's.
        width: of the input.
        sliding: the network's.
        widest: columns of the widest field that is read.
    """
    most = padded_width(widest, sliding)
    if not sliding.receptive <= width <= most:
        raise CheckreaderError(
            f"model {name!r} reads pictures of {sliding.height} rows and {sliding.receptive} to {most} columns, "
            f"got {width} columns"
        )
