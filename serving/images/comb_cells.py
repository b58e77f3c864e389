"""Tells a comb's cells from its rules, and which of them hold writing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.codec import Gray
from serving.images.digit import INK_LEVEL

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]
_Doubles = npt.NDArray[np.float64]

_LEAST_CELLS: Final = 4
_MOST_RULES: Final = 100
_LEAST_WRITTEN: Final = 6  # rows of a normalized field that a digit takes


@dataclass(frozen=True)
class Comb:
    """A printed comb, in pixels of the picture.

    Attributes:
        slope: how many columns to the right its rules run in each row downwards.
        top, bottom: a row in the picture's first column, and rows per column: lines through the rules' ends.
        rules: float64 [n], each rule's column in the picture's middle row, ascending.
        thick: how many columns a rule takes.
        cells: first and last column of each cell in the picture's middle row.
        closed: whether borders run along the ends.
    """

    slope: float
    top: tuple[float, float]
    bottom: tuple[float, float]
    rules: _Doubles
    thick: float
    cells: tuple[tuple[float, float], ...] = ()
    closed: tuple[bool, bool] = (False, False)


def border(dark: _Mask, comb: Comb, end: tuple[float, float]) -> tuple[_Ints, int, float]:
    """Finds the darkest line along the ends of a comb's rules.

    Args:
        dark: bool [H, W].
        comb: with its rules.
        end: the line through their ends, `comb.top` or `comb.bottom`.

    Returns:
        Its middle row at every column, int64 [W], how many rows it takes, and the share of it that is dark.
    """
    height, width = dark.shape
    columns = np.arange(width)
    inside = (columns >= comb.rules[0]) & (columns < comb.rules[-1])
    path = np.rint(end[0] + end[1] * (columns + 0.5) - 0.5).astype(np.int64)
    reach = max(3, round(comb.thick) + 1)
    rows = path[inside] + np.arange(-reach, reach + 1)[:, None]
    covered = dark[np.clip(rows, 0, height - 1), columns[inside]] & (rows >= 0) & (rows < height)
    level = covered.sum(1) / covered.shape[1]
    share = float(level.max())
    darkest = np.flatnonzero(level >= share - 0.05)
    middle = path - reach + round(float(darkest.mean()))
    return np.asarray(middle), int((level >= 0.6 * share).sum()), share


def border_share(dark: _Mask, comb: Comb, end: tuple[float, float], columns: _Ints) -> float:
    """Returns the share of some columns in which the darkest line along an end is dark, or a row above or below it."""
    rows = np.clip(border(dark, comb, end)[0], 0, len(dark) - 1)[columns]
    near = [dark[np.clip(rows + nudge, 0, len(dark) - 1), columns] for nudge in (-1, 0, 1)]
    return float(np.any(near, axis=0).mean())


def completed(comb: Comb, dark: _Mask, upright: _Mask, cell: float, others: Sequence[float] = ()) -> Comb:
    """Adds the rules that strokes hid, and the cells between the rules and, where there is writing, beside them."""
    height, width = upright.shape
    first = max(0, round(max(comb.top[0], comb.top[0] + comb.top[1] * width)) + 1)
    last = min(height, round(min(comb.bottom[0], comb.bottom[0] + comb.bottom[1] * width)) - 1)
    if last - first < 4:
        return comb
    cover = upright[first:last].sum(0) / (last - first)
    rules = comb.rules.tolist()
    gaps = np.diff(comb.rules)
    between = gaps[gaps < 0.6 * cell]
    boxes = len(between) >= 2
    step = cell + median(between.tolist()) if boxes else cell
    apart = 2 + 0.05 * cell if boxes else 0.3 * cell

    def spread(queue: list[float]) -> None:
        while queue and len(rules) < _MOST_RULES:
            start = queue.pop()
            for place in (start - step, start + step):
                if all(abs(place - rule) > apart for rule in rules):
                    column = _dark_column(cover, place, 1 + 0.05 * cell, 0.8)
                    # Where everything is dark, the column of a rule would be found again and again.
                    if column is not None and all(abs(column - rule) >= 1 for rule in rules):
                        rules.append(column)
                        queue.append(column)

    spread(list(rules))
    for other in others if all(comb.closed) else ():
        # Day, month and year may stand apart.
        near = min(abs(other - rule) for rule in rules)
        partners = (_dark_column(cover, other + side, 1 + 0.05 * cell, 0.8) for side in (-cell, cell))
        pair = [other, *(partner for partner in partners if partner is not None)]
        if near > 2 + 0.05 * cell and len(pair) > 1 if boxes else 0.8 * cell < near < 3.2 * cell:
            fresh = [edge for edge in pair if all(abs(edge - rule) > 2 + 0.05 * cell for rule in rules)]
            rules += fresh
            spread(fresh)
    rules.sort()
    # Between boxes there are gaps; the cells of a strip may be wider, but not much narrower.
    cells: list[tuple[float, float]] = []
    hidden: list[float] = []
    for left, right in itertools.pairwise(rules):
        wide = (right - left) / cell
        if boxes and abs(wide - 1) > 0.1 + 1.5 / cell:
            continue
        # A rule that cannot be told from a stroke stands between two cells.
        count = 2 if abs(wide - 2) < 0.12 else 1 if wide >= 0.6 else 0
        part = (right - left) / max(count, 1)
        if count == 2:
            hidden += [_dark_column(cover, left + part, 1 + 0.05 * cell, 0.25) or left + part]
        cells += [(left + number * part, left + (number + 1) * part) for number in range(count)]
    # Rules without a frame have cells beside the first and the last, too.
    rules = sorted(rules + hidden)
    comb = replace(comb, rules=np.array(rules))
    for left, right in ((rules[0] - cell, rules[0]), (rules[-1], rules[-1] + cell)):
        first_column, last_column = max(0, round(left)), min(width, round(right))
        if last_column - first_column < 0.5 * cell or (boxes and any(comb.closed)):
            continue
        inset = round(comb.thick) + 1
        inner = (
            slice(first_column, last_column - inset)
            if left < rules[0]
            else slice(first_column + inset, last_column)
        )
        if _is_written(upright[first:last, inner]) and _goes_on(dark, comb, inner):
            cells.append((left, right))
    cells.sort()
    return replace(comb, rules=np.array(rules), cells=tuple(cells))


def _goes_on(dark: _Mask, comb: Comb, inner: slice) -> bool:
    """Returns whether all borders that a comb has go on in some columns beside it."""
    columns = np.arange(inner.start, inner.stop)
    return all(
        border_share(dark, comb, end, columns) >= 0.7
        for end, closed in zip((comb.top, comb.bottom), comb.closed, strict=True)
        if closed
    )


def _dark_column(cover: _Doubles, column: float, reach: float, least: float) -> float | None:
    """Returns the darkest column near a place, where it is dark enough."""
    first, last = max(0, round(column - reach)), min(len(cover), round(column + reach) + 1)
    if last <= first:
        return None
    dark = cover[first:last]
    best = np.flatnonzero(dark >= dark.max() - 0.02)
    return first + float(best.mean()) + 0.5 if dark.max() >= least else None


def holds_writing(upright: _Mask, comb: Comb) -> bool:
    """Returns whether most cells hold ink, and this is less tall than the rules."""
    height = len(upright)
    count = 0
    for left, right in comb.cells:
        middle = (left + right) / 2
        last = min(height, round(comb.bottom[0] + comb.bottom[1] * middle))
        first = max(0, min(round(comb.top[0] + comb.top[1] * middle), round(last - 0.8 * (right - left))))
        margin, inset = max(2, (last - first) // 10), comb.thick / 2 + 1.5
        part = upright[first + margin : last - margin, max(0, int(left + inset)) : int(right - inset) + 1]
        count += _is_written(part)
    return len(comb.cells) >= _LEAST_CELLS and count >= 0.5 * len(comb.cells)


def _is_written(part: _Mask) -> bool:
    """Returns whether there is ink of some height in a cell, bool [rows, columns]."""
    rows = np.flatnonzero(part.any(1))
    return bool(len(rows)) and rows[-1] - rows[0] >= 0.25 * len(part)


def written_cells(
    pixels: Gray, comb: Comb, to_picture: _Doubles, height: int
) -> tuple[tuple[float, float], ...]:
    """Returns the cells that hold writing in a normalized field.

    Args:
        pixels: uint8 [h, w], of the field.
        comb: in the picture.
        to_picture: float64 [2, 3], maps (x, y, 1) in the field to x, y in the picture.
        height: the picture's.

    Returns:
        Each cell's first and last column in the field's middle row, left to right; none if a cell between
        two others is empty.
    """
    (xx, xy, x0), (yx, yy, y0) = to_picture.tolist()
    row = len(pixels) / 2
    shift = xy * row + x0 - comb.slope * (yy * row + y0 - height / 2)
    edges = (np.array(comb.cells) - shift) / (xx - comb.slope * yx)
    written = []
    for left, right in edges.tolist():
        inset = 0.12 * (right - left)
        part = pixels[:, max(0, round(left + inset)) : max(0, round(right - inset))] >= INK_LEVEL
        rows = np.flatnonzero(part.any(1))
        written.append(bool(len(rows)) and rows[-1] - rows[0] >= _LEAST_WRITTEN)
    places = np.flatnonzero(written)
    if not len(places) or places[-1] - places[0] + 1 > len(places):
        return ()
    return tuple((float(left), float(right)) for left, right in edges[places].tolist())
