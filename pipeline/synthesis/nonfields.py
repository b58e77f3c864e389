"""Draws pictures that hold no amount and no number, to train and test their rejection.

They have a field's shape and size, and every kind is something that a crop of a check may show instead:
empty paper, noise, patterns, form lines, scribbles, words by hand or in print, a photograph. Letters
that look like a digit are left out (see `pipeline.synthesis.digit_drawing`).

    python -m pipeline.synthesis.nonfields sheet.png     # a contact sheet
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipeline.synthesis import digit_drawing, nondigits
from serving.images.codec import Gray

# Added to seeds for the pictures of the evaluation, which calibration never sees.
TEST: Final = 2_000_003
# Words on a check next to the amount; each has a letter that looks like no digit.
_WORDS: Final = (
    "the order of",
    "dollars",
    "cents",
    "hundred",
    "thousand",
    "twenty",
    "Memo",
    "Date",
    "Branch",
    "account number",
    "cheque",
    "Bank",
    "paguese a la orden de",
    "la suma de",
    "pesos",
    "mil",
    "euros",
    "cinquante",
    "VOID",
    "copy",
    "Monday",
    "March",
    "N.A.",
    "and/or",
    "No.",
    "not negotiable",
)
# Upside down these are no digit; 0, 1, 2, 5, 6, 8 and 9 are digits again.
_NO_DIGIT_TURNED: Final = frozenset("347")

Field = Callable[[np.random.Generator], tuple[Gray, str]]


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Draws the number of rows and columns of a field."""
    height = int(rng.integers(36, 97))
    return height, int(height * rng.uniform(1.6, 5.0))


def _stretched(gray: Gray, height: int, width: int) -> Gray:
    return np.asarray(Image.fromarray(gray).resize((width, height), Image.Resampling.BICUBIC))


def _row(
    rng: np.random.Generator, draw: Callable[[np.random.Generator], Gray], minimum: int, maximum: int
) -> Gray:
    """Draws pictures of equal height side by side, on common paper."""
    parts = [draw(rng) for _ in range(rng.integers(minimum, maximum + 1))]
    return np.hstack([np.rint(240.0 * part / max(1, part.max())).astype(np.uint8) for part in parts])


def blank(rng: np.random.Generator) -> Gray:
    """Draws empty paper: flat, grainy, or shaded."""
    return _stretched(nondigits.blank(rng), *_size(rng))


def noise(rng: np.random.Generator) -> Gray:
    """Draws noise of any grain, gray or two-level, dense or sparse."""
    tiles = int(rng.integers(2, 6))
    state = int(rng.integers(2**32))  # the same noise again would be a pattern; the same grain is paper
    pictures = [nondigits.noise(np.random.default_rng([state, i])) for i in range(tiles)]
    if rng.random() < 0.5:
        return np.hstack(pictures)
    return np.hstack([np.roll(pictures[0], 17 * i, 0) for i in range(tiles)])


def texture(rng: np.random.Generator) -> Gray:
    """Draws stripes, checks, rings and moiré."""
    return _stretched(nondigits.texture(rng), *_size(rng))


