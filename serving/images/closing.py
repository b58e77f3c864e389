"""Closes gray levels: the maximum over windows, then the minimum over them, fills what is dark and small.

Gray-scale morphology after Serra, Image Analysis and Mathematical Morphology (1982). A picture with enough padding is
treated as one line of pixels, along rows and along columns: whatever a window takes from the next row is padding.
"""

from __future__ import annotations

import math

import numpy as np

from serving.images.codec import Gray


def close_squares(levels: Gray, reach: int, beyond: int = 0) -> Gray:
    """Closes by squares that are cut off at the edges.

    Args:
        levels: uint8 [H, W], or several [N, H, W].
        reach: pixels of a window to each side of its middle.
        beyond: pixels that a window's middle may lie outside the picture, which is a single one.

    Returns:
        As `levels`.
    """
    padded = np.pad(levels, beyond) if beyond else levels
    closed = _over_squares(dilate_squares(padded, reach), reach, np.minimum, 255)
    return closed[beyond:-beyond, beyond:-beyond] if beyond else closed


def close_lines(levels: Gray, reach: int) -> Gray:
    """Closes along rows and along columns, with black beyond the edges, and takes the lighter.

    Args:
        levels: uint8 [H, W].
        reach: pixels of a window to each side of its middle.

    Returns:
        uint8 [H, W]. What is dark from an edge inward stays, as does a line that is longer than a window both ways.
    """
    height, width = levels.shape
    stride = width + 4 * reach
    rows = _close_line(_padded(levels, 0, 2 * reach, 4 * reach, 0), reach, 1)
    columns = _close_line(_padded(levels, 2 * reach, 0, 0, 0), reach, width)
    return np.maximum(rows.reshape(height, stride)[:, :width], columns.reshape(height, width))


def dilate_squares(levels: Gray, reach: int) -> Gray:
    """Takes the maximum over squares that are cut off at the edges; arguments and result as of `close_squares`."""
    return _over_squares(levels, reach, np.maximum, 0)


def _over_squares(levels: Gray, reach: int, pick: np.ufunc, neutral: int) -> Gray:
    """Takes the maximum or the minimum over each square; `neutral` changes neither."""
    *several, height, width = levels.shape
    stride = width + 2 * reach
    line = _padded(levels, reach, reach, 2 * reach * (stride + 1), neutral)
    line = _slide(_slide(line, reach, 1, pick), reach, stride, pick)
    return line.reshape(*several, height + 2 * reach, stride)[..., :height, :width]


def _close_line(line: Gray, reach: int, step: int) -> Gray:
    return _slide(_slide(line, reach, step, np.maximum), reach, step, np.minimum)


def _padded(levels: Gray, down: int, across: int, more: int, level: int) -> Gray:
    """Pads pictures by `down` rows and `across` columns at each side, and `more` pixels at the end; returns one line."""
    *several, height, width = levels.shape
    shape = (*several, height + 2 * down, width + 2 * across)
    size = math.prod(shape)
    line = np.full(size + more, level, np.uint8)
    line[:size].reshape(shape)[..., down : down + height, across : across + width] = levels
    return line


def _slide(line: Gray, reach: int, step: int, pick: np.ufunc) -> Gray:
    """Takes the maximum or the minimum over windows of pixels that lie `step` apart, in log₂(reach) steps."""
    span, size = 1, 2 * reach + 1
    while span < size:
        more = min(span, size - span)
        line = pick(line[: -more * step], line[more * step :])
        span += more
    return line
