"""Where each symbol of a field stands: steps of the network → boxes in the picture that was given."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from serving import sliding as slide
from serving.images import Gray
from serving.images.field import Field
from serving.manifest import Sliding

# x, y, width and height in whole pixels.
Box: TypeAlias = tuple[int, int, int, int]
# Left, top, right and bottom, continuous coordinates.
_Edges: TypeAlias = tuple[float, float, float, float]
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
    ends = _ends(field.pixels, spans, sliding)
    return [_in_picture(_around_ink(field.pixels, start, stop), field, corner, size) for start, stop in ends]


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


def _around_ink(pixels: Gray, start: int, stop: int) -> _Edges:
    part = pixels[:, start:stop] >= _INK
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    if not len(rows):
        return start, 0, stop, pixels.shape[0]
    return start + int(columns[0]), int(rows[0]), start + int(columns[-1]) + 1, int(rows[-1]) + 1


def _in_picture(edges: _Edges, field: Field, corner: tuple[int, int], size: tuple[int, int]) -> Box:
    """The box around the mapped corners, in whole pixels, cut off at the field's edges."""
    left, top, right, bottom = edges
    corners = np.array([[left, right, left, right], [top, top, bottom, bottom], [1, 1, 1, 1]])
    low, high = [], []
    for mapped, limit in zip(field.to_picture @ corners, size, strict=True):
        # A thousandth of a pixel is the mapping's rounding, not ink.
        start = min(max(math.floor(mapped.min() + 1e-3), 0), limit - 1)
        low.append(start)
        high.append(max(min(math.ceil(mapped.max() - 1e-3), limit), start + 1))
    return low[0] + corner[0], low[1] + corner[1], high[0] - low[0], high[1] - low[1]
