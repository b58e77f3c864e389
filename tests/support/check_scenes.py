"""Draws simple checks and lays them on a ground, at corners that are known."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from tests.support.micr_lines import strip

MICR = "A021000021A 123456789C 0101"


def sheet(width: int = 900, height: int = 400, paper: int = 225) -> np.ndarray:
    """Draws a check with ruled lines, letters and a MICR line, uint8 [height, width]."""
    image = Image.new("L", (width, height), paper)
    canvas = ImageDraw.Draw(image)
    for top in (90, 150, 205):
        canvas.text(
            (50, top), "Pay to the order of somebody known, two hundred and five", fill=40, font_size=24
        )
        canvas.line([(50, top + 32), (width - 240, top + 32)], fill=90, width=2)
    canvas.rectangle([width - 190, 130, width - 40, 175], outline=60, width=2)
    canvas.text((width - 180, 138), "$ 205.00", fill=30, font_size=26)
    canvas.text((width - 120, 30), "0101", fill=30, font_size=26)
    canvas.line([(width - 330, height - 90), (width - 40, height - 90)], fill=20, width=4)
    ink = strip(MICR, module=2.2, margin=0)
    pixels = np.array(image)
    top = height - 30 - len(ink)
    pixels[top : top + len(ink), 40 : 40 + ink.shape[1]] -= ((255 - ink) * (paper / 280)).astype(np.uint8)
    return pixels


def lay(ground: np.ndarray, paper: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Lays a sheet on a ground, uint8, so that its corners, float64 [4, 2], come there."""
    height, width = paper.shape
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    rows = []
    for (u, v), (x, y) in zip(flat, corners, strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
    matrix = np.linalg.solve(np.array(rows), flat.ravel()).tolist()
    size = ground.shape[::-1]
    moved = [
        np.asarray(
            Image.fromarray(levels).transform(
                size, Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BILINEAR
            ),
            np.float32,
        )
        for levels in (paper, np.full_like(paper, 255))
    ]
    cover = moved[1] / 255
    return np.asarray(np.clip(moved[0] + ground * (1 - cover), 0, 255), np.uint8)


def table(height: int, width: int, level: int = 60, noise: float = 3.0) -> np.ndarray:
    """Draws a ground of one level and some noise, uint8 [height, width]."""
    levels = level + np.random.default_rng(0).normal(0, noise, (height, width))
    return np.asarray(np.clip(levels, 0, 255), np.uint8)


def turned(
    degrees: float, middle: tuple[float, float], width: float = 900, height: float = 400
) -> np.ndarray:
    """Returns a sheet's corners, turned clockwise about its middle, float64 [4, 2]."""
    half = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, height / 2)
    angle = np.radians(degrees)
    return half @ np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))]) + middle
