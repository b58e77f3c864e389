"""Where each symbol of a field stands: steps of the network → boxes in the picture that was given."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from serving import sliding as slide
from serving.images import Gray
from serving.images.field import Field
from serving.manifest import Sliding

# x, y, width and height in whole pixels.
Box: TypeAlias = tuple[int, int, int, int]
# x and y of several places in the picture, float64 [2, n], continuous coordinates.
_Places: TypeAlias = npt.NDArray[np.float64]
_INK = 64


def boxes(
    field: Field,
    spans: Sequence[tuple[int, int]],
    sliding: Sliding,
    corner: tuple[int, int],
    size: tuple[int, int],
) -> list[Box]:
    """The boxes of a field's symbols.

    A symbol reaches to where there is least ink on the way to its neighbor, in the middle of several such
    columns, and no farther than the network saw; within that its ink decides.

    Args:
        field: what was read.
        spans: for each symbol, from left to right, the first and the last step that stand for it.
        sliding: the network's.
        corner: x and y of the field in the picture.
        size: width and height of the field there; no box reaches out of it.
    """
    if not spans:
        return []
    column, row = np.nonzero(field.pixels.T >= _INK)  # column by column
    places = np.stack([column + 0.5, row + 0.5, np.ones(len(row))])
    mapped = field.to_picture @ places
    ends = _ends(field.pixels, spans, sliding)
    edges = np.searchsorted(column, np.array(ends))
    return [
        _box(mapped[:, first:last] if last > first else _middle(field, *end), field, corner, size)
        for end, (first, last) in zip(ends, edges.tolist(), strict=True)
    ]


def _middle(field: Field, start: int, stop: int) -> _Places:
    """Where a symbol without ink would be: the corners of the middle of its columns."""
    height = field.pixels.shape[0]
    x = [start, stop, start, stop]
    y = [height / 4, height / 4, 3 * height / 4, 3 * height / 4]
    return np.asarray(field.to_picture @ np.array([x, y, [1, 1, 1, 1]]))


def _ends(pixels: Gray, spans: Sequence[tuple[int, int]], sliding: Sliding) -> list[tuple[int, int]]:
    """The first and one past the last column of each symbol, at least one column each."""
    width = pixels.shape[1]
    ink = pixels.sum(0, dtype=np.int64)
    reach = sliding.receptive / 2
    centers = [(slide.center(first, sliding), slide.center(last, sliding)) for first, last in spans]
    cuts = [_cut(ink, one[1], next_[0]) for one, next_ in itertools.pairwise(centers)]
    ends = []
    for (first, last), left, right in zip(centers, [0, *cuts], [*cuts, width], strict=True):
        start = min(max(left, math.floor(first - reach), 0), width - 1)
        stop = max(min(right, math.ceil(last + reach), width), start + 1)
        ends.append((start, stop))
    return ends


def _cut(ink: np.ndarray[tuple[int], np.dtype[np.int64]], one: float, next_: float) -> int:
    """The column between two centers at which the second symbol begins."""
    middle = (one + next_) / 2
    quarter = (next_ - one) / 4
    start = min(max(math.ceil(middle - quarter), 0), len(ink) - 1)
    stop = max(min(math.floor(middle + quarter) + 1, len(ink)), start + 1)
    between = ink[start:stop]
    least = start + np.flatnonzero(between == between.min())
    return int(least[np.argmin(np.abs(least + 0.5 - middle))])


def _box(places: _Places, field: Field, corner: tuple[int, int], size: tuple[int, int]) -> Box:
    """The box around mapped pixels, in whole pixels, cut off at the field's edges."""
    # What a pixel of the field covers in the picture, to each side.
    reach = np.abs(field.to_picture[:, :2]).sum(1) / 2
    low, high = [], []
    for least, most, limit in zip(
        (places.min(1) - reach).tolist(), (places.max(1) + reach).tolist(), size, strict=True
    ):
        # A thousandth of a pixel is the mapping's rounding, not ink.
        start = min(max(math.floor(least + 1e-3), 0), limit - 1)
        low.append(start)
        high.append(max(min(math.ceil(most - 1e-3), limit), start + 1))
    return low[0] + corner[0], low[1] + corner[1], high[0] - low[0], high[1] - low[1]
