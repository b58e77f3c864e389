"""Draws pictures that are no digit, to train and test their rejection.

A network that has only ever seen digits calls a scribble a digit, often with
certainty. If such pictures are part of the training with ten equal
probabilities as the target (Hendrycks, Mazeika, Dietterich: Deep Anomaly
Detection with Outlier Exposure, ICLR 2019), the ten probabilities themselves
give the score that rejects them (`serving.decoding.thresholds.evidence`), at no
cost in any runtime.

Every picture goes through `serving.images.digit.normalize`, as a posted one would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipeline.synthesis import digit_drawing
from serving.images.digit import normalize

Gray = npt.NDArray[np.uint8]
Drawing = Callable[[np.random.Generator], Gray]
_SIDE: Final = 64
_MOST_ROWS: Final = 17  # of a word, normalized to be 20 wide; one character alone is 20 high

# Added to seeds for the pictures of validation and test, which training never sees.
VALIDATION: Final = 1_000_003
TEST: Final = 2_000_003


def _levels(values: npt.NDArray[np.float64]) -> Gray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _field(rng: np.random.Generator, cells: int, resample: Image.Resampling) -> npt.NDArray[np.float64]:
    """Draws uniform noise of cells×cells values, enlarged to the picture's side."""
    noise = Image.fromarray(rng.uniform(0, 1, (cells, cells)).astype(np.float32))
    return np.asarray(noise.resize((_SIDE, _SIDE), resample), np.float64)


def blank(rng: np.random.Generator) -> Gray:
    """Draws empty paper: flat, grainy, or shaded."""
    grain = rng.normal(0, rng.uniform(0, 12), (_SIDE, _SIDE))
    return _levels(
        rng.uniform(60, 250) + rng.uniform(0, 60) * _field(rng, 3, Image.Resampling.BICUBIC) + grain
    )


def noise(rng: np.random.Generator) -> Gray:
    """Draws noise of any grain from salt and pepper to blotches, gray or two-level, dense or sparse."""
    cells = int(rng.integers(8, _SIDE + 1))
    resample = (Image.Resampling.NEAREST, Image.Resampling.BICUBIC)[rng.integers(2)]
    values = _field(rng, cells, resample)
    if rng.random() < 0.5:
        values = (values < rng.uniform(0.05, 0.6)).astype(np.float64)
    return _levels(255 * (1 - values) if rng.random() < 0.5 else 255 * values)


def texture(rng: np.random.Generator) -> Gray:
    """Draws stripes, checks, rings and moiré."""
    y, x = np.mgrid[:_SIDE, :_SIDE] / _SIDE - rng.uniform(0.2, 0.8)
    angle, count = rng.uniform(0, np.pi, 2), rng.uniform(2, 14, 2)
    first = np.sin(2 * np.pi * count[0] * (x * np.cos(angle[0]) + y * np.sin(angle[0])))
    second = (
        np.sin(2 * np.pi * count[1] * (x * np.cos(angle[1]) + y * np.sin(angle[1]))),
        np.sin(2 * np.pi * count[1] * np.hypot(x, y)),
        np.ones_like(x),
    )[rng.integers(3)]
    values = first * second
    if rng.random() < 0.5:
        values = np.sign(values)
    return _levels(128 + rng.uniform(40, 127) * values)


