"""Generates handwritten amounts and numbers, as a check scanner delivers them: plain ones, by which models are compared.

    python -m pipeline.synthesis.generator sheet.png [--data-dir DIR] [--fonts DIR]     # a contact sheet of training fields

One writer writes a whole field: a writer of MNIST or UNIPEN, an invented one (strokes),
or a handwriting font, on paper from `pipeline.synthesis.paper`. The text is what
is to be read, left to right (`pipeline.synthesis.amount_text`): currency signs, rules
and neighbors' ink are not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.synthesis import amount_text, glyph_bank, line_rendering, scanner
from pipeline.synthesis import writers as handwriting
from pipeline.synthesis.pen_glyphs import pen_glyphs
from pipeline.synthesis.writing_style import writing_style
from serving.errors import CheckreaderError

_SHEET: Final = 72  # fields of a contact sheet
SHARES: Final = {"mnist": 0.2, "unipen": 0.2, "strokes": 0.45, "fonts": 0.15}
PEN_MARKS: Final = (
    0.5  # share of MNIST's fields whose marks are a writer's of UNIPEN, as far as that one wrote them
)

Gray = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """A synthetic field.

    Attributes:
        picture: uint8 [H, W], dark ink on light paper.
        text: what is to be read, in symbols of the alphabet.
        boxes: float32 [n, 4], x, y, width and height of the ink of each of the text's symbols in pixels.
    """

    picture: Gray
    text: str
    boxes: Floats


class Generator:
    """Draws samples; equal states of `rng` give equal samples.

    Args:
        sources: of glyphs, see the function `sources`.
        seed: decides the papers.

    Attributes:
        bank: the glyphs of all sources.
        writers: all writers, by the name of their source.
    """

    def __init__(self, sources: list[glyph_bank.GlyphSource], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.bank, writers = glyph_bank.join(sources)
        self.writers = {
            name: [writer for writer in writers if writer.source == name]
            for name in {writer.source for writer in writers}
        }
        self._names = sorted(self.writers)
        shares = np.array([SHARES[name] for name in self._names])
        self._shares = np.cumsum(shares / shares.sum())
        self._stock = scanner.paper_stock(rng)

    def sample(self, rng: np.random.Generator) -> Sample:
        """Draws one field."""
        return self.field(amount_text.random_text(rng), rng)

    def field(
        self, text: amount_text.AmountText, rng: np.random.Generator, source: str | None = None
    ) -> Sample:
        """Draws a field with `text`, by a random writer, of one source where its name is given."""
        name = source or self._names[int(np.searchsorted(self._shares, rng.random(), side="right"))]
        writer = self._pick(name, rng)
        fallback_writer = self._pick("strokes", rng)
        if name == "mnist" and "unipen" in self.writers and rng.random() < PEN_MARKS:
            fallback_writer = _with_marks_of(self._pick("unipen", rng), fallback_writer)
        ink = np.zeros((0, 0), np.float32)
        while not (ink > 0).any():  # a fine pen and small writing may leave nothing
            style = writing_style(rng, name == "strokes")
            ink, boxes = line_rendering.render(text, writer, fallback_writer, self.bank, style, rng)
        picture, boxes = scanner.scan(ink, boxes, self._stock, self.bank, rng)
        return Sample(picture, text.text(), boxes)

    def _pick(self, source: str, rng: np.random.Generator) -> glyph_bank.Writer:
        writers = self.writers[source]
        return writers[int(rng.random() * len(writers))]


def sources(
    data_dir: Path | None = None,
    fonts: Path | None = None,
    mnist: bool = True,
    part: str = "train",
    writers: int = 400,
) -> list[glyph_bank.GlyphSource]:
    """Opens glyph sources for a `Generator`.

    Args:
        data_dir: where MNIST and UNIPEN lie, as for `pipeline.data.digits.load` and `pipeline.data.unipen.locate`.
        fonts: folder that `pipeline.synthesis.fonts` filled; None = no fonts.
        mnist: True to use MNIST's digits, and UNIPEN's digits and marks where UNIPEN is found.
        part: "train" or "validation"; no writer is in both, whether of MNIST, of UNIPEN or invented.
        writers: number of invented writers.

    Raises:
        CheckreaderError: no MNIST, no fonts where they should be.
    """
    opened = [handwriting.strokes(np.random.default_rng(("train", "validation").index(part)), writers)]
    if mnist:
        opened.append(handwriting.mnist(data_dir, part))
        if (pens := pen_glyphs(data_dir, part)) is not None:
            opened.append(pens)
    if fonts is not None:
        opened.append(handwriting.fonts(fonts))
    return opened


def _with_marks_of(writer: glyph_bank.Writer, others: glyph_bank.Writer) -> glyph_bank.Writer:
    """Returns a writer with one's marks and all the others' glyphs that this one lacks."""
    marks = {char: glyphs for char, glyphs in writer.glyphs.items() if not char.isdigit()}
    return glyph_bank.Writer(others.source, {**others.glyphs, **marks})


def contact_sheet(samples: Sequence[Sample], columns: int = 6) -> Image.Image:
    """Draws samples with their texts in a table."""
    picture = Image.new("L", (columns * 380, -(-len(samples) // columns) * 140), 128)
    canvas = ImageDraw.Draw(picture)
    for index, sample in enumerate(samples):
        image = Image.fromarray(sample.picture)
        factor = min(2.2, 374 / image.width, 124 / image.height)
        image = image.resize((max(1, int(image.width * factor)), max(1, int(image.height * factor))))
        x, y = index % columns * 380, index // columns * 140
        picture.paste(image, (x, y + 12))
        canvas.text((x, y), sample.text, fill=255)
    return picture


def main(arguments: list[str] | None = None) -> int:
    """Writes a contact sheet of the fields that a training sees; returns the exit status."""
    from pipeline.synthesis.training_fields import TrainingFields, draw_cohort

    parser = argparse.ArgumentParser(
        prog="python -m pipeline.synthesis.generator",
        description="Write a contact sheet of synthetic fields.",
    )
    parser.add_argument("sheet", type=Path, help="picture to write")
    parser.add_argument("--data-dir", type=Path, help="folder of MNIST (default: no MNIST)")
    parser.add_argument("--fonts", type=Path, help="folder of fonts (python -m pipeline.synthesis.fonts DIR)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        mnist = options.data_dir is not None
        collected = Generator(sources(options.data_dir, options.fonts, mnist, writers=1))
        fields, rng = TrainingFields(collected), np.random.default_rng(options.seed)
        cohort = draw_cohort(rng, 20 * _SHEET)  # more writers than in a block
        contact_sheet([fields.sample(rng, cohort) for _ in range(_SHEET)]).save(options.sheet)
    except (CheckreaderError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