def form(rng: np.random.Generator) -> Gray:
    """Draws box edges, ruled lines and guilloche, with nothing written between them."""
    height, width = _size(rng)
    picture = Image.new("L", (width, height), int(rng.integers(200, 251)))
    canvas = ImageDraw.Draw(picture)
    x = np.arange(width)
    for _ in range(rng.integers(0, 9)):
        phase, period = rng.uniform(0, 7), rng.uniform(20, 120)
        y = height * (rng.uniform(0, 1) + rng.uniform(0.05, 0.4) * np.sin(phase + 2 * np.pi * x / period))
        canvas.line(list(zip(x.tolist(), y.tolist(), strict=True)), int(rng.integers(140, 210)), 1)
    ink, pen = int(rng.integers(20, 120)), int(rng.integers(1, 4))
    for y in rng.uniform(0, height, rng.integers(1, 4)):
        canvas.line([(0, y), (width, y + rng.normal(0, 2))], ink, pen)
    if rng.random() < 0.6:
        inset = int(rng.integers(0, height // 5))
        canvas.rectangle((inset, inset, width - 1 - inset, height - 1 - inset), outline=ink, width=pen)
    return np.asarray(picture)


def shape(rng: np.random.Generator) -> Gray:
    """Draws stars, long dashes and dots in a row."""
    return _row(rng, nondigits.shape, 2, 5)


def scribble(rng: np.random.Generator) -> Gray:
    """Draws aimless strokes across the field, or tangles side by side."""
    if rng.random() < 0.5:
        return _stretched(digit_drawing.scribble(rng, 96), *_size(rng))
    return _row(rng, nondigits.scribble, 2, 4)


def word(rng: np.random.Generator) -> Gray:
    """Draws handwritten letters that look like no digit, close together as in a word."""
    height = int(rng.integers(40, 90))
    columns = [np.zeros((height, int(rng.integers(2, height // 2))))]
    for _ in range(rng.integers(2, 9)):
        letter = digit_drawing.letter(rng, height).astype(np.float64)
        ink = np.clip(1 - letter / np.percentile(letter, 95), 0, 1)
        used = np.flatnonzero((ink > 0.25).any(0))
        columns += [ink[:, used[0] : used[-1] + 1], np.zeros((height, int(rng.integers(0, height // 5))))]
    ink = np.hstack(columns)
    paper = rng.uniform(190, 250) + rng.normal(0, rng.uniform(0, 6), ink.shape)
    return np.clip(paper * (1 - rng.uniform(0.7, 1.0) * ink), 0, 255).astype(np.uint8)


def printed(rng: np.random.Generator) -> Gray:
    """Draws printed words."""
    text = " ".join(rng.choice(_WORDS, rng.integers(1, 3)))
    text = text.upper() if rng.random() < 0.3 else text
    font = ImageFont.load_default(float(rng.uniform(16, 40)))
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
    margin = int(rng.integers(3, 20))
    size = right - left + 2 * margin, bottom - top + 2 * margin
    paper = int(rng.integers(190, 256))
    picture = Image.new("L", size, paper)
    ImageDraw.Draw(picture).text((margin - left, margin - top), text, int(rng.integers(0, 90)), font)
    turned = picture.rotate(rng.normal(0, 2), Image.Resampling.BICUBIC, fillcolor=paper)
    return np.asarray(turned.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1))))


def scenery(rng: np.random.Generator) -> Gray:
    """Draws something like a blurred photograph: shaded surfaces and soft edges."""
    height, width = _size(rng)
    picture = Image.fromarray(_stretched(rng.integers(0, 256, (3, 4)).astype(np.uint8), height, width))
    canvas = ImageDraw.Draw(picture)
    for _ in range(rng.integers(2, 7)):
        corners = rng.uniform((-0.2, -0.2), (1.2, 1.2), (int(rng.integers(3, 6)), 2)) * (width, height)
        canvas.polygon([tuple(corner) for corner in corners.tolist()], int(rng.integers(0, 256)))
    soft = picture.filter(ImageFilter.GaussianBlur(rng.uniform(1, 5)))
    grain = np.asarray(soft, np.float64) + rng.normal(0, rng.uniform(0, 8), (height, width))
    return np.clip(grain, 0, 255).astype(np.uint8)


KINDS: Final[dict[str, Callable[[np.random.Generator], Gray]]] = {
    "blank": blank,
    "noise": noise,
    "texture": texture,
    "form": form,
    "shape": shape,
    "scribble": scribble,
    "word": word,
    "printed": printed,
    "scenery": scenery,
}
UPSIDE_DOWN: Final = "upside down"


def pictures(count: int, seed: int, field: Field | None = None) -> Iterator[tuple[str, Gray]]:
    """Draws pictures without a field, of each kind in turn.

    Args:
        count: number of pictures.
        seed: the same seed gives the same pictures.
        field: draws a field and returns it with its digits; with it some pictures are fields upside down
            that hold a 3, a 4 or a 7, since a 69 remains a number.

    Yields:
        The kind, and the picture: uint8 [height, width], 0 = black.
    """
    rng = np.random.default_rng([seed, 0xF1E1D])
    kinds = list(KINDS) + [UPSIDE_DOWN] * (field is not None)
    for i in range(count):
        kind = kinds[i % len(kinds)]
        yield kind, KINDS[kind](rng) if kind in KINDS else _upside_down(rng, field)


def _upside_down(rng: np.random.Generator, field: Field | None) -> Gray:
    assert field is not None
    while True:
        gray, text = field(rng)
        if _NO_DIGIT_TURNED & set(text):
            return np.ascontiguousarray(gray[::-1, ::-1])


def sheet(seed: int = 0, columns: int = 8) -> Image.Image:
    """Draws a contact sheet with some of every kind."""
    cell = (200, 64)
    rows = len(KINDS)
    page = Image.new("L", (columns * cell[0], rows * cell[1]), 255)
    for i, (_, gray) in enumerate(pictures(columns * rows, seed)):
        picture = Image.fromarray(gray)
        picture.thumbnail((cell[0] - 6, cell[1] - 6))
        page.paste(picture, (i // rows * cell[0], i % rows * cell[1]))
    return page


if __name__ == "__main__":
    sheet().save(Path(sys.argv[1]))
