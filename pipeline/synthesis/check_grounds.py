"""Draws what check paper is printed with below everything else: waves, guilloches, pantographs, scenes."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.synthesis.check_sheet import font
from pipeline.synthesis.paper import smooth_noise

Floats = npt.NDArray[np.float32]

_COARSE: Final = 2  # grounds are drawn in so many times fewer pixels
_PANTOGRAPHS: Final = ("VOID", "BANK", "SECURE", "ORIGINAL")


def ground(kind: str, strength: float, size: tuple[int, int], dpi: float, rng: np.random.Generator) -> Floats:
    """Draws a ground.

    Args:
        kind: of `check_layouts.GROUNDS`.
        strength: how dark it is, 0 to 1.
        size: width and height in pixels.
        dpi: pixels an inch.
        rng: decides the rest.

    Returns:
        What it leaves of the light, float32 [height, width], 1 = bare.
    """
    width, height = (max(2, -(-length // _COARSE)) for length in size)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) * np.float32(_COARSE / dpi)  # inches
    inch = size[0] / dpi, size[1] / dpi
    if kind == "plain":
        dark = np.zeros((height, width), np.float32)
    elif kind == "waves":
        phase = y + 0.03 * np.sin(x * rng.uniform(3, 14)) + 0.02 * np.sin(x * 31 + y * 9)
        dark = _lines(phase / rng.uniform(0.03, 0.08), rng.uniform(0.25, 0.5))
    elif kind == "guilloche":
        dark = np.zeros((height, width), np.float32)
        for _ in range(rng.integers(1, 4)):
            dx, dy = x - rng.uniform(0, inch[0]), (y - rng.uniform(0, inch[1])) * rng.uniform(0.7, 1.5)
            petals = np.sin(np.arctan2(dy, dx) * rng.integers(4, 14)) * rng.uniform(0.02, 0.25)
            dark = np.maximum(dark, _lines((np.hypot(dx, dy) + petals) / rng.uniform(0.04, 0.12), 0.3))
    elif kind == "slants":
        slope = rng.uniform(0.3, 2.0) * rng.choice([-1, 1])
        dark = _lines((y + slope * x) / rng.uniform(0.05, 0.2), rng.uniform(0.2, 0.5))
    elif kind == "weave":
        a, b = rng.uniform(60, 130, 2)
        dark = np.asarray(0.5 + 0.5 * np.sin(x * a) * np.sin(y * b), np.float32)
    elif kind == "pantograph":
        dark = _pantograph((width, height), dpi / _COARSE, rng)
    else:  # a scene: hills or clouds without detail
        noise = Image.fromarray(smooth_noise(rng, rng.uniform(2, 5), (24, 48))).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        levels = np.asarray(noise, np.float32)
        if rng.random() < 0.5:
            levels = np.asarray(np.rint(levels * 2) / 2, np.float32)
        dark = np.asarray(np.clip(0.35 + 0.3 * levels, 0, 1), np.float32)
        dark *= np.clip(y / inch[1] * 2 - rng.uniform(-0.5, 0.6), 0.3, 1)
    light = 1 - np.float32(strength * rng.uniform(0.1, 0.34)) * dark
    if rng.random() < 0.3:  # the tint changes over the check
        light *= 1 - np.float32(strength * 0.15) * np.abs(x / inch[0] - rng.uniform(0, 1))
    picture = Image.fromarray(np.asarray(light * 255, np.uint8)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(picture, np.float32) / np.float32(255)


def _lines(phase: Floats, share: float) -> Floats:
    """Draws lines centered at whole phases, `share` of the pitch wide, with soft edges."""
    distance = np.abs(phase - np.rint(phase))
    return np.asarray(np.clip((share / 2 - distance) / 0.15 + 0.5, 0, 1), np.float32)


def _pantograph(size: tuple[int, int], dpi: float, rng: np.random.Generator) -> Floats:
    """Draws a word over and over on a slant."""
    letters = font("DejaVuSans-Bold.ttf", dpi * rng.uniform(0.09, 0.17))
    word = _PANTOGRAPHS[int(rng.random() * len(_PANTOGRAPHS))]
    left, top, right, bottom = letters.getbbox(word)
    tile = Image.new("L", (max(4, int(right - left)), max(4, int(bottom - top))), 0)
    ImageDraw.Draw(tile).text((-left, -top), word, fill=255, font=letters)
    tile = tile.rotate(rng.uniform(5, 35), Image.Resampling.BILINEAR, expand=True)
    gap = int(dpi * rng.uniform(0.02, 0.15))
    levels = np.pad(np.asarray(tile, np.float32) / np.float32(255), gap)
    repeats = -(-size[1] // levels.shape[0]), -(-size[0] // levels.shape[1])
    return np.asarray(np.tile(levels, repeats)[: size[1], : size[0]] * np.float32(0.7))
