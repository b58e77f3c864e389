"""Finds upright printed lines that begin and end together and stand a cell's width apart, as the rules of a comb do."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

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


def upright_slope(dark: _Mask) -> float | None:
    """Estimates how many columns to the right upright lines run in each row downwards.

    Args:
        dark: bool [H, W], H ≥ 8.

    Returns:
        The slope at which most columns are dark over many rows; None where too few are for a comb.
    """
    height, width = dark.shape
    rows = height // _BANDS
    part = dark[(height - rows * _BANDS) // 2 :][: rows * _BANDS]
    bands = part.reshape(_BANDS, rows, width).sum(1) >= 0.8 * rows
    near = bands.copy()
    near[:, 1:] |= bands[:, :-1]
    near[:, :-1] |= bands[:, 1:]
    if not _are_many(near):
        return None
    reach = int(_SLOPES[-1] * height / 2) + 1
    padded = np.zeros((_BANDS, width + 2 * reach), np.int64)
    padded[:, reach:-reach] = bands
    middles = (np.arange(_BANDS) - (_BANDS - 1) / 2) * rows
    shifts = np.rint(_SLOPES[:, None] * middles).astype(np.int64) + reach
    turned = padded[np.arange(_BANDS)[:, None], shifts[:, :, None] + np.arange(width)]
    total = turned.sum(1)
    total[total < _LEAST_BANDS] = 0
    best = int(((total * total).sum(1) * (1 - np.abs(_SLOPES))).argmax())
    return float(_SLOPES[best]) if _are_many(turned[best] > 0) else None


def _are_many(bands: _Mask) -> bool:
    """Returns whether enough lines for a comb go through the same bands, bool [bands, W]."""
    tall = bands[:-2] & bands[1:-1] & bands[2:]
    counts = tall[:, 0] + (tall[:, 1:] & ~tall[:, :-1]).sum(1)
    return bool(counts.max() >= LEAST_RULES)


def sheared(dark: _Mask, slope: float) -> _Mask:
    """Sets lines of a slope upright; the middle row stays."""
    if not slope:
        return dark
    height, width = dark.shape
    shift = np.rint(slope * (np.arange(height) + 0.5 - height / 2)).astype(np.int64)
    columns = np.arange(width) + shift[:, None]
    inside = (columns >= 0) & (columns < width)
    return np.asarray(dark[np.arange(height)[:, None], np.clip(columns, 0, width - 1)] & inside)


def uprights(dark: _Mask, least: int) -> tuple[_Doubles, _Doubles, _Doubles, _Doubles]:
    """Finds thin upright lines.

    Args:
        dark: bool [H, W].
        least: rows that a line has at least.

    Returns:
        Of each line, float64 [n]: its column, its first row, one past its last, and its width.
    """
    height, width = dark.shape
    below = dark.copy()
    for shift in range(1, _GAP + 1):
        below[shift:] |= dark[:-shift]
    closed = below.copy()
    for shift in range(1, _GAP + 1):
        closed[:-shift] &= below[shift:]
    rows = np.arange(height, dtype=np.int16)[:, None]
    lengths = rows - np.maximum.accumulate(np.where(closed, np.int16(-1), rows), axis=0)
    bottom = lengths.argmax(0)
    length = lengths[bottom, np.arange(width)]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], length >= least, [False]])))
    lines: list[tuple[float, int, int, int]] = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        longest = first + int(length[first:last].argmax())
        # Where a stroke runs along a rule, the rule is the longer one.
        same = np.flatnonzero(length[first:last] >= length[longest] - 2) + first
        if same[-1] - same[0] + 1 > max(3.0, _WIDEST * length[longest]):
            continue
        stop = int(bottom[longest]) + 1
        lines.append(
            ((same[0] + same[-1] + 1) / 2, stop - int(length[longest]), stop, int(same[-1] - same[0]) + 1)
        )
    columns, tops, bottoms, thick = np.array(lines, np.float64).reshape(-1, 4).T
    return columns, tops, bottoms, thick


def of_equal_ends(columns: _Doubles, tops: _Doubles, bottoms: _Doubles, slope: float, near: float) -> _Mask:
    """Returns the most lines, bool [n], that begin on one line and end on another, both nearly at right angles to them."""
    best = np.zeros(len(columns), np.bool_)
    for tilt in _TILTS:
        fall = (tilt - slope) * columns
        agree = np.abs((tops - fall)[:, None] - (tops - fall)) <= near
        agree &= np.abs((bottoms - fall)[:, None] - (bottoms - fall)) <= near
        group = agree[int(agree.sum(1).argmax())]
        if group.sum() > best.sum():
            best = group
    return best


def cell_width(columns: _Doubles, extent: float) -> tuple[float, _Mask]:
    """Returns the distance at which most rules stand from another, the smallest of several, and those rules."""
    gaps = columns - columns[:, None]
    candidates = np.unique(np.rint(gaps[(gaps >= _NARROWEST * extent) & (gaps <= _BROADEST * extent)]))
    fits = [np.abs(np.abs(gaps) - candidate) <= 1.5 + 0.03 * candidate for candidate in candidates]
    counts = [int(fit.any(1).sum()) for fit in fits]
    for fit, count in zip(fits, counts, strict=True):
        if count >= 0.75 * max(counts):
            return float(np.median(np.abs(gaps)[fit])), fit.any(1)
    return 0.0, np.zeros(len(columns), np.bool_)


def line_through(columns: _Doubles, rows: _Doubles, slope: float) -> tuple[float, float]:
    """Fits a line through the rules' ends: its row in column 0, and rows per column."""
    fall = rows - slope * columns
    near = np.abs(fall - np.median(fall)) <= 2
    if near.sum() >= 3 and np.ptp(columns[near]) > 0:
        slope = float(np.polyfit(columns[near], rows[near], 1)[0])
    return float(np.median(rows - slope * columns)), slope


def is_regular(rules: _Doubles, cell: float) -> bool:
    """Returns whether rules stand a cell apart, or many do and the others farther."""
    slots = np.rint((rules - rules[0]) / cell)
    pitch = float(np.polyfit(slots, rules, 1)[0]) if slots[-1] >= 2 else cell
    offsets = np.abs(rules - rules[0] - slots * pitch)
    if len(rules) >= 0.7 * (slots[-1] + 1) and offsets.max() <= 2 + 0.06 * pitch:
        return True
    gaps = np.diff(np.sort(rules))
    usual = np.abs(gaps - cell) <= 1.5 + 0.03 * cell
    return bool(
        len(rules) >= 7 and gaps.min() >= 0.9 * cell and usual.mean() >= 0.6 and gaps.max() <= 2.2 * cell
    )
