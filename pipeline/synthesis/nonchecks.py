"""Draws pages that are no checks: letters, forms, tables of numbers, and textures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from PIL import Image

from pipeline.synthesis import nonfields
from serving.images.codec import Gray

Field = Callable[[np.random.Generator], tuple[Gray, str]]

_SIZES: Final = ((1_240, 1_754), (1_300, 600), (1_600, 1_100))  # width and height in pixels


def letter(rng: np.random.Generator, field: Field) -> Gray:
    """Draws lines of printed words, with a handwritten one here and there."""
    page = _page(rng)
    height, width = page.shape
    y = int(rng.integers(30, 120))
    while y < height - 80:
        x, line = int(rng.integers(40, 120)), int(rng.integers(28, 48))
        while x < width - 200 and rng.random() < 0.93:
            picture = field(rng)[0] if rng.random() < 0.03 else nonfields.printed(rng)
            x += _paste(page, picture, x, y, line) + int(rng.integers(8, 30))
        y += int(line * rng.uniform(1.2, 2.2))
    return page


def form(rng: np.random.Generator, field: Field) -> Gray:
    """Draws printed words, each with a box that is filled in by hand."""
    page = _page(rng)
    height, width = page.shape
    for y in range(40, height - 90, int(rng.integers(70, 130))):
        for x in range(40, width - 500, int(rng.integers(500, 900))):
            _paste(page, nonfields.printed(rng), x, y, 34)
            _rule(page, x + 230, y - 6, x + 470, y + 50)
            if rng.random() < 0.7:
                _paste(page, field(rng)[0], x + 240, y, 40)
    return page


def table(rng: np.random.Generator, field: Field) -> Gray:
    """Draws a ruled table of numbers, printed or written by hand."""
    page = _page(rng)
    height, width = page.shape
    row, column = int(rng.integers(45, 80)), int(rng.integers(160, 300))
    for y in range(40, height - row, row):
        for x in range(40, width - column, column):
            _rule(page, x, y, x + column, y + row)
            picture = field(rng)[0] if rng.random() < 0.6 else nonfields.printed(rng)
            _paste(page, picture, x + 10, y + 8, row - 18)
    return page


def texture(rng: np.random.Generator, field: Field) -> Gray:
    """Draws a large texture or scene without any text."""
    draw = (nonfields.texture, nonfields.noise, nonfields.scenery, nonfields.blank)[rng.integers(4)]
    size = _SIZES[rng.integers(len(_SIZES))]
    return np.asarray(Image.fromarray(draw(rng)).resize(size, Image.Resampling.BICUBIC))


KINDS: Final[dict[str, Callable[[np.random.Generator, Field], Gray]]] = {
    "letter": letter,
    "form": form,
    "table": table,
    "texture": texture,
}


def pictures(count: int, seed: int, field: Field) -> Iterator[tuple[str, Gray]]:
    """Draws pages, of each kind in turn; equal seeds give equal pages.

    Args:
        count: number of pages.
        seed: decides everything.
        field: draws a handwritten field and returns it with its digits.

    Yields:
        The kind, and the page: uint8 [height, width], 0 = black.
    """
    rng = np.random.default_rng([seed, 0xC4EC])
    for number in range(count):
        kind = list(KINDS)[number % len(KINDS)]
        yield kind, KINDS[kind](rng, field)


def _page(rng: np.random.Generator) -> Gray:
    width, height = _SIZES[rng.integers(len(_SIZES))]
    return np.full((height, width), rng.integers(215, 256), np.uint8)


def _paste(page: Gray, picture: Gray, x: int, y: int, height: int) -> int:
    """Darkens a page by a picture that is scaled to a height; returns the picture's width, at most what is left of the page."""
    width = max(1, round(int(picture.shape[1]) * height / int(picture.shape[0])))
    scaled = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
    part = page[y : y + height, x : x + width]
    np.minimum(part, scaled[: part.shape[0], : part.shape[1]], out=part)
    return width


def _rule(page: Gray, left: int, top: int, right: int, bottom: int) -> None:
    """Draws the outline of a box."""
    for line in (page[top : top + 2, left:right], page[bottom : bottom + 2, left:right]):
        line[...] = 60
    for line in (page[top:bottom, left : left + 2], page[top:bottom, right : right + 2]):
        line[...] = 60
