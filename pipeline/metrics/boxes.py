"""Compares boxes: left, top, right, bottom."""

from __future__ import annotations

from collections.abc import Sequence


def share_of_overlap(box: Sequence[float], other: Sequence[float]) -> float:
    """Computes the area that two boxes share, as a share of the area that they cover together (intersection over union)."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(edges[2] - edges[0]) * (edges[3] - edges[1]) for edges in (box, other)]
    return shared / (sum(areas) - shared) if shared else 0.0


def edges(box: Sequence[float]) -> tuple[float, float, float, float]:
    """Returns left, top, right and bottom of a box that is given as x, y, width and height."""
    x, y, width, height = map(float, box)
    return x, y, x + width, y + height
