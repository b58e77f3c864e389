"""Lights a picture as a desk lamp, a lens or a hand's shadow does: fourteen lights that leave it readable for a person.

The light is multiplied, as it is on paper; a margin of paper is added before, as a picture taken by hand has one.

    python -m pipeline.evaluation.lights sheet.png      # each of them on digits and fields drawn by code
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Generator = np.random.Generator
Falloff = Callable[[Floats, Floats, Generator], Floats]


@dataclass(frozen=True)
class Light:
    """A light.

    Attributes:
        margin: the paper added at each side, a share of the picture's width or height.
        falloff: a function of x and y, float [H, W], −1 to 1 from edge to edge, and a random generator;
            it returns the light's share at each pixel, float [H, W] in (0, 1].
        noise: the standard deviation of the noise added after the light, gray levels.
    """

    margin: float
    falloff: Falloff
    noise: float = 0.0


def relight(gray: Pixels, kind: str, seed: int = 0) -> Pixels:
    """Puts a picture under one of the lights of `KINDS`.

    Args:
        gray: uint8 [H, W], gray levels as decoded, either polarity; not changed.
        kind: one of `KINDS`.
        seed: the same seed gives the same picture.

    Returns:
        uint8, larger than the picture by the light's margin.
    """
    return apply_light(gray, KINDS[kind], np.random.default_rng([seed, list(KINDS).index(kind)]))


def apply_light(gray: Pixels, light: Light, rng: Generator) -> Pixels:
    """Adds the light's margin to a picture, uint8 [H, W], and then the light and its noise."""
    framed = add_margin(gray, light.margin)
    height, width = framed.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    lit = framed * light.falloff(x, y, rng)
    if light.noise:
        lit += rng.normal(0, light.noise, lit.shape)
    return np.rint(np.clip(lit, 0, 255)).astype(np.uint8)


def add_margin(gray: Pixels, share: float) -> Pixels:
    """Adds paper around a picture, uint8 [H, W]: at each side a share of its width or height.

    The paper has the median level of the picture's outermost pixels.
    """
    height, width = gray.shape
    edge = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    down, across = round(share * height), round(share * width)
    return np.pad(gray, ((down, down), (across, across)), constant_values=int(np.median(edge)))


def even() -> Falloff:
    """Lights every pixel alike."""

    def falloff(x: Floats, y: Floats, rng: Generator) -> Floats:
        return np.ones(x.shape)

    return falloff


def side(degrees: float, least: float) -> Falloff:
    """Falls linearly from 1 at the side that the light comes from to `least` at the opposite one.

    Args:
        degrees: where the light comes from: 0 = the right, 90 = below, 180 = the left, 270 = above.
        least: the darkest pixel's share of the light.
    """
    across, down = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))

    def falloff(x: Floats, y: Floats, rng: Generator) -> Floats:
        along = (across * x + down * y) / (abs(across) + abs(down))
        return np.asarray(least + (1 - least) * (along + 1) / 2)

    return falloff


def corners(least: float) -> Falloff:
    """Falls with the square of the distance from the middle to `least` in the corners, as a lens's vignette does."""

    def falloff(x: Floats, y: Floats, rng: Generator) -> Floats:
        return np.asarray(1 - (1 - least) * (x * x + y * y) / 2)

    return falloff


def shadow(darkest: float, lightest: float, softness: float) -> Falloff:
    """Casts a shadow with a straight edge at any angle within the middle half of the picture.

    Args:
        darkest: the least share of the light in the shadow.
        lightest: the largest; the share is drawn between them.
        softness: over which part of half the picture the edge fades.
    """

    def falloff(x: Floats, y: Floats, rng: Generator) -> Floats:
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
        share = rng.uniform(darkest, lightest)
        beyond = np.cos(angle) * x + np.sin(angle) * y - offset
        inside = np.clip(beyond / softness + 0.5, 0, 1) if softness else beyond > 0
        return np.asarray(1 - (1 - share) * inside)

    return falloff


KINDS: Final[dict[str, Light]] = {
    "margin of 20 %": Light(0.2, even()),
    "margin of 40 %": Light(0.4, even()),
    "light from the left": Light(0.2, side(180, 0.4)),
    "light from the right": Light(0.4, side(0, 0.4)),
    "light from above": Light(0.2, side(270, 0.4)),
    "light from below": Light(0.4, side(90, 0.4)),
    "light from the upper left": Light(0.2, side(225, 0.4)),
    "light from the lower right": Light(0.4, side(45, 0.4)),
    "corners at 0.85": Light(0.2, corners(0.85)),
    "corners at 0.7": Light(0.4, corners(0.7)),
    "shadow with a hard edge": Light(0.2, shadow(0.4, 0.6, 0)),
    "deep shadow with a hard edge": Light(0.4, shadow(0.3, 0.4, 0)),
    "shadow with a soft edge": Light(0.2, shadow(0.4, 0.6, 0.3)),
    "noise": Light(0.2, side(180, 0.7), noise=8),
}


def sheet(seed: int = 0) -> Image.Image:
    """Draws a digit and a field in columns, under each light in a row."""
    from pipeline.synthesis import digit_drawing
    from pipeline.synthesis.sampler import HandwritingSampler

    rng = np.random.default_rng(seed)
    field = HandwritingSampler(invented=4).validation().field(rng)[0]
    pictures = [digit_drawing.digit(int(rng.integers(10)), rng), field]
    rows = [[relight(gray, kind, seed + number) for number, gray in enumerate(pictures)] for kind in KINDS]
    widths = [max(row[column].shape[1] for row in rows) for column in range(len(pictures))]
    canvas = Image.new("L", (sum(widths), sum(max(len(gray) for gray in row) for row in rows)), 255)
    top = 0
    for row in rows:
        for gray, left in zip(row, (0, widths[0]), strict=True):
            canvas.paste(Image.fromarray(gray), (left, top))
        top += max(len(gray) for gray in row)
    return canvas


if __name__ == "__main__":
    sheet().save(sys.argv[1])
