"""Draws numbers written into printed combs, boxes and cells, a digit in each, as forms and checks have them for dates.

    python -m pipeline.synthesis.combs sheet.png     # a contact sheet; $CHECKREADER_DATA holds MNIST, QMNIST, UNIPEN

One hand writes a field. Print, paper and pen differ from field to field: closed strips with rules between the digits,
rules without a frame, open combs with short ticks, boxes with a double rule between them, boxes apart from each other,
in thin, thick, gray or dotted print.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.data import pen_digits
from pipeline.synthesis import amount_text, line_rendering, scanner
from pipeline.synthesis import writers as handwriting
from pipeline.synthesis.comb_print import LAYOUTS, Comb, form
from pipeline.synthesis.glyph_bank import GlyphSource, Writer, join
from pipeline.synthesis.line_rendering import FAR
from pipeline.synthesis.writing_style import WritingStyle, writing_style
from serving.errors import CheckreaderError

Gray = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

KINDS: Final = tuple(LAYOUTS)
LENGTHS: Final = 6, 12  # digits, least and most
_DATES: Final = 0.4  # share of fields that are a date, day first; the others are any number
_LEAST_CLASSES: Final = 8  # different digits that a hand must have
_CLUTTER: Final = 0.3  # of what a check's amount has
_NEIGHBORS: Final = 0.1  # share of fields into which a neighbor's ink reaches


@dataclass(frozen=True)
class CombField:
    """A drawn field: picture uint8 [H, W], dark on light, its digits, and the kind of comb."""

    picture: Gray
    text: str
    kind: str


class CombDrawing:
    """Draws fields with combs; equal states of `rng` give equal fields.

    Args:
        sources: of glyphs; fields are shared out evenly among them.
        seed: decides the papers.
        papers: number of different ones.
    """

    def __init__(self, sources: Sequence[GlyphSource], seed: int = 0, papers: int = 48) -> None:
        self._bank, _ = join(list(sources))
        self._stock = scanner.paper_stock(np.random.default_rng(seed), papers)
        self._hands: list[list[Writer]] = []
        for number, source in enumerate(sources):
            _, writers = join([*sources[:number], source])
            own = writers[len(writers) - len(source.writers) :]
            self._hands.append([hand for hand in own if len(_digits(hand)) >= _LEAST_CLASSES])

    def fields(self, count: int, seed: int, bare: bool = False) -> Iterator[CombField]:
        """Draws `count` fields, each from a generator of its own; bare ones are the same without the print."""
        for number in range(count):
            yield self.field(np.random.default_rng([seed, number]), number % len(self._hands), bare)

    def field(self, rng: np.random.Generator, source: int, bare: bool = False) -> CombField:
        """Draws a field by a hand of one of the sources."""
        hand = self._hands[source][int(rng.integers(len(self._hands[source])))]
        text = _text(_digits(hand), rng)
        kind = str(rng.choice(KINDS, p=[share for _, share, _, _ in LAYOUTS.values()]))
        rules, _, least, most = LAYOUTS[kind]
        height = float(np.clip(np.exp(rng.normal(np.log(42), 0.3)), 28, 96))
        width = height * rng.uniform(0.65, 1.1)
        pitch = width * (1 + rng.uniform(least, most))
        lefts = pitch * np.arange(len(text))
        if len(text) == 8 and rng.random() < 0.2:  # day, month and year apart
            lefts += width * rng.uniform(0.2, 0.6) * (np.arange(8)[:, None] >= (2, 4)).sum(1)
        rule = max(
            height * (rng.uniform(0.045, 0.08) if rng.random() < 0.2 else rng.uniform(0.02, 0.04)), 0.8
        )
        outer = rule * (rng.uniform(1.5, 2.5) if rng.random() < 0.2 else 1.0)
        comb = Comb(tuple(lefts.tolist()), width, height, rule, outer)
        margins = np.minimum(2 + rng.gamma(1.6, 3.0, 4), 0.4 * height) + 0.5 * outer
        turn = float(np.radians(np.clip(rng.normal(0, 0.8), -2.5, 2.5)))
        size = _page_size(comb, margins, turn)
        origin = margins[2], margins[0] + max(0.0, -np.sin(turn)) * (lefts[-1] + width)
        printed = form(rules(comb, rng), size, origin, turn, rng)
        page = self._write(text, hand, comb, size, origin, turn, rng)
        if rng.random() < _NEIGHBORS:
            scanner.draw_neighbor(page, self._bank, rng)
        picture = scanner.expose(page, self._stock, rng, _CLUTTER, None if bare else printed)
        return CombField(picture, text, kind)

    def _write(
        self,
        text: str,
        hand: Writer,
        comb: Comb,
        size: tuple[int, int],
        origin: tuple[float, float],
        turn: float,
        rng: np.random.Generator,
    ) -> Floats:
        """Writes a digit into each cell; distances into the ink, float32 [h, w]."""
        page = np.full(size, FAR, np.float32)
        style = _style(comb, rng)
        place = comb.height * rng.normal(0.02, 0.06)  # of the line below the middle of its cells
        for digit, left in zip(text, comb.lefts, strict=True):
            ink = np.zeros((0, 0), np.float32)
            while not (ink > 0).any():
                ink, _ = line_rendering.render(amount_text.label(digit), hand, hand, self._bank, style, rng)
            rows, columns = np.flatnonzero((ink > 0).any(1)), np.flatnonzero((ink > 0).any(0))
            x = left + comb.width / 2 + rng.normal(0, 0.09) * comb.width
            y = comb.height / 2 + place + rng.normal(0, 0.04) * comb.height
            _paste(
                page,
                ink,
                int(origin[0] + x * np.cos(turn) - y * np.sin(turn) - (columns[0] + columns[-1]) / 2),
                int(origin[1] + x * np.sin(turn) + y * np.cos(turn) - (rows[0] + rows[-1]) / 2),
            )
        return page


def _style(comb: Comb, rng: np.random.Generator) -> WritingStyle:
    """Draws a style of writing that fits the cells, or nearly."""
    style = writing_style(rng, upright=False)
    body = comb.height * rng.uniform(0.45, 0.78)
    pen = max(style.pen * body / style.body, 0.9)
    return dataclasses.replace(
        style, body=body, pen=pen, skew=0.0, aspect=min(style.aspect, 1.2 * comb.width / body)
    )


def _text(digits: set[str], rng: np.random.Generator) -> str:
    """Draws a date or a number of digits that a hand has."""
    if rng.random() < _DATES:
        for _ in range(50):
            day, month, year = rng.integers((1, 1, 1990), (32, 13, 2030)).tolist()
            date = f"{day:02}{month:02}{year:04}"
            if set(date) <= digits:
                return date
    length = int(rng.integers(LENGTHS[0], LENGTHS[1] + 1))
    return "".join(rng.choice(sorted(digits), length))


def _digits(hand: Writer) -> set[str]:
    return set(hand.glyphs) & set("0123456789")


def _page_size(comb: Comb, margins: npt.NDArray[np.float64], turn: float) -> tuple[int, int]:
    width = comb.lefts[-1] + comb.width
    return (
        int(np.ceil(comb.height + margins[0] + margins[1] + width * abs(np.sin(turn)))),
        int(np.ceil(width + margins[2] + margins[3])),
    )


def _paste(page: Floats, ink: Floats, x: int, y: int) -> None:
    """Puts ink onto the page where it is in it, with its corner at x, y."""
    height, width = page.shape
    rows = slice(max(y, 0), max(min(y + ink.shape[0], height), 0))
    columns = slice(max(x, 0), max(min(x + ink.shape[1], width), 0))
    part = ink[max(-y, 0) :, max(-x, 0) :]
    place = page[rows, columns]
    np.maximum(place, part[: place.shape[0], : place.shape[1]], out=place)


def unseen_hands(folder: Path | None = None) -> list[GlyphSource]:
    """Opens the hands that no training sees: MNIST's test writers, and UNIPEN's donors for validation.

    Args:
        folder: where the data sets lie, as for `pipeline.data.digits.load`.

    Raises:
        CheckreaderError: one of the data sets is not there.
    """
    digits = pen_digits.load(folder)
    if digits is None:
        raise CheckreaderError("no UNIPEN in the data folder: set CHECKREADER_DATA")
    pens = handwriting.unipen(digits.validation, np.random.default_rng(0))
    return [handwriting.mnist(folder, "test"), pens]


def sheet(fields: Sequence[CombField], columns: int = 3) -> Image.Image:
    """Draws a contact sheet of fields with their digits and kinds."""
    cell = 460, 84
    page = Image.new("L", (columns * cell[0], -(-len(fields) // columns) * cell[1]), 128)
    canvas = ImageDraw.Draw(page)
    for number, field in enumerate(fields):
        x, y = number % columns * cell[0], number // columns * cell[1]
        picture = Image.fromarray(field.picture)
        factor = min(2.0, (cell[0] - 6) / picture.width, (cell[1] - 16) / picture.height)
        picture = picture.resize((max(1, int(picture.width * factor)), max(1, int(picture.height * factor))))
        page.paste(picture, (x, y + 12))
        canvas.text((x, y), f"{field.text} {field.kind}", fill=255)
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes a contact sheet; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.synthesis.combs", description="Write a contact sheet of drawn combs."
    )
    parser.add_argument("sheet", type=Path, help="picture to write")
    options = parser.parse_args(arguments)
    try:
        sheet(list(CombDrawing(unseen_hands()).fields(48, 1))).save(options.sheet)
    except (CheckreaderError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
