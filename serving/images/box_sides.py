"""Finds the left and the right side of a printed box that stand inside the picture of its writing.

A side is upright, straight and thin, taller than what is written, and has no ink beyond it; and it meets the upper or
lower side of its box, or the picture's edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.bands import dark_bands, shifted, widened
from serving.images.runs import longest_runs

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]

_SLOPES: Final = np.arange(-4, 5) / 48
_BANDS: Final = 6  # of rows, in which a side is dark or not
_ZONE: Final = 4  # the share of the picture's width in which a side may stand, as a divisor
_LEAST_TALL: Final = 0.55  # of the picture's height
_ALMOST_ALL: Final = 0.82  # of it, where a side meets no other
_TALLER: Final = 1.2  # than what is written
_BEYOND: Final = 0.15  # pixels beyond a side, of its rows


@dataclass(frozen=True)
class _Side:
    """The left side of a box: columns per row, column in the picture's middle row, first and last row, width."""

    slope: float
    column: float
    top: int
    bottom: int
    thick: int


def side_pixels(dark: _Mask, lines: Sequence[_Ints]) -> _Mask | None:
    """Finds the sides of a box, and what lies beyond them.

    Args:
        dark: bool [H, W], pixels that are darker than paper.
        lines: the horizontal rules, as `ruled_lines.horizontal_rules` gives them.

    Returns:
        bool [H, W], without strokes that cross a side; None where there is no side.
    """
    height, width = dark.shape
    zone = max(6, width // _ZONE)
    if height < 12 or width < 24:
        return None
    bands = dark_bands(dark, _BANDS, 0.7)
    tall = widened(bands).view(np.uint8).sum(0, np.uint8) >= _BANDS - 2
    pixels: _Mask | None = None
    for step in (1, -1):
        if not tall[::step][:zone].any():
            continue
        view = dark[:, ::step]
        side = _left_side(view, bands[:, ::step], [line[::step] for line in lines], zone)
        if side is not None:
            pixels = np.zeros(dark.shape, np.bool_) if pixels is None else pixels
            pixels[:, ::step] |= _up_to(view, side)
    return pixels


def _left_side(dark: _Mask, bands: _Mask, lines: Sequence[_Ints], zone: int) -> _Side | None:
    """Finds the left side of a box among the first `zone` columns; `bands` are those that are dark, bool [bands, W]."""
    height, _ = dark.shape
    side = _longest(dark, bands, zone)
    if side is None or side.thick > max(3, height // 12):
        return None
    shift = side.slope * (np.arange(height) + 0.5 - height / 2)
    places = np.arange(dark.shape[1]) - side.column - shift[:, None]
    reach = side.thick / 2 + 2
    length = side.bottom - side.top
    if (dark & (places < -reach))[side.top : side.bottom].sum() > _BEYOND * length:
        return None
    close = max(2, height // 14)
    corners = [_is_corner(dark, lines, side.column, end, close) for end in (side.top, side.bottom)]
    edges = [side.top <= 1, side.bottom >= height - 1]
    met = [corner or edge for corner, edge in zip(corners, edges, strict=True)]
    if not any(met) or (not all(met) and length < _ALMOST_ALL * height):
        return None
    return side if length >= _TALLER * _written_height(dark & (places > reach), lines, close) else None


def _longest(dark: _Mask, bands: _Mask, zone: int) -> _Side | None:
    """Finds the longest upright line among the first columns; None where none is long enough."""
    height, _ = dark.shape
    seen = zone + int(_SLOPES[-1] * height / 2) + 1
    middles = (np.arange(_BANDS) - (_BANDS - 1) / 2) * (height // _BANDS)
    shifts = np.rint(_SLOPES[:, None] * middles).astype(np.int64)
    best = shifted(bands[:, :seen], shifts, zone).view(np.uint8).sum(1, np.uint8).max(1)
    if best.max() < _BANDS - 2:
        return None
    # Of the slopes at which a line goes through as many bands, the middle one.
    slopes = np.flatnonzero(best == best.max())
    slope = float(_SLOPES[slopes[len(slopes) // 2]])
    shift = np.rint(slope * (np.arange(height) + 0.5 - height / 2)).astype(np.int64)
    upright = shifted(dark[:, :seen], shift, zone)
    upright[1:-1] |= upright[:-2] & upright[2:]  # one missing row is none
    length, stops = longest_runs(upright, _LEAST_TALL * height - 1)
    longest = int(length.max())
    if longest < _LEAST_TALL * height:
        return None
    same = np.flatnonzero(length >= longest - 1)
    same = same[: int(np.flatnonzero(np.append(np.diff(same), 2) > 1)[0]) + 1]
    middle = int(same[len(same) // 2])
    bottom = int(stops[middle])
    top = bottom - int(length[middle])
    return _Side(slope, float(same[0] + same[-1] + 1) / 2, top, bottom, len(same))


def _is_corner(dark: _Mask, lines: Sequence[_Ints], column: float, end: int, close: int) -> bool:
    """Returns whether a horizontal line begins where a side ends."""
    height, width = dark.shape
    for line in lines:
        first = int((line >= 0).argmax())
        if -4 <= first - column <= 0.15 * width and abs(int(line[first]) - end) <= close:
            return True
    start = max(0, round(column))
    band = dark[max(0, end - close) : min(height, end + close), start : start + max(4, int(0.3 * width))]
    return bool(band.any(0).mean() > 0.95)


def _written_height(ink: _Mask, lines: Sequence[_Ints], close: int) -> int:
    """Returns how many rows nearly all ink takes that is on no line, and in the middle of the picture's width."""
    height, width = ink.shape
    written = ink.copy()
    for line in lines:
        for offset in range(-close, close + 1):
            rows = line + offset
            inside = (line >= 0) & (rows >= 0) & (rows < height)
            written[rows[inside], np.flatnonzero(inside)] = False
    mass = np.cumsum(written[:, width // 7 : width - width // 7].sum(1))
    if not mass[-1]:
        return len(ink)
    first, last = np.searchsorted(mass, [0.04 * mass[-1], 0.96 * mass[-1]])
    return int(last) - int(first) + 1


def _up_to(dark: _Mask, side: _Side) -> _Mask:
    """Returns all up to a side, its shade and what lies beyond it, but where a stroke crosses it."""
    height, width = dark.shape
    rows = np.arange(height)
    middle = np.rint(side.column - 0.5 + side.slope * (rows + 0.5 - height / 2)).astype(np.int64)
    inner = middle + round(side.thick / 2) + 1
    crossed = dark[rows[:, None], np.clip(inner[:, None] + np.arange(4), 0, width - 1)].all(1)
    crossed[: max(0, side.top + 3)] = False  # there the box's other sides begin
    crossed[max(0, side.bottom - 3) :] = False
    return np.asarray((np.arange(width) <= inner[:, None] + 1) & ~crossed[:, None])
