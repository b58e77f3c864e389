"""Tells lines of CMC-7, the other magnetic font, whose symbols are seven upright bars each, from those of E-13B."""

from __future__ import annotations

from typing import Final

import numpy as np

from serving.images.connected_components import Components
from serving.images.micr_rows import BARS, find_rows
from serving.images.slope_slant import BoundingBoxes

_BARS: Final = 7  # of a symbol
_LEAST: Final = 3  # symbols
_GAP: Final = (
    0.24  # of a bar's height, from bar to bar; within a symbol at most 0.18, between two at least 0.3
)
_SHARE: Final = 0.6  # of the groups of bars that are seven


def is_cmc7(components: Components) -> bool:
    """Returns whether bars stand in one row, most of them in groups of seven.

    Where bars have run together the answer is no.

    Args:
        components: of the picture's ink.
    """
    rows = find_rows(components, BARS)
    if not rows:
        return False
    row = rows[0]
    boxes = BoundingBoxes.of(components, row.slope, 0.0)
    cosine = 1 / np.hypot(1, row.slope)
    middle = cosine * (boxes.top + boxes.bottom) / 2
    within = (middle > row.top) & (middle < row.top + row.height)
    if not within.any():
        return False
    order = np.flatnonzero(within)[boxes.left[within].argsort(kind="stable")]
    left, right = boxes.left[order], np.maximum.accumulate(boxes.right[order])
    bars = left[np.append(True, left[1:] >= right[:-1])]  # the parts of a broken bar are one above the other
    edges = np.flatnonzero(np.diff(bars) > _GAP * row.height) + 1
    sizes = np.diff(np.concatenate([[0], edges, [len(bars)]]))
    return len(sizes) >= _LEAST and bool(np.mean(sizes == _BARS) >= _SHARE)
