"""Finds ink that no symbol covers, where a digit may have been missed, and ink that is too tall to be left unread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images import sliding_window as slide
from serving.images.codec import Gray
from serving.images.digit import INK_LEVEL
from serving.images.field import BODY
from serving.images.runs import runs
from serving.manifest import Sliding

_REACH: Final = 11  # columns to each side of its steps that a digit may take
_TALL: Final = BODY * 3 // 4  # rows; a dash, "=" or a rest of a rule is less
_WIDE: Final = 3  # columns
_STROKE: Final = BODY // 3  # rows; points and dashes are less
_NEAR: Final = 3  # columns to each side of a step's middle


def uncovered_ink(pixels: Gray, spans: Sequence[tuple[int, int]], sliding: Sliding) -> bool:
    """Returns whether ink as tall as a digit stands apart from all symbols.

    Args:
        pixels: uint8 [32, w], of a field.
        spans: for each symbol the first and the last step that stand for it.
        sliding: the network's.
    """
    ink = pixels >= INK_LEVEL
    free = np.any(ink, 0)
    for first, last in spans:
        start, stop = (round(slide.center(step, sliding)) for step in (first, last))
        free[max(0, start - _REACH) : max(0, stop + _REACH + 1)] = False
    return any(
        last - first >= _WIDE and rows_of_ink(ink[:, first:last]) >= _TALL for first, last in runs(free)
    )


def tall_ink(pixels: Gray, steps: int, sliding: Sliding) -> npt.NDArray[np.bool_]:
    """Returns for each step whether ink in its middle is as tall as a stroke or a cross, bool [steps].

    Args:
        pixels: uint8 [32, w], of a field.
        steps: that belong to the field.
        sliding: the network's.
    """
    ink = pixels >= INK_LEVEL
    middles = [round(slide.center(step, sliding)) for step in range(steps)]
    parts = [ink[:, max(0, middle - _NEAR) : max(0, middle + _NEAR + 1)] for middle in middles]
    return np.array([rows_of_ink(part) >= _STROKE for part in parts])


def rows_of_ink(ink: npt.NDArray[np.bool_]) -> int:
    """Counts the rows from the first that holds ink to the last."""
    rows = np.flatnonzero(ink.any(1))
    return int(rows[-1] - rows[0]) + 1 if len(rows) else 0