def shape(rng: np.random.Generator) -> Gray:
    """Draws stars, filled and in outline, lone dashes, scattered dots."""
    picture = Image.new("L", (_SIDE, _SIDE), 240)
    canvas = ImageDraw.Draw(picture)
    kind = rng.integers(4)
    if kind < 2:  # a star, filled or in outline; a plain polygon could be a 0, 1, 4 or 7
        points = int(rng.integers(4, 8))
        angle = np.arange(2 * points) * np.pi / points + rng.uniform(0, np.pi)
        radius = (
            np.where(np.arange(2 * points) % 2, rng.uniform(0.3, 0.5), rng.uniform(0.85, 1.0)) * _SIDE * 0.45
        )
        corners = [(32 + r * np.cos(a), 32 + r * np.sin(a)) for r, a in zip(radius, angle, strict=True)]
        if kind == 0:
            canvas.polygon(corners, 30)
        else:
            canvas.line([*corners, corners[0]], 30, int(rng.integers(2, 7)))
    elif kind == 2:  # a dash: longer than high, unlike any 1
        y, x, half, rise = rng.uniform(16, 48), 32, rng.uniform(16, 26), rng.uniform(-5, 5)
        canvas.line([(x - half, y - rise), (x + half, y + rise)], 30, int(rng.integers(2, 10)))
    else:
        for _ in range(rng.integers(3, 8)):
            x, y = rng.uniform(6, _SIDE - 6, 2)
            dot = rng.uniform(2, 6)
            canvas.ellipse((x - dot, y - dot, x + dot, y + dot), 30)
    return np.asarray(picture)


def scribble(rng: np.random.Generator) -> Gray:
    """Draws aimless strokes, from a wave to a tangle."""
    if rng.random() < 0.6:
        return digit_drawing.scribble(rng, _SIDE)
    # A short one: a zigzag or wave across the picture, of at least five turns.
    turns = int(rng.integers(7, 13))
    x = np.linspace(6, _SIDE - 6, turns)
    y = _SIDE / 2 + np.where(np.arange(turns) % 2, 1, -1) * rng.uniform(4, 24, turns)
    angle = rng.uniform(0, np.pi)
    path = np.stack([x, y], 1) - _SIDE / 2
    path = (
        path @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * 0.85 + _SIDE / 2
    )
    return digit_drawing.ink([path], _SIDE, _SIDE * rng.uniform(0.03, 0.09), rng)


def letter(rng: np.random.Generator) -> Gray:
    """Draws a handwritten letter that cannot be mistaken for a digit."""
    return digit_drawing.letter(rng, _SIDE)


def word(rng: np.random.Generator) -> Gray:
    """Draws two to four characters side by side, digits among them."""
    characters = [
        digit_drawing.letter(rng, _SIDE)
        if rng.random() < 0.5
        else digit_drawing.digit(int(rng.integers(10)), rng, _SIDE)
        for _ in range(rng.integers(2, 5))
    ]
    picture = _levels(np.hstack([240 * (character / character.max()) for character in characters]))
    # Normalization may erase a faint character as dirt and leave one digit.
    return picture if normalize(picture).any(1).sum() <= _MOST_ROWS else word(rng.spawn(1)[0])


def printed(rng: np.random.Generator) -> Gray:
    """Draws a printed letter or sign, turned a little."""
    font = ImageFont.load_default(float(rng.uniform(28, 48)))
    picture = Image.new("L", (_SIDE, _SIDE), 240)
    character = str(rng.choice(list("ACEFHKLMNPQRTUVWXYadefhkmnrtuwx&@#%+=*$")))
    ImageDraw.Draw(picture).text(
        (_SIDE / 2, _SIDE / 2), character, 20, font, "mm", stroke_width=int(rng.integers(0, 3))
    )
    return np.asarray(picture.rotate(rng.normal(0, 8), Image.Resampling.BICUBIC, fillcolor=240))


KINDS: Final[dict[str, Drawing]] = {
    "blank": blank,
    "noise": noise,
    "texture": texture,
    "shape": shape,
    "scribble": scribble,
    "letter": letter,
    "word": word,
    "printed": printed,
}


def pictures(
    count: int, seed: int, kinds: tuple[str, ...] = tuple(KINDS), table: Mapping[str, Drawing] = KINDS
) -> Gray:
    """Draws normalized pictures that are no digits, of each kind in turn.

    Args:
        count: number of pictures.
        seed: the same seed gives the same pictures.
        kinds: some of the table's.
        table: how each kind is drawn.

    Returns:
        uint8 [count, 28, 28]; all zero where normalization found no ink.
    """
    rng = np.random.default_rng([seed, 0x0D161])
    out = np.empty((count, 28, 28), np.uint8)
    for i in range(count):
        out[i] = normalize(table[kinds[i % len(kinds)]](rng))
    return out
