"""Draws the path of a pen as a glyph's map of signed distances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from pipeline.synthesis.glyph_bank import COLUMNS, ROWS, Maps, levels
from pipeline.synthesis.stroke_language import Points

_SCALE = 2
_PIECE = 4  # points of a path that are drawn with one width


def pen_map(paths: Sequence[Points], pen: float, pressure: float, rng: np.random.Generator) -> Maps:
    """Draws strokes with a round pen.

    Args:
        paths: of each stroke its points in the map's pixels, float64 [n, 2]; n ≥ 1, and points lie close together.
        pen: half the pen's width in the map's pixels.
        pressure: by what share the width swells and shrinks along a stroke.
        rng: decides where it swells.

    Returns:
        uint8 [ROWS, COLUMNS], see `pipeline.synthesis.glyph_bank`.
    """
    picture = Image.new("I", (COLUMNS * _SCALE, ROWS * _SCALE), 0)
    canvas = ImageDraw.Draw(picture)
    widths = [0.0]
    for path in paths:
        phase, turns = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.5)
        waves = np.sin(np.linspace(0, 2 * np.pi * turns, len(path)) + phase)
        flat = (path * _SCALE).ravel().tolist()
        if len(path) == 1:
            canvas.point(flat, fill=len(widths))
            widths.append(pen)
        for start in range(0, len(path) - 1, _PIECE):
            canvas.line(flat[2 * start : 2 * (start + _PIECE) + 2], fill=len(widths))
            widths.append(pen * (1 + pressure * float(waves[start])))
    # Beyond this margin every map says "far from ink", so no distances are measured there.
    margin = 14 * _SCALE
    x0, y0, x1, y1 = picture.getbbox() or (0, 0, COLUMNS, ROWS)
    x0, y0 = (max(0, edge - margin) // _SCALE * _SCALE for edge in (x0, y0))
    x1, y1 = (
        min(COLUMNS * _SCALE, -(-(x1 + margin) // _SCALE) * _SCALE),
        min(ROWS * _SCALE, -(-(y1 + margin) // _SCALE) * _SCALE),
    )
    ids = np.asarray(picture)[y0:y1, x0:x1]
    distance, nearest = ndimage.distance_transform_edt(ids == 0, return_indices=True)
    inside = np.array(widths, np.float32)[ids[nearest[0], nearest[1]]] - distance.astype(np.float32) / _SCALE
    inside = (inside[::2, ::2] + inside[1::2, ::2] + inside[::2, 1::2] + inside[1::2, 1::2]) / 4
    maps = np.zeros((ROWS, COLUMNS), np.uint8)
    maps[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = levels(inside)
    return maps
