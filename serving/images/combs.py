"""Finds printed combs, boxes and cells around digits.

A comb's rules are upright, straight and thin, begin and end on the same rows, and stand apart by the width of a cell,
which no row of handwritten ones does; and between them there is ink that is less tall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.comb_cells import Comb, border, border_share, completed, holds_writing
from serving.images.comb_rules import (
    LEAST_RULES,
    cell_width,
    is_regular,
    line_through,
    of_equal_ends,
    sheared,
    upright_slope,
    uprights,
)
from serving.images.runs import runs

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]

# Of the picture's height; taller rules are sought first, as digits' sides may end alike, too.
_LEAST_TALL: Final = 0.85, 0.45
_SQUARE: Final = 0.02  # rows per column
_OVERSHOT: Final = 0.3  # of the columns
# Of a cell's columns, how many a border covers at least, one border beside a fainter one, and ink where no border is.
_BORDER, _CLEAR_BORDER, _FAINT_BORDER, _NO_BORDER = 0.86, 0.95, 0.8, 0.5


def find_comb(dark: _Mask, lines: Sequence[_Ints] = ()) -> Comb | None:
    """Finds a comb.

    Args:
        dark: bool [H, W], pixels that are darker than paper, rules and strokes alike.
        lines: the horizontal rules in the picture, as `ruled_lines.horizontal_rules` gives them.

    Returns:
        None where there is none, or one that is not certain.
    """
    height, width = dark.shape
    if height < 16 or width < 2.5 * height:
        return None
    slope = upright_slope(dark)
    comb = None if slope is None else _tall_comb(dark, slope)
    if comb is None and slope is not None and lines:
        # A rule below the comb may run through the ends of its rules.
        bare = dark.copy()
        for line in lines:
            columns = np.flatnonzero(line >= 0)
            for offset in range(-max(2, height // 24), max(2, height // 24) + 1):
                bare[np.clip(line[columns] + offset, 0, height - 1), columns] = False
        comb = _tall_comb(bare, slope)
    if comb is not None:
        turn = -(comb.top[1] + comb.bottom[1]) / 2
        if abs(turn - comb.slope) > 0.006:  # as exactly as the ends say
            comb = _tall_comb(dark, turn) or comb
        comb = comb if _is_square(comb) else None
    for line in lines if comb is None else ():
        comb = comb or _open_comb(dark, line)
    return comb


def _tall_comb(dark: _Mask, slope: float) -> Comb | None:
    """Finds a comb whose rules are as high as its cells, or nearly."""
    upright = sheared(dark, slope)
    for share in _LEAST_TALL:
        comb = _comb_of(dark, upright, slope, int(share * len(dark)))
        if comb is not None:
            return comb
    return None


def _comb_of(dark: _Mask, upright: _Mask, slope: float, least: int) -> Comb | None:
    """Finds a comb whose rules take so many rows at least."""
    height = len(dark)
    columns, tops, bottoms, thick = uprights(upright, least)
    if len(columns) < LEAST_RULES:
        return None
    group = of_equal_ends(columns, tops, bottoms, slope, max(2.0, 0.05 * height))
    if group.sum() < LEAST_RULES:
        return None
    columns, thick, tops, bottoms = columns[group], thick[group], tops[group], bottoms[group]
    cell, members = cell_width(columns, median((bottoms - tops).tolist()))
    if members.sum() < LEAST_RULES:
        return None
    others = columns[~members].tolist()
    columns, tops, bottoms = columns[members], tops[members], bottoms[members]
    top, bottom = line_through(columns, tops, -slope), line_through(columns, bottoms, -slope)
    comb = Comb(slope, top, bottom, columns, median(thick[members].tolist()))
    comb = replace(comb, closed=(border(dark, comb, top)[2] > 0.6, border(dark, comb, bottom)[2] > 0.6))
    comb = completed(comb, dark, upright, cell, others)
    # Without borders more rules are needed: three or four strokes of a hand may well end alike.
    if not all(comb.closed) and (members.sum() <= LEAST_RULES or not is_regular(comb.rules, cell)):
        return None
    if _is_overshot(dark, comb):
        return None
    return comb if holds_writing(upright, comb) and _has_clear_ends(dark, comb) else None


def _open_comb(dark: _Mask, line: _Ints) -> Comb | None:
    """Finds a comb of short ticks that stand on a horizontal rule, whose row at every column is given."""
    height, width = dark.shape
    columns = np.flatnonzero(line >= 0)
    first, last = int(columns[0]), int(columns[-1])
    fall = float(line[last] - line[first]) / max(1, last - first)
    row = float(line[first]) + 0.5 - fall * (first + 0.5)
    above = np.arange(height // 2)[:, None]
    rows = np.floor(row + fall * (columns + 0.5)).astype(np.int64) - above
    across = columns + np.rint(fall * above).astype(np.int64)
    inside = (rows >= 0) & (rows < height) & (across >= 0) & (across < width)
    band = dark[np.clip(rows, 0, height - 1), np.clip(across, 0, width - 1)] & inside
    free = np.flatnonzero(band.sum(1) < 0.5 * len(columns))
    if not len(free):
        return None
    base = int(free[0]) + 1
    lengths = np.logical_and.accumulate(band[base:], axis=0).sum(0)
    least = max(3, height // 16)
    ticks = [
        (columns[0] + (first + last) / 2, float(lengths[first:last].max()), last - first)
        for first, last in runs(lengths >= least)
        if last - first <= max(4, height // 8)
    ]
    if len(ticks) <= LEAST_RULES:
        return None
    places, tall, thick = np.array(ticks, np.float64).T
    alike = np.abs(tall[:, None] - tall) <= max(2.0, 0.05 * height)
    group = alike[int(alike.sum(1).argmax())]
    cell, members = cell_width(places[group], 0.6 * height)
    if members.sum() <= LEAST_RULES:
        return None
    rules = places[group][members]
    if not is_regular(rules, cell):
        return None
    extent = base + median(tall[group][members].tolist())
    # From the base line to the picture's middle row:
    rules = rules - fall * (height / 2 - (row + fall * rules))
    comb = Comb(-fall, (row - extent, fall), (row + 1, fall), rules, median(thick[group][members].tolist()))
    upright = sheared(dark, -fall)
    comb = completed(replace(comb, closed=(False, True)), dark, upright, cell)
    return comb if holds_writing(upright, comb) else None


def _is_square(comb: Comb) -> bool:
    """Returns whether the rules' ends lie on parallel lines at right angles to them, which round digits' sides do not."""
    across = (comb.top[1] + comb.bottom[1]) / 2
    return abs(comb.top[1] - comb.bottom[1]) <= _SQUARE and abs(across + comb.slope) <= _SQUARE


def _is_overshot(dark: _Mask, comb: Comb) -> bool:
    """Returns whether much ink goes on beyond the rules' ends, as it does above and below the sides of zeros."""
    height, width = dark.shape
    columns = np.arange(max(0, round(comb.rules[0])), min(width, round(comb.rules[-1])))
    for end, side in ((comb.top, -1), (comb.bottom, 1)):
        rows = np.floor(end[0] + end[1] * (columns + 0.5)).astype(np.int64) - (side > 0)
        for beyond in (3, 4):
            row = rows + side * beyond
            covered = dark[np.clip(row, 0, height - 1), columns] & (row >= 0) & (row < height)
            share = np.count_nonzero(covered) / len(columns)
            if _OVERSHOT < share < 0.85:  # more is a printed rule
                return True
    return False


def _has_clear_ends(dark: _Mask, comb: Comb) -> bool:
    """Returns whether along its rules' ends borders run from rule to rule, or nothing does.

    The sides of printed digits stand as regularly as rules, but their curves cover the most part of both ends.
    """
    inside = np.zeros(dark.shape[1], np.bool_)
    for left, right in comb.cells:
        inside[max(0, int(left)) : int(right) + 1] = True
    columns = np.flatnonzero(inside)
    shares = [border_share(dark, comb, end, columns) for end in (comb.top, comb.bottom)]
    least, most = min(shares), max(shares)
    if most <= _NO_BORDER or least >= _BORDER:
        return True
    return most >= _CLEAR_BORDER and not _NO_BORDER < least < _FAINT_BORDER
