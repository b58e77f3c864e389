"""Finds rows of symbols that have one height and one baseline among the components of a picture's ink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.connected_components import Components
from serving.images.slope_slant import BoundingBoxes

SYMBOLS: Final = 0.2, 3.0  # least and most width of a row's components, by their height
BARS: Final = 0.0, 0.2
_LEAST_ROWS: Final = 6  # of a symbol
_STEEPEST: Final = 0.09  # 5°
_ROWS: Final = 4  # that are looked for
_PAIRS: Final = 1_500  # of symbols that are tried as two of one row
_LEAST_SYMBOLS: Final = 3
_TOLERANCE: Final = 0.13  # of a symbol's height, between symbols of a row
_REACH: Final = 0.4  # of a symbol's height that a row's ink may stand out above and below

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A row of symbols, in coordinates turned by its slope: u along it, v down from it.

    Attributes:
        slope: of the baseline, rows per column.
        top, height: of the symbols, v.
        left, right: of the row's ink, u.
        count: symbols that have its height.
    """

    slope: float
    top: float
    height: float
    left: float
    right: float
    count: int

    def matrix(self, left: float, top: float, across: float, down: float) -> _Floats:
        """Returns the map, float64 [2, 3], from (x, y, 1) in a cut of the row to the picture.

        Args:
            left, top: of the cut, u and v.
            across, down: columns and rows of the picture that one of the cut's is as large as.
        """
        cosine = 1 / np.hypot(1, self.slope)
        sine = self.slope * cosine
        return np.array(
            [
                [cosine * across, -sine * down, cosine * left - sine * top],
                [sine * across, cosine * down, sine * left + cosine * top],
            ]
        )


def find_rows(components: Components, aspects: tuple[float, float] = SYMBOLS) -> list[Row]:
    """Returns the rows with the most symbols, largest first.

    Args:
        components: of the ink.
        aspects: least and most width of what may be a symbol, by its height.
    """
    boxes = BoundingBoxes.of(components, 0.0, 0.0)
    left, right, top, bottom = (
        np.asarray(edge, np.float64) for edge in (boxes.left, boxes.right, boxes.top, boxes.bottom)
    )
    height = bottom - top
    least, most = (aspect * height for aspect in aspects)
    rest = (height >= _LEAST_ROWS) & (right - left < most) & (right - left > least)
    rows: list[Row] = []
    for _ in range(_ROWS):
        members, slope = _largest(left, right, top, bottom, rest)
        if members is None:
            break
        row = _row(left, right, top, bottom, members, slope)
        rows.append(row)
        rest = rest & ~members
    return rows


def _largest(
    left: _Floats, right: _Floats, top: _Floats, bottom: _Floats, rest: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.bool_] | None, float]:
    """Returns the most components of one height on one line, bool [components], and its slope."""
    index = rest.nonzero()[0]
    if len(index) < _LEAST_SYMBOLS:
        return None, 0.0
    middle, height = (left + right) / 2, bottom - top
    earlier, later = (index[places] for places in np.triu_indices(len(index), 1))
    distance = middle[later] - middle[earlier]
    alike = (np.abs(height[earlier] - height[later]) < _TOLERANCE * height[earlier]) & (
        np.abs(distance) > 1.5 * height[earlier]
    )
    slope = np.divide(bottom[later] - bottom[earlier], distance, out=np.ones_like(distance), where=alike)
    alike &= np.abs(slope) < _STEEPEST
    pairs = alike.nonzero()[0]
    if len(pairs) == 0:
        return None, 0.0
    if len(pairs) > _PAIRS:
        pairs = pairs[np.random.default_rng(0).choice(len(pairs), _PAIRS, replace=False)]
    first, slopes = earlier[pairs], slope[pairs]
    tall = height[first][:, None]
    run = slopes[:, None] * (middle[index] - middle[first][:, None])
    fits = (np.abs(bottom[index] - bottom[first][:, None] - run) < _TOLERANCE * tall) & (
        np.abs(top[index] - top[first][:, None] - run) < _TOLERANCE * tall
    )
    counts = fits.sum(1)
    best = int(counts.argmax())
    if counts[best] < _LEAST_SYMBOLS:
        return None, 0.0
    members = np.zeros(len(rest), np.bool_)
    members[index[fits[best]]] = True
    x, y = middle[members], bottom[members]
    fitted = float(np.polyfit(x - x.mean(), y, 1)[0]) if len(x) > 3 else float(slopes[best])
    return members, fitted


def _row(
    left: _Floats, right: _Floats, top: _Floats, bottom: _Floats, members: npt.NDArray[np.bool_], slope: float
) -> Row:
    """Measures a row in turned coordinates, with all ink that stands in it."""
    cosine = 1 / np.hypot(1, slope)
    sine = slope * cosine
    middle = (left + right) / 2
    upper, lower = cosine * top - sine * middle, cosine * bottom - sine * middle
    first, last = cosine * left + sine * (top + bottom) / 2, cosine * right + sine * (top + bottom) / 2
    high, low = float(np.median(upper[members])), float(np.median(lower[members]))
    height = low - high
    within = (
        (upper > high - _REACH * height) & (lower < low + _REACH * height) & (lower - upper > 0.15 * height)
    )
    within |= members
    return Row(slope, high, height, float(first[within].min()), float(last[within].max()), int(members.sum()))
