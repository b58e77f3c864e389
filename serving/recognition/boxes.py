"""Locates a field's ink and symbols: maps the network's pixels and steps to boxes in the original picture."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from serving.images import sliding_window as slide
from serving.images.codec import Gray
from serving.images.digit import INK_LEVEL
from serving.images.field import Field
from serving.manifest import Sliding

# x, y, width and height in whole pixels.
Box: TypeAlias = tuple[int, int, int, int]
# x and y of several places in the picture, float64 [2, n], continuous coordinates.
_Places: TypeAlias = npt.NDArray[np.float64]


def ink_box(field: Field, corner: tuple[int, int], size: tuple[int, int]) -> Box:
    """Computes the box around all ink of a normalized field that has some; arguments as for `boxes`."""
    _, places = _ink(field)
    return _box(places.min(1).tolist(), places.max(1).tolist(), _reach(field), corner, size)


def boxes(
    field: Field,
    spans: Sequence[tuple[int, int]],
    sliding: Sliding,
    corner: tuple[int, int],
    size: tuple[int, int],
) -> list[Box]:
    """Computes the boxes of a field's symbols.

    A symbol reaches to the column with the least ink on the way to its neighbor, the middle one of several,
    and no farther than the receptive field; its box encloses the ink within that.

    Args:
        field: the normalized field.
        spans: for each symbol, from left to right, the first and the last step that stand for it.
        sliding: the network's.
        corner: x and y of the field in the picture.
        size: width and height of the field there; no box reaches out of it.
    """
    if not spans:
        return []
    column, places = _ink(field)
    mapped = np.zeros((2, len(column) + 1))  # and one more, which belongs to no symbol
    mapped[:, :-1] = places
    ends = columns(field.pixels, spans, sliding)
    edges = column.searchsorted(np.array(ends).ravel())
    low = np.minimum.reduceat(mapped, edges, 1)[:, ::2].T.tolist()
    high = np.maximum.reduceat(mapped, edges, 1)[:, ::2].T.tolist()
    for index, (first, last) in enumerate(edges.reshape(-1, 2).tolist()):
        if first == last:
            places = _middle(field, *ends[index])
            low[index], high[index] = places.min(1).tolist(), places.max(1).tolist()
    reach = _reach(field)
    return [_box(*places, reach, corner, size) for places in zip(low, high, strict=True)]


def _ink(field: Field) -> tuple[npt.NDArray[np.int64], _Places]:
    """Returns the column of each pixel of ink, in ascending order, and where its center lies in the picture."""
    column, row = np.nonzero(field.pixels.T >= INK_LEVEL)  # column by column
    if field.drops is not None:
        row = row + field.drops[column]
    a, b, c = field.to_picture.T[:, :, None]
    return column, np.asarray(a * (column + 0.5) + b * (row + 0.5) + c)


def _reach(field: Field) -> list[float]:
    """Returns how far the field's pixel extends in the picture, to each side of its center, across and down."""
    return [float(extent) / 2 for extent in np.abs(field.to_picture[:, :2]).sum(1)]


def _middle(field: Field, start: int, stop: int) -> _Places:
    """Returns the corners of the middle of a symbol's columns, in the picture: its place where it has no ink."""
    height = field.pixels.shape[0]
    x = [start, stop, start, stop]
    y = [height / 4, height / 4, 3 * height / 4, 3 * height / 4]
    return np.asarray(field.to_picture @ np.array([x, y, [1, 1, 1, 1]]))


def columns(pixels: Gray, spans: Sequence[tuple[int, int]], sliding: Sliding) -> list[tuple[int, int]]:
    """Returns the first and one past the last column of each symbol, at least one column each; arguments as `boxes`."""
    width = pixels.shape[1]
    ink: list[int] = pixels.sum(0, dtype=np.int64).tolist()
    reach = sliding.receptive / 2
    centers = [(slide.center(first, sliding), slide.center(last, sliding)) for first, last in spans]
    cuts = [cut_column(ink, left[1], right[0]) for left, right in itertools.pairwise(centers)]
    ends = []
    for (first, last), left, right in zip(centers, [0, *cuts], [*cuts, width], strict=True):
        start = min(max(left, math.floor(first - reach), 0), width - 1)
        stop = max(min(right, math.ceil(last + reach), width), start + 1)
        ends.append((start, stop))
    return ends


def cut_column(ink: Sequence[int], left: float, right: float) -> int:
    """Returns the column between the centers of two symbols at which the second begins.

    Args:
        ink: the ink in each column.
        left: the first symbol's center, a continuous coordinate.
        right: the second's.
    """
    middle = (left + right) / 2
    quarter = (right - left) / 4
    start = min(max(math.ceil(middle - quarter), 0), len(ink) - 1)
    stop = max(min(math.floor(middle + quarter) + 1, len(ink)), start + 1)
    least = min(ink[start:stop])
    columns = [column for column in range(start, stop) if ink[column] == least]
    return columns[0] if len(columns) == 1 else min(columns, key=lambda column: abs(column + 0.5 - middle))


def _box(
    low: list[float],
    high: list[float],
    reach: list[float],
    corner: tuple[int, int],
    size: tuple[int, int],
) -> Box:
    """Returns the box around pixels that reach so far to each side, in whole pixels, cut off at the field's edges."""
    first, last = [], []
    for least, most, around, limit in zip(low, high, reach, size, strict=True):
        # A thousandth of a pixel is the mapping's rounding, not ink.
        start = min(max(math.floor(least - around + 1e-3), 0), limit - 1)
        first.append(start)
        last.append(max(min(math.ceil(most + around - 1e-3), limit), start + 1))
    return first[0] + corner[0], first[1] + corner[1], last[0] - first[0], last[1] - first[1]
