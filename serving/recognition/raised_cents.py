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

from serving.decoding.amounts import Amount, raised_cents
from serving.images.digit import INK_LEVEL
from serving.images.field import Field
from serving.manifest import Sliding
from serving.recognition import boxes

_SMALL: Final = 0.85  # of the others' height, and of the nearest's; less tall are both digits of raised cents
_UNDERLINE: Final = 4  # rows; ink below a digit, apart from it and no taller, is not the digit's


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
    say so, and on the line where neither does. One digit alone may be large by itself and proves nothing.

    Args:
        field: the normalized field.
        columns: for three or more digits from left to right, their first column and one past the last.
    """
    extents = _extents(field, columns)
    heights = [bottom - top for top, bottom in extents]
    if max(heights[-2:]) > _SMALL * min(median(heights[:-2]), heights[-3]):
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
    clear = in_picture is Place.RAISED and by_neighbor is not Place.LINE and len(columns) > 3
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


def _extents(field: Field, columns: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """Returns each digit's first row and one past its last, without an underline; of one without ink, the middle."""
    inked = np.vstack([field.pixels.T >= INK_LEVEL, np.zeros((1, field.pixels.shape[0]), np.bool_)])
    extents: list[tuple[float, float]] = []
    for rows in np.logical_or.reduceat(inked, np.ravel(columns))[::2].tolist():
        edges = [row for row, ink in enumerate((*rows, False)) if ink is not (row > 0 and rows[row - 1])]
        runs = list(zip(edges[::2], edges[1::2], strict=True))
        if not runs:
            runs = [(len(rows) // 4, 3 * len(rows) // 4)]
        tallest = max(runs, key=lambda run: run[1] - run[0])
        bottom = max(end for first, end in runs if first <= tallest[0] or end - first > _UNDERLINE)
        extents.append((runs[0][0], bottom))
    return extents
