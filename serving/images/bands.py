"""Looks for upright lines in bands of rows, and moves rows sideways so that lines that lean stand upright."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


def dark_bands(dark: _Mask, count: int, share: float) -> _Mask:
    """Returns where bands of rows are dark, bool [count, W].

    Args:
        dark: bool [H, W], H ≥ count; the bands lie in its middle.
        count: how many bands.
        share: of a band's rows, that have to be dark.
    """
    height, width = dark.shape
    rows = height // count
    part = dark[(height - rows * count) // 2 :][: rows * count].reshape(count, rows, width)
    # Of bytes, the sum takes half the time.
    dtype = np.uint8 if rows < 256 else np.int64
    return np.asarray(part.view(np.uint8).sum(1, dtype) >= share * rows)


def widened(bands: _Mask) -> _Mask:
    """Returns where a band or the column next to it is dark."""
    near = bands.copy()
    near[:, 1:] |= bands[:, :-1]
    near[:, :-1] |= bands[:, 1:]
    return near


def shifted(mask: _Mask, shifts: _Ints, width: int) -> _Mask:
    """Returns columns 0 to `width` of rows that are moved to the left, by several shifts each; outside is nothing.

    Args:
        mask: bool [rows, W].
        shifts: int64 [..., rows], columns.
        width: of the result.

    Returns:
        bool [..., rows, width].
    """
    rows, columns = mask.shape
    before = max(0, -int(shifts.min()))
    after = max(0, int(shifts.max()) + width - columns)
    padded = np.zeros((rows, before + columns + after), np.bool_)
    padded[:, before : before + columns] = mask
    # A view made by hand, of which whole rows are copied.
    places = before + columns + after - width + 1
    windows = np.ndarray((rows, places, width), np.bool_, padded, 0, (padded.strides[0], 1, 1))
    return np.asarray(windows[np.arange(rows), shifts + before])
