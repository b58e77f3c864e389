"""Levels the fields of a MICR line: several machines print it, and not all of them at the same height."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.codec import Gray
from serving.images.runs import runs

REACH: Final = 14  # rows that a field may stand above or below the line
_SEEN: Final = 100  # level of ink that counts
_GAP: Final = 18  # columns between two fields, a symbol's pitch
_LEAST: Final = 0.12  # of the ink in a field's fullest row, in a row of its symbols
_OFF: Final = 4  # rows by which a field's symbols may be taller or less tall than a digit
_SMALLER: Final = 0.65  # of a digit's rows
_SEVERAL: Final = 54  # columns, three symbols
_SLIGHT: Final = 2  # rows; less is left as it is

_Ints = npt.NDArray[np.int64]


def drops(band: Gray, digit: int) -> _Ints:
    """Measures how far the fields of a line stand below its middle, in rows, int64 [w].

    Args:
        band: uint8 [h, w], the line in its middle, with at least `REACH` rows of paper above and below.
        digit: rows of a digit.
    """
    by_column = np.zeros(band.shape[1], np.int64)
    ink = band > _SEEN
    inked = np.asarray(ink.any(0))
    # A gap that is narrow is inside a field.
    for start, stop in runs(~inked):
        inked[start:stop] = stop - start <= _GAP and start > 0 and stop < len(inked)
    for start, stop in runs(inked):
        by_column[start:stop] = _drop(ink[:, start:stop], digit)
    return by_column


def leveled(band: Gray, by_column: _Ints, height: int) -> Gray:
    """Moves each column of a band up by so many rows, and cuts off what is above and below the line.

    Args:
        band: uint8 [height + 2·REACH, w].
        by_column: int64 [w].
        height: rows of the result.

    Returns:
        uint8 [height, w].
    """
    rows = np.arange(height)[:, None] + REACH + by_column
    return np.take_along_axis(band, rows, 0)


def _drop(ink: npt.NDArray[np.bool_], digit: int) -> int:
    """Returns by how many rows a field, bool [h, w], is too low; 0 where its symbols' height is not to be seen."""
    inked = ink.sum(1)
    rows = runs(inked >= max(1, _LEAST * inked.max()))
    top, bottom = max(rows, key=lambda row: int(inked[slice(*row)].sum()))
    drop = round((top + bottom - len(ink)) / 2)
    # A field of several symbols may be printed smaller; one symbol alone may be a dash or a mark.
    least = digit * _SMALLER if ink.shape[1] >= _SEVERAL else digit - _OFF
    return drop if least <= bottom - top <= digit + _OFF and _SLIGHT <= abs(drop) <= REACH else 0
