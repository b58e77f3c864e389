"""Judges whether a field's last two digits are raised cents: smaller than the others and higher, maybe underlined.

The limits were chosen on 120 drawn amounts with raised cents and on 767 Chilean ones without cents, whose zeros often
shrink and rise toward the end: none of these may be taken for cents, few be unclear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.decoding.amounts import Amount, raised_cents
from serving.images.digit import INK_LEVEL
from serving.images.field import Field
from serving.manifest import Sliding
from serving.recognition import boxes

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
    level = replace(field, to_picture=np.eye(2, 3))
    height, width = field.pixels.shape
    symbols = boxes.boxes(level, spans, sliding, (0, 0), (width, height))
    columns = [(symbols[digit][0], symbols[digit][0] + symbols[digit][2]) for digit in raised.digits]
    match place(field, columns):
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
    extents = np.array([_extent(field, *span) for span in columns], float)
    centers = np.mean(columns, 1)
    tops, bottoms = (
        (field.to_picture @ np.stack([centers, rows, np.ones_like(rows)]))[1] for rows in extents.T
    )
    heights = extents[:, 1] - extents[:, 0]
    smallest = min(np.median(heights[:-2]), heights[-3])
    in_picture = _lifted(tops, bottoms, np.median(tops[:-2]), np.median(bottoms[:-2]))
    by_neighbor = _lifted(*extents.T, *extents[-3])
    if heights[-2:].max() > 0.85 * smallest or Place.LINE is in_picture is by_neighbor:
        return Place.LINE
    clear = in_picture is Place.RAISED and by_neighbor is not Place.LINE and len(columns) > 3
    return Place.RAISED if clear else Place.UNCLEAR


def _lifted(
    tops: npt.NDArray[np.float64], bottoms: npt.NDArray[np.float64], top: float, bottom: float
) -> Place:
    """Judges the last two by how far their feet are above `bottom` and their heads below `top`."""
    height = np.median((bottoms - tops)[:-2])
    feet, heads = (bottom - bottoms[-2:]) / height, (tops[-2:] - top) / height
    if feet.min() >= 0.35 and heads.max() <= 0.2:
        return Place.RAISED
    if feet.mean() >= 0.25 and feet.min() >= 0.125 and heads.mean() <= 0.15:
        return Place.UNCLEAR
    return Place.LINE


def _extent(field: Field, start: int, stop: int) -> tuple[int, int]:
    """Returns a digit's first row and one past its last, without an underline; of one without ink, the middle."""
    inked = np.asarray((field.pixels[:, start:stop] >= INK_LEVEL).any(1))
    runs = np.flatnonzero(np.diff(inked, prepend=False, append=False)).reshape(-1, 2).tolist()
    if not runs:
        return len(inked) // 4, 3 * len(inked) // 4
    tallest = max(runs, key=lambda run: run[1] - run[0])
    stop_row = max(end for first, end in runs if first <= tallest[0] or end - first > _UNDERLINE)
    return runs[0][0], stop_row
