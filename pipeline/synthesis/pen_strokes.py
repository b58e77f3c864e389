"""Draws strokes of a pen onto a page of ink, which holds distances into the ink in pixels."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipeline.synthesis.stroke_language import Points, spline

Floats = npt.NDArray[np.float32]

_MARGIN = 4.0  # pixels around the ink in which its distances matter


def draw_stroke(page: Floats, points: Points, pen: float) -> None:
    """Draws a smooth stroke with a round pen.

    Args:
        page: float32 [h, w]; what the stroke covers becomes ink.
        points: x and y in pixels, float64 [n, 2] with n ≥ 2.
        pen: half the stroke's width in pixels.
    """
    path = spline(points, 6)
    reach = pen + _MARGIN
    (left, top), (right, bottom) = path.min(0) - reach, path.max(0) + reach
    x0, y0 = max(math.floor(left), 0), max(math.floor(top), 0)
    x1, y1 = min(math.ceil(right), page.shape[1]), min(math.ceil(bottom), page.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    x = np.arange(x0, x1, dtype=np.float32) + np.float32(0.5)
    y = np.arange(y0, y1, dtype=np.float32)[:, None] + np.float32(0.5)
    nearest = np.full((y1 - y0, x1 - x0), np.inf, np.float32)
    for (ax, ay), (bx, by) in zip(path[:-1].tolist(), path[1:].tolist(), strict=True):
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / max(length, 1e-9), 0, 1)
        np.minimum(nearest, (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2, out=nearest)
    place = page[y0:y1, x0:x1]
    np.maximum(place, np.float32(pen) - np.sqrt(nearest), out=place)
