"""Finds upright printed lines that begin and end together and stand a cell's width apart, as the rules of a comb do."""

from __future__ import annotations

from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.bands import dark_bands, shifted, widened
from serving.images.runs import longest_runs, runs

_Mask = npt.NDArray[np.bool_]
_Doubles = npt.NDArray[np.float64]

LEAST_RULES: Final = 4
_SLOPES: Final = np.arange(-4, 5) / 54
_TILTS: Final = np.array([0, -1, 1, -2, 2, -3, 3]) / 160
_BANDS: Final = 8  # of rows, in which a rule is dark or not
_LEAST_BANDS: Final = 3  # that a rule goes through
_GAP: Final = 3  # rows of a rule that may be missing
_WIDEST: Final = 0.25  # a rule, of its height
_NARROWEST: Final = 0.45  # a cell, of the rules' height
_BROADEST: Final = 2.0
_BETWEEN: Final = 0.4  # of a cell, two groups of cells are apart at most


def upright_slope(dark: _Mask) -> float | None:
    """Estimates how many columns to the right upright lines run in each row downwards.

    Args:
        dark: bool [H, W], H ≥ 8.

    Returns:
        The slope at which most columns are dark over many rows; None where too few are for a comb.
    """
    height, width = dark.shape
    bands = dark_bands(dark, _BANDS, 0.8)
    if not _are_many(widened(bands)):
        return None
    middles = (np.arange(_BANDS) - (_BANDS - 1) / 2) * (height // _BANDS)
    turned = shifted(bands, np.rint(_SLOPES[:, None] * middles).astype(np.int64), width)
    total = turned.view(np.uint8).sum(1, np.uint8)
    total[total < _LEAST_BANDS] = 0
    best = int(((total * total).sum(1) * (1 - np.abs(_SLOPES))).argmax())
    return float(_SLOPES[best]) if _are_many(turned[best]) else None


def _are_many(bands: _Mask) -> bool:
    """Returns whether enough lines for a comb go through the same bands, bool [bands, W]."""
    tall = bands[:-2] & bands[1:-1] & bands[2:]
    counts = tall[:, 0] + (tall[:, 1:] > tall[:, :-1]).sum(1)
    return bool(counts.max() >= LEAST_RULES)


def sheared(dark: _Mask, slope: float) -> _Mask:
    """Sets lines of a slope upright; the middle row stays."""
    if not slope:
        return dark
    height, width = dark.shape
    shift = np.rint(slope * (np.arange(height) + 0.5 - height / 2)).astype(np.int64)
    return shifted(dark, shift, width)


def uprights(dark: _Mask, least: int) -> tuple[_Doubles, _Doubles, _Doubles, _Doubles]:
    """Finds thin upright lines.

    Args:
        dark: bool [H, W].
        least: rows that a line has at least.

    Returns:
        Of each line, float64 [n]: its column, its first row, one past its last, and its width.
    """
    below = dark.copy()
    for shift in range(1, _GAP + 1):
        below[shift:] |= dark[:-shift]
    closed = below.copy()
    for shift in range(1, _GAP + 1):
        closed[:-shift] &= below[shift:]
    length, stops = longest_runs(closed, least)
    # Over a handful of columns, plain numbers are faster than arrays.
    extents: list[int] = length.tolist()
    lines: list[tuple[float, int, int, int]] = []
    for first, last in runs(length > 0):
        columns = range(first, last)
        longest = max(columns, key=extents.__getitem__)
        # Where a stroke runs along a rule, the rule is the longer one.
        same = [column for column in columns if extents[column] >= extents[longest] - 2]
        wide = same[-1] - same[0] + 1
        if wide <= max(3.0, _WIDEST * extents[longest]):
            stop = int(stops[longest])
            lines.append(((same[0] + same[-1] + 1) / 2, stop - extents[longest], stop, wide))
    places, tops, bottoms, thick = np.array(lines, np.float64).reshape(-1, 4).T
    return places, tops, bottoms, thick


def of_equal_ends(columns: _Doubles, tops: _Doubles, bottoms: _Doubles, slope: float, near: float) -> _Mask:
    """Returns the most lines, bool [n], that begin on one line and end on another, both nearly at right angles to them."""
    fall = (_TILTS[:, None] - slope) * columns
    agree = np.ones((len(_TILTS), len(columns), len(columns)), np.bool_)
    for ends in (tops, bottoms):
        level = ends - fall
        agree &= np.abs(level[:, :, None] - level[:, None]) <= near
    tilt, line = divmod(int(agree.sum(2).argmax()), len(columns))
    return np.asarray(agree[tilt, line])


def cell_width(columns: _Doubles, extent: float) -> tuple[float, _Mask]:
    """Returns the distance at which most rules stand from another, the smallest of several, and those rules."""
    gaps = columns - columns[:, None]
    candidates = np.unique(np.rint(gaps[(gaps >= _NARROWEST * extent) & (gaps <= _BROADEST * extent)]))
    fits = [np.abs(np.abs(gaps) - candidate) <= 1.5 + 0.03 * candidate for candidate in candidates]
    counts = [int(fit.any(1).sum()) for fit in fits]
    for fit, count in zip(fits, counts, strict=True):
        if count >= 0.75 * max(counts):
            return median(np.abs(gaps)[fit].tolist()), fit.any(1)
    return 0.0, np.zeros(len(columns), np.bool_)


def line_through(columns: _Doubles, rows: _Doubles, slope: float) -> tuple[float, float]:
    """Fits a line through the rules' ends: its row in column 0, and rows per column."""
    fall = rows - slope * columns
    near = np.abs(fall - median(fall.tolist())) <= 2
    if near.sum() >= 3 and np.ptp(columns[near]) > 0:
        slope = float(np.polyfit(columns[near], rows[near], 1)[0])
    return median((rows - slope * columns).tolist()), slope


def is_regular(rules: _Doubles, cell: float) -> bool:
    """Returns whether rules stand a cell apart, or many do and the others farther, or all as far as groups of cells are."""
    slots = np.rint((rules - rules[0]) / cell)
    pitch = float(np.polyfit(slots, rules, 1)[0]) if slots[-1] >= 2 else cell
    offsets = np.abs(rules - rules[0] - slots * pitch)
    if len(rules) >= 0.7 * (slots[-1] + 1) and offsets.max() <= 2 + 0.06 * pitch:
        return True
    gaps = np.diff(np.sort(rules))
    usual = np.abs(gaps - cell) <= 1.5 + 0.03 * cell
    if len(rules) < 7 or usual.mean() < 0.6:
        return False
    between = gaps < _BETWEEN * cell
    if between.any():  # groups of cells, each with rules on both sides
        return bool(np.ptp(gaps[between]) <= 2 and (usual | between).all())
    return bool(gaps.min() >= 0.9 * cell and gaps.max() <= 2.2 * cell)
