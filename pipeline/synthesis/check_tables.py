"""Draws what a photographed check lies on: a dark or light table, wood, cloth, or a desk with papers."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from pipeline.synthesis.paper import smooth_noise

Floats = npt.NDArray[np.float32]

KINDS: Final = ("plain", "wood", "cloth", "papers")
_COARSE: Final = 3


def table(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Draws a table, float32 [height, width], 0 to 255; three in four are dark."""
    kind = KINDS[int(rng.random() * len(KINDS))]
    level = rng.uniform(15, 105) if rng.random() < 0.75 else rng.uniform(105, 225)
    width, height = (max(16, -(-length // _COARSE)) for length in size)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.full((height, width), level, np.float32)
    if kind == "wood":
        grain = _noise(rng, (24, 8), (width, height)) * rng.uniform(1, 4)
        rings = np.sin((y if rng.random() < 0.7 else x) / rng.uniform(3, 12) + grain)
        picture *= 1 + rng.uniform(0.03, 0.14) * rings
        if rng.random() < 0.5:
            picture[np.asarray((y % rng.uniform(60, 160)) < 2)] *= np.float32(0.6)
    elif kind == "cloth":
        a, b = rng.uniform(0.5, 2.5, 2)
        picture *= 1 + rng.uniform(0.05, 0.3) * np.sin(x * a) * np.sin(y * b)
        picture *= 1 + 0.12 * _noise(rng, (8, 8), (width, height))
    elif kind == "papers":
        picture = _papers(picture, level, rng)
    picture *= 1 + np.float32(rng.uniform(0.01, 0.06)) * rng.standard_normal(picture.shape, np.float32)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image, np.float32)


def _noise(rng: np.random.Generator, coarse: tuple[int, int], size: tuple[int, int]) -> Floats:
    """Draws smooth noise of few details, float32 [height, width]."""
    picture = Image.fromarray(smooth_noise(rng, 1.0, coarse)).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32)


def _papers(picture: Floats, level: float, rng: np.random.Generator) -> Floats:
    """Lays printed sheets, cards and pens onto the table."""
    height, width = picture.shape
    image = Image.fromarray(picture.astype(np.uint8))
    for _ in range(rng.integers(2, 6)):
        w, h = int(rng.uniform(0.15, 0.7) * width), int(rng.uniform(0.15, 0.9) * height)
        shade = int(np.clip(level + rng.choice([-1, 1]) * rng.uniform(15, 90), 5, 235))
        item = Image.new("L", (max(4, w), max(4, h)), shade)
        canvas = ImageDraw.Draw(item)
        if rng.random() < 0.6:  # lines of text, or a table
            step = int(rng.integers(5, 12))
            for y in range(step, h - step, step):
                right = int(w * rng.uniform(0.5, 0.95))
                for x in range(int(w * 0.06), right, int(rng.integers(4, 14))):
                    canvas.line(
                        [(x, y), (x + int(rng.integers(2, 9)), y)], max(0, shade - int(rng.integers(25, 110)))
                    )
        angle = rng.uniform(-60, 60)
        covered = Image.new("L", item.size, 255).rotate(angle, Image.Resampling.BILINEAR, expand=True)
        place = int(rng.uniform(-0.3, 0.9) * width), int(rng.uniform(-0.4, 0.9) * height)
        image.paste(item.rotate(angle, Image.Resampling.BILINEAR, expand=True), place, covered)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0))), np.float32)
