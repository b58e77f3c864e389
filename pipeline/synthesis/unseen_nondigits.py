"""Draws pictures that are no digit, of kinds that neither training nor the choice of thresholds sees.

They measure how far the rejection that `pipeline.synthesis.nondigits` teaches reaches (`benchmarks.nondigits`), and for
nothing else: whoever trains on them measures nothing any more.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipeline.synthesis import digit_drawing
from pipeline.synthesis.nondigits import Drawing

Gray = npt.NDArray[np.uint8]
_SIDE: Final = 64
_CENTER: Final = _SIDE / 2


def _paper() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("L", (_SIDE, _SIDE), 240)
    return picture, ImageDraw.Draw(picture)


def _pen(rng: np.random.Generator) -> float:
    return _SIDE * float(rng.uniform(0.03, 0.07))


def barcode(rng: np.random.Generator) -> Gray:
    """Draws five to fourteen upright bars of different widths."""
    picture, canvas = _paper()
    edges = np.cumsum(rng.uniform(1.0, 3.0, 2 * rng.integers(5, 15)))
    edges *= (_SIDE - 16) / edges[-1]
    top, bottom = rng.uniform(8, 20), rng.uniform(44, 56)
    for left, right in edges.reshape(-1, 2):
        canvas.rectangle((8 + left, top, 8 + right, bottom), 30)
    return np.asarray(picture)


def grid(rng: np.random.Generator) -> Gray:
    """Draws the rules of a table, three to six each way."""
    picture, canvas = _paper()
    width = int(rng.integers(1, 4))
    for place in np.linspace(8, 56, rng.integers(3, 7)):
        canvas.line((8, place, 56, place), 30, width)
    for place in np.linspace(8, 56, rng.integers(3, 7)):
        canvas.line((place, 8, place, 56), 30, width)
    return np.asarray(picture.rotate(rng.normal(0, 4), Image.Resampling.BICUBIC, fillcolor=240))


def spiral(rng: np.random.Generator) -> Gray:
    """Draws a spiral of three to five turns."""
    turn = np.linspace(0, 2 * np.pi * rng.uniform(3, 5), 200) + rng.uniform(0, 2 * np.pi)
    radius = np.linspace(2, 27, 200)
    sign = rng.choice((-1, 1))
    path = np.stack([radius * np.cos(turn), sign * radius * np.sin(turn) * rng.uniform(0.8, 1.2)], 1)
    return digit_drawing.ink([path + _CENTER], _SIDE, _SIDE * rng.uniform(0.025, 0.045), rng)


def flower(rng: np.random.Generator) -> Gray:
    """Draws a flower of five to nine petals in one line."""
    petals = int(rng.integers(5, 10))
    turn = np.linspace(0, 2 * np.pi, 300) + rng.uniform(0, 2 * np.pi)
    radius = 27 * (1 - rng.uniform(0.35, 0.85) * (0.5 + 0.5 * np.cos(petals * turn)))
    path = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1) + _CENTER
    return digit_drawing.ink([path], _SIDE, _pen(rng), rng)


def face(rng: np.random.Generator) -> Gray:
    """Draws a face: a circle with two eyes and a mouth."""
    turn = np.linspace(0, 2 * np.pi, 60)
    circle = np.stack([np.cos(turn) * rng.uniform(20, 27), np.sin(turn) * rng.uniform(22, 27)], 1)
    apart, high = rng.uniform(6, 10), rng.uniform(5, 10)
    # Dots would be erased as dirt, and leave what may be a zero with a bar.
    eyes = [np.array([[x, -high - 4], [x, -high + 4]]) for x in (-apart, apart)]
    smile = np.linspace(-10, 10, 20)
    mouth = np.stack([smile, rng.uniform(8, 13) - rng.uniform(-0.05, 0.05) * (smile**2 - 50)], 1)
    return digit_drawing.ink([path + _CENTER for path in (circle, *eyes, mouth)], _SIDE, _pen(rng), rng)


def edge(rng: np.random.Generator) -> Gray:
    """Draws the edge of a shadow or of another sheet, which darkens a third to two thirds of the picture."""
    y, x = np.mgrid[:_SIDE, :_SIDE] - _CENTER
    angle = rng.uniform(0, 2 * np.pi)
    depth = (x * np.cos(angle) + y * np.sin(angle) - rng.uniform(-10, 10)) / rng.uniform(0.5, 6)
    dark = rng.uniform(20, 120)
    levels = 240 - (240 - dark) * np.clip(depth + 0.5, 0, 1) + rng.normal(0, 3, depth.shape)
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)


def sign(rng: np.random.Generator) -> Gray:
    """Draws a printed sign that `pipeline.synthesis.nondigits.printed` never draws, turned a little."""
    font = ImageFont.load_default(float(rng.uniform(28, 48)))
    picture, canvas = _paper()
    character = str(rng.choice(list("©«»±~")))
    canvas.text((_CENTER, _CENTER), character, 20, font, "mm", stroke_width=int(rng.integers(0, 3)))
    return np.asarray(picture.rotate(rng.normal(0, 8), Image.Resampling.BICUBIC, fillcolor=240))


def maze(rng: np.random.Generator) -> Gray:
    """Draws a frame full of walls that stand at right angles."""
    picture, canvas = _paper()
    cells = int(rng.integers(4, 8))
    places, width = np.linspace(8, 56, cells + 1), int(rng.integers(1, 4))
    canvas.rectangle((8, 8, 56, 56), outline=30, width=width)
    for i in range(cells):
        for j in range(1, cells):
            wall = (places[j], places[i], places[j], places[i + 1])
            if rng.random() < 0.5:
                canvas.line(wall, 30, width)
            if rng.random() < 0.5:
                canvas.line((wall[1], wall[0], wall[3], wall[2]), 30, width)
    return np.asarray(picture)


KINDS: Final[dict[str, Drawing]] = {
    "barcode": barcode,
    "grid": grid,
    "spiral": spiral,
    "flower": flower,
    "face": face,
    "edge": edge,
    "sign": sign,
    "maze": maze,
}
