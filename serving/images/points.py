"""Tells decimal points from dirt among specks, which are too small or too pale for strokes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from serving.images.connected_components import Components
from serving.images.slope_slant import BoundingBoxes

_Gray = npt.NDArray[np.uint8]
# Left, right, top and bottom; right and bottom are one past the last.
PixelBox: TypeAlias = tuple[int, int, int, int]
_Digit: TypeAlias = tuple[float, float, float, float]

_MOST_SPECKS: Final = 20  # more are the paper's pattern
_MOST_POINTS: Final = 3
# In digits' heights:
_LARGEST: Final = 0.2
_ABOVE: Final = 0.15  # the upper of the neighbors' feet
_BELOW: Final = 0.3  # the lower of them
_FAR_BELOW: Final = 0.55  # where digits dance, for a point as dark as a stroke
_OVERLAP: Final = 0.05
_STROKE: Final = 0.5  # of the ink's darkness
_RIM: Final = 3  # pixels from the speck
_REST: Final = 2  # pixels from a rule that was taken out
_ALONE: Final = 2.0  # times as dark as its rim
_CLEAR: Final = 1.2  # times as dark as the darkest speck that is no point


def find_points(
    smooth: _Gray,
    base: float,
    span: float,
    erased: npt.NDArray[np.bool_] | None,
    specks: Iterable[Components],
    digits: Sequence[_Digit],
    height: float,
    slope: float,
    slant: float,
) -> list[PixelBox]:
    """Finds the points among specks: small, alone, and between the feet of two digits.

    Dirt lies anywhere, points do not: a speck counts only if it is darker than all that lie elsewhere.

    Args:
        smooth: uint8 [H, W], how dark each pixel is.
        base, span: the paper's darkness, and how much darker the strokes are.
        erased: bool [H, W], print that was taken out, whose rests are neither points nor dirt; None for none.
        specks: components that are no strokes.
        digits: upright boxes of the digits.
        height: of the digits.
        slope, slant: of the writing.

    Returns:
        The points' boxes in pixels; none where there are so many specks that they are a pattern.
    """
    parts = [part for part in specks if len(part)]
    if sum(map(len, parts)) > _MOST_SPECKS:
        return []
    points: list[tuple[float, PixelBox]] = []
    dirt = 0.0
    for left, right, top, bottom in (
        map(int, box) for part in parts for box in BoundingBoxes.of(part, 0.0, 0.0)
    ):
        darkness = float(smooth[top:bottom, left:right].max()) - base
        if max(right - left, bottom - top) > _LARGEST * height:
            continue
        if darkness < _ALONE * (_rim(smooth, left, right, top, bottom) - base):
            continue
        if erased is not None and erased[_around(top, bottom, _REST), _around(left, right, _REST)].any():
            continue
        foot = bottom - slope * (left + right) / 2
        across = (left + right + slant * (top + bottom - slope * (left + right))) / 2
        if _between_feet(across, foot, darkness >= _STROKE * span, digits, height):
            points.append((darkness, (left, right, top, bottom)))
        else:
            dirt = max(dirt, darkness)
    clear = [box for darkness, box in points if darkness >= _CLEAR * dirt]
    return clear if len(clear) <= _MOST_POINTS else []


def _rim(smooth: _Gray, left: int, right: int, top: int, bottom: int) -> int:
    """Returns the darkest level of the rectangle around a box, as far as it lies in the picture."""
    height, width = smooth.shape
    rows = [row for row in (top - _RIM, bottom + _RIM - 1) if 0 <= row < height]
    columns = [column for column in (left - _RIM, right + _RIM - 1) if 0 <= column < width]
    across, along = _around(left, right, _RIM), _around(top, bottom, _RIM)
    sides = [smooth[row, across] for row in rows] + [smooth[along, column] for column in columns]
    return max((int(side.max()) for side in sides), default=0)


def _around(first: int, end: int, reach: int) -> slice:
    return slice(max(first - reach, 0), end + reach)


def _between_feet(across: float, foot: float, strong: bool, digits: Sequence[_Digit], height: float) -> bool:
    """Returns whether a speck that ends at row `foot` stands between two digits, as high as their feet."""
    before = max((digit for digit in digits if digit[0] + digit[1] < 2 * across), key=_middle, default=None)
    behind = min((digit for digit in digits if digit[0] + digit[1] > 2 * across), key=_middle, default=None)
    if before is None or behind is None:
        return False
    margin = _OVERLAP * height
    if across < before[1] - margin or across > behind[0] + margin:
        return False
    upper, lower = sorted((before[3], behind[3]))
    below = _FAR_BELOW if strong else _BELOW
    return upper - _ABOVE * height <= foot <= lower + below * height


def _middle(digit: _Digit) -> float:
    return digit[0] + digit[1]
