"""Closes gray levels: the maximum over windows, then the minimum over them, fills what is dark and small.

Gray-scale morphology after Serra, Image Analysis and Mathematical Morphology (1982).
"""

from __future__ import annotations

import numpy as np

from serving.images.codec import Gray


def close_squares(levels: Gray, reach: int, beyond: int = 0) -> Gray:
    """Closes by squares that are cut off at the edges.

    Args:
        levels: uint8 [H, W], or several [N, H, W].
        reach: pixels of a window to each side of its middle.
        beyond: pixels that a window's middle may lie outside the picture.

    Returns:
        As `levels`.
    """
    padded = np.pad(levels, beyond) if beyond else levels
    closed = ~_maximum(~_maximum(padded, reach), reach)
    return closed[beyond:-beyond, beyond:-beyond] if beyond else closed


def close_lines(levels: Gray, reach: int) -> Gray:
    """Closes along rows and along columns, with black beyond the edges, and takes the lighter.

    Args:
        levels: uint8 [H, W].
        reach: pixels of a window to each side of its middle.

    Returns:
        uint8 [H, W]. What is dark from an edge inward stays, as does a line that is longer than a window both ways.
    """

    def close(columns: Gray) -> Gray:
        return ~_slide(~_slide(_pad(columns, 2 * reach), reach), reach)

    return np.maximum(close(levels), close(levels.T).T)


def _maximum(levels: Gray, reach: int) -> Gray:
    """Takes the maximum over each window, along both axes."""
    for _ in range(2):
        levels = _slide(_pad(levels, reach), reach).swapaxes(-1, -2)
    return levels


def _pad(columns: Gray, count: int) -> Gray:
    *several, length, across = columns.shape
    padded = np.zeros((*several, length + 2 * count, across), np.uint8)
    padded[..., count : count + length, :] = columns
    return padded


def _slide(columns: Gray, reach: int) -> Gray:
    """Takes the maximum over the windows that lie within each column, in log₂(reach) steps."""
    span, size = 1, 2 * reach + 1
    while span < size:
        step = min(span, size - span)
        columns = np.maximum(columns[..., :-step, :], columns[..., step:, :])
        span += step
    return columns
