"""Judges whether a field's last two digits are raised cents: smaller than the others and higher, maybe underlined.

The limits were chosen on 120 drawn amounts with raised cents and on 767 Chilean ones without cents, whose zeros often
shrink and rise toward the end: none of these may be taken for cents, few be unclear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.decoding.amounts import Amount, raised_cents
from serving.images.digit import INK_LEVEL
from serving.images.field import Field
from serving.images.runs import runs
from serving.manifest import Sliding
from serving.recognition import boxes

_SMALL: Final = 0.85  # of the others' height, and of the nearest's; less tall are both digits of raised cents
_UNDERLINE: Final = 4  # rows; ink below a digit, apart from it and no taller, is not the digit's
_THIN: Final = 6  # rows of an underline in a column
_STRAIGHT: Final = 2  # rows that it is from a straight line
_UNDERLINED: Final = 0.8  # of the columns of the last two digits at least
_GOES_ON: Final = 0.9  # of those from the digit before to them at most; more is a line below the whole amount


class Place(Enum):
    """Where the last two digits stand."""

    LINE = "on the line"
    RAISED = "raised"
    UNCLEAR = "unclear"


def with_raised_cents(
    amount: Amount,
    written: str,
    locale: str | None,
    field: Field,
    spans: Sequence[tuple[int, int]],
    sliding: Sliding,
) -> Amount:
    """Returns the amount with its last two digits as cents where they are raised, a doubt where they may be.

    Args:
        amount: what `interpret` or `predict_amount` made of the string.
        written: the string.
        locale: as for `interpret`.
        field: the normalized field.
        spans: for each character, the first and the last step that stand for it.
        sliding: the network's.
    """
    raised = raised_cents(written, locale)
    if raised is None:
        return amount
    columns = boxes.columns(field.pixels, spans, sliding)
    match place(field, [columns[digit] for digit in raised.digits]):
        case Place.RAISED:
            return raised
        case Place.UNCLEAR:
            doubt = amount.doubt or "unclear amount: the last two digits may be raised cents"
            return replace(amount, amount=None, doubt=doubt)
    return amount


def place(field: Field, columns: Sequence[tuple[int, int]]) -> Place:
    """Judges the last two of a field's digits by the others.

    Their place is judged twice, for the tilt of a picture and that of raised cents look alike: in the picture against
    all others, and in the normalized field, which is laid level, against the nearest one. They are raised where both
    say so, and on the line where neither does. One digit alone may be large by itself and proves nothing. A line below
    the last two alone is drawn below cents: then it is enough that they may be raised.

    Args:
        field: the normalized field.
        columns: for three or more digits from left to right, their first column and one past the last.
    """
    inked = field.pixels >= INK_LEVEL
    underline = _underline(inked, columns)
    if underline is not None:
        first, rows = underline
        inked[:, first : first + len(rows)] &= np.arange(len(inked))[:, None] < rows
    extents = _extents(inked, columns)
    heights = [bottom - top for top, bottom in extents]
    usual = median(heights[:-2])
    if max(heights[-2:]) > _SMALL * (usual if underline is not None else min(usual, heights[-3])):
        return Place.LINE
    by_neighbor = _lifted(extents, [extents[-3]])
    tilt, scale, _ = field.to_picture[1]
    shifts = [tilt * (start + stop) / 2 for start, stop in columns]
    upright = [
        (scale * top + shift, scale * bottom + shift)
        for (top, bottom), shift in zip(extents, shifts, strict=True)
    ]
    in_picture = _lifted(upright, upright[:-2])
    if Place.LINE is in_picture is by_neighbor:
        return Place.LINE
    clear = underline is not None or (in_picture is Place.RAISED and by_neighbor is not Place.LINE)
    clear &= len(columns) > 3
    return Place.RAISED if clear else Place.UNCLEAR


def _lifted(extents: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> Place:
    """Judges the last two extents by how far their feet are above those of others, and their heads below."""
    height = median(bottom - top for top, bottom in extents[:-2])
    top, bottom = (median(places) for places in zip(*others, strict=True))
    feet = [(bottom - foot) / height for _, foot in extents[-2:]]
    heads = [(head - top) / height for head, _ in extents[-2:]]
    if min(feet) >= 0.35 and max(heads) <= 0.2:
        return Place.RAISED
    if sum(feet) >= 0.5 and min(feet) >= 0.125 and sum(heads) <= 0.3:
        return Place.UNCLEAR
    return Place.LINE


def _underline(
    inked: npt.NDArray[np.bool_], columns: Sequence[tuple[int, int]]
) -> tuple[int, npt.NDArray[np.int64]] | None:
    """Finds a line below the last two digits that is not below the one before.

    Returns:
        Its first column, and its first row there and in each column after; None where there is none.
    """
    first, last = columns[-2][0], columns[-1][1]
    lowest = [runs(column)[-1] if column.any() else (0, 0) for column in inked[:, first:last].T]
    low, high = np.array(lowest).T
    thin = (high > len(inked) // 2) & (high - low <= _THIN)
    if thin.sum() < 3:
        return None
    places = np.flatnonzero(thin)
    slope, start = np.polyfit(places, low[thin], 1)
    across = np.arange(first, last)
    path = start + slope * (across - first)
    if np.mean(thin & (np.abs(low - path) <= _STRAIGHT)) < _UNDERLINED:
        return None
    before = np.arange(min(columns[-3][0], first - 1), first)
    rows = np.rint(start + slope * (before - first)).astype(np.int64) + np.array([[0], [1], [2]])
    if inked[np.clip(rows, 0, len(inked) - 1), before].any(0).mean() > _GOES_ON:
        return None
    return first, np.rint(path).astype(np.int64)


def _extents(inked: npt.NDArray[np.bool_], columns: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """Returns each digit's first row and one past its last, without an underline; of one without ink, the middle."""
    inked = np.vstack([inked.T, np.zeros((1, len(inked)), np.bool_)])
    extents: list[tuple[float, float]] = []
    for rows in np.logical_or.reduceat(inked, np.ravel(columns))[::2]:
        strokes = runs(rows) or [(len(rows) // 4, 3 * len(rows) // 4)]
        tallest = max(strokes, key=lambda run: run[1] - run[0])
        bottom = max(end for first, end in strokes if first <= tallest[0] or end - first > _UNDERLINE)
        extents.append((strokes[0][0], bottom))
    return extents
