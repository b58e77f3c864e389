"""Bends stroke styles as hands do, and lays them on a glyph's map."""

from __future__ import annotations

import itertools

import numpy as np

from pipeline.synthesis.glyph_bank import BASE, COLUMNS, UNIT
from pipeline.synthesis.stroke_language import Points, Style, smooth_parts, spline


def bend(style: Style, rng: np.random.Generator, amount: float, waist: float = 0.0) -> Style:
    """Moves the style's points, and raises or lowers its middle; shared points stay shared."""
    shift = rng.normal(0, waist) if waist else 0.0
    points = dict.fromkeys(itertools.chain(*style))
    moved: dict[tuple[float, float], tuple[float, float]] = {}
    for point, (across, down) in zip(points, rng.normal(0, amount, (len(points), 2)).tolist(), strict=True):
        y = point[1] + down
        if shift:
            y += shift * np.sin(np.pi * min(max(point[1], 0), 1))
        moved[point] = point[0] + across, float(y)
    return tuple(tuple(moved[point] for point in stroke) for stroke in style)


def curves(style: Style, width: float) -> list[Points]:
    """Lays a style's strokes on a map, a body high and `width` bodies wide for each of the style's units."""
    left = min(x for stroke in style for x, _ in stroke)
    right = max(x for stroke in style for x, _ in stroke)
    shift = COLUMNS / 2 - (left + right) / 2 * width * UNIT
    paths = (np.vstack([spline(part) for part in smooth_parts(np.array(stroke))]) for stroke in style)
    return [path * (width * UNIT, UNIT) + (shift, BASE - UNIT) for path in paths]
