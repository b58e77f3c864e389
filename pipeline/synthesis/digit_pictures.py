"""Draws single digits by the hands of a glyph source, as a scanner delivers them.

    python -m pipeline.synthesis.digit_pictures sheet.png [--data-dir DIR]     # UNIPEN's digits, invented without it

Each picture has its own pen, slant, size, bends, paper and scanner: those of synthetic fields
(`pipeline.synthesis.line_rendering`, `pipeline.synthesis.scanner`), with one character in the field.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.data import pen_digits
from pipeline.data.digits import Split
from pipeline.data.unipen import Character
from pipeline.data.unipen_format import Points
from pipeline.synthesis import amount_text, line_rendering, scanner
from pipeline.synthesis import writers as handwriting
from pipeline.synthesis.glyph_bank import LEVELS, UNIT, GlyphSource, Writer
from pipeline.synthesis.pen_map import pen_map
from pipeline.synthesis.pen_paths import pen_paths
from pipeline.synthesis.writing_style import writing_style
from serving.errors import CheckreaderError
from serving.images.digit import SIDE, normalize

Gray = npt.NDArray[np.uint8]

# A digit by itself has more room than one in a field: pens as broad as MNIST's occur, shares of the body's height.
_PEN: Final = 0.065  # half the width, median
_PEN_SPREAD: Final = 0.3  # standard deviation of its logarithm
_BROADEST: Final = 0.13
_FINEST: Final = 1.0  # half the width in pixels; where a hand presses less, finer ones leave nothing
_SLANT: Final = 0.15  # standard deviation of what is added to the hand's own, columns per row
_CLUTTER: Final = 0.1  # the normalization keeps rules and neighbors, which leave little of a digit


def plain_picture(strokes: Sequence[Points]) -> Gray:
    """Draws a digit as it was written, with one even pen of MNIST's usual width on white paper.

    Args:
        strokes: as for `pipeline.synthesis.pen_paths.pen_paths`.

    Returns:
        uint8 [ROWS, COLUMNS], 255 = paper.
    """
    even = np.random.default_rng(0)  # without pressure it decides nothing
    ink = pen_map(pen_paths(strokes), _PEN * UNIT, 0.0, even)
    inside = (ink.astype(np.float32) - 128) / LEVELS
    return np.asarray(np.rint(255 - 255 * np.clip(inside + 0.5, 0, 1)), np.uint8)


def plain_split(characters: Sequence[Character]) -> Split:
    """Draws digits as they were written and normalizes them as the service does, in their order: to validate with."""
    pictures = (plain_picture(character.segment.strokes) for character in characters)
    labels = np.array([int(character.label) for character in characters], np.uint8)
    return Split(np.stack([normalize(picture) for picture in pictures]), labels)


class DigitPictures:
    """Draws the digits of a source; equal states of `rng` give equal pictures.

    Args:
        source: the glyphs, as a function of `pipeline.synthesis.writers` makes them.
        seed: decides the papers.
        papers: number of different ones; each takes some 50 ms to draw.

    Attributes:
        labels: uint8 [N], of each digit in the order of the source's glyphs.
        writers: intp [N], the index of its writer in the source.
    """

    def __init__(self, source: GlyphSource, seed: int = 0, papers: int = 48) -> None:
        digits = sorted(
            (glyph, int(char), number)
            for number, writer in enumerate(source.writers)
            for char, glyphs in writer.glyphs.items()
            if char in set("0123456789")
            for glyph in glyphs
        )
        self.labels = np.array([label for _, label, _ in digits], np.uint8)
        self.writers = np.array([number for _, _, number in digits], np.intp)
        self._glyphs = [glyph for glyph, _, _ in digits]
        self._bank = source.bank
        self._stock = scanner.paper_stock(np.random.default_rng(seed), papers)

    def picture(self, index: int, rng: np.random.Generator) -> Gray:
        """Draws a digit: dark ink on light paper, uint8 [H, W]."""
        label = int(self.labels[index])
        text = amount_text.label(str(label))
        writer = Writer("", {text.chars: (self._glyphs[index],)})
        ink = np.zeros((0, 0), np.float32)
        while not (ink > 0).any():  # a fine pen may leave nothing of a small digit
            style = writing_style(rng, upright=False)
            pen = min(_PEN * float(np.exp(rng.normal(0, _PEN_SPREAD))), _BROADEST)
            style = dataclasses.replace(
                style, pen=max(style.body * pen, _FINEST), slant=float(rng.normal(0, _SLANT))
            )
            ink, boxes = line_rendering.render(text, writer, writer, self._bank, style, rng)
        return scanner.scan(ink, boxes, self._stock, self._bank, rng, _CLUTTER)[0]

    def split(self, seed: int) -> Split:
        """Draws every digit once and normalizes it as the service does.

        Digits that the normalization finds no ink of are drawn again.
        """
        images = np.zeros((len(self.labels), SIDE, SIDE), np.uint8)
        for index in range(len(self.labels)):
            rng = np.random.default_rng([seed, index])
            while not images[index].any():
                images[index] = normalize(self.picture(index, rng))
        return Split(images, self.labels)


def sheet(pictures: DigitPictures, seed: int = 0, columns: int = 16) -> Image.Image:
    """Draws a contact sheet: a row for each label, every picture beside what the service makes of it."""
    rng = np.random.default_rng(seed)
    cell = 3 * SIDE
    canvas = Image.new("L", (2 * columns * cell, 10 * cell), 128)
    for label in range(10):
        choices = np.flatnonzero(pictures.labels == label)
        for column in range(columns if len(choices) else 0):
            gray = pictures.picture(int(rng.choice(choices)), rng)
            scan = Image.fromarray(gray)
            scan.thumbnail((cell, cell))
            canvas.paste(scan, (2 * column * cell, label * cell))
            canvas.paste(
                Image.fromarray(normalize(gray)).resize((cell, cell)), ((2 * column + 1) * cell, label * cell)
            )
    return canvas


def main(arguments: list[str] | None = None) -> int:
    """Writes a contact sheet; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.synthesis.digit_pictures",
        description="Write a contact sheet of drawn digits.",
    )
    parser.add_argument("sheet", type=Path, help="picture to write")
    parser.add_argument("--data-dir", type=Path, help="folder of UNIPEN (default: $CHECKREADER_DATA)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    try:
        digits = pen_digits.load(options.data_dir)
        source = handwriting.strokes(rng, 40) if digits is None else handwriting.unipen(digits.train, rng)
        sheet(DigitPictures(source), options.seed).save(options.sheet)
    except (CheckreaderError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
