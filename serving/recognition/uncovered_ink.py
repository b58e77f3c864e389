"""Finds ink that no symbol covers: a digit may have been missed, as in a field that is upside down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from serving.images import sliding_window as slide
from serving.images.codec import Gray
from serving.images.digit import INK_LEVEL
from serving.images.field import BODY
from serving.images.runs import runs
from serving.manifest import Sliding

_REACH: Final = 11  # columns to each side of its steps that a digit may take
_TALL: Final = BODY * 3 // 4  # rows; a dash, "=" or a rest of a rule is less
_WIDE: Final = 3  # columns


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
    for first, last in runs(free):
        if last - first >= _WIDE:
            rows = np.flatnonzero(ink[:, first:last].any(1))
            if rows[-1] - rows[0] + 1 >= _TALL:
                return True
    return False
