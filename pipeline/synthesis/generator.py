"""Generates handwritten amounts and numbers, as a check scanner delivers them.

    python -m pipeline.synthesis.generator sheet.png [--data-dir DIR] [--fonts DIR]     # a contact sheet

One writer writes a whole field: a writer of MNIST, an invented one (strokes),
or a handwriting font, on paper from `pipeline.synthesis.paper`. Labels name what
is to be read, left to right (`pipeline.synthesis.amount_text`): marks, a currency
sign, rules and neighbors' ink have none.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.synthesis import amount_text, glyph_bank, line_rendering, scanner
from pipeline.synthesis import writers as handwriting
from serving.errors import CheckreaderError
from serving.images.field import normalize_field

SHARES: Final = {"mnist": 0.27, "strokes": 0.53, "fonts": 0.2}

Gray = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """A synthetic field.

    Attributes:
        picture: uint8 [H, W], dark ink on light paper.
        text: what is to be read, left to right.
        boxes: float32 [n, 4], x, y, width and height of the ink of each of the text's characters in pixels.
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

    def field(self, text: amount_text.AmountText, rng: np.random.Generator) -> Sample:
        """Draws a field with `text`, by a random writer."""
        name = self._names[int(np.searchsorted(self._shares, rng.random(), side="right"))]
        writer = self._pick(name, rng)
        fallback_writer = self._pick("strokes", rng)
        ink = np.zeros((0, 0), np.float32)
        while not (ink > 0).any():  # a fine pen and small writing may leave nothing
            style = line_rendering.writing_style(rng, name == "strokes")
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
        data_dir: where MNIST lies, as for `pipeline.data.digits.load`.
        fonts: folder that `pipeline.synthesis.fonts` filled; None = no fonts.
        mnist: True to use MNIST's digits, too.
        part: "train" or "validation"; no writer is in both, neither of MNIST nor invented.
        writers: number of invented writers.

    Raises:
        CheckreaderError: no MNIST, no fonts where they should be.
    """
    opened = [handwriting.strokes(np.random.default_rng(("train", "validation").index(part)), writers)]
    if mnist:
        opened.append(handwriting.mnist(data_dir, part))
    if fonts is not None:
        opened.append(handwriting.fonts(fonts))
    return opened


def training_item(sample: Sample) -> tuple[Gray, str]:
    """Normalizes a sample for training as the service would: pixels uint8 [32, w], text."""
    return normalize_field(sample.picture).pixels, sample.text


def sheet(generator: Generator, seed: int = 0, rows: int = 12, columns: int = 6) -> Image.Image:
    """Draws a contact sheet of samples with their labels."""
    rng = np.random.default_rng(seed)
    picture = Image.new("L", (columns * 380, rows * 140), 128)
    canvas = ImageDraw.Draw(picture)
    for index in range(rows * columns):
        sample = generator.sample(rng)
        image = Image.fromarray(sample.picture)
        factor = min(2.2, 374 / image.width, 124 / image.height)
        image = image.resize((max(1, int(image.width * factor)), max(1, int(image.height * factor))))
        x, y = index % columns * 380, index // columns * 140
        picture.paste(image, (x, y + 12))
        canvas.text((x, y), sample.text, fill=255)
    return picture


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
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
        glyphs = sources(options.data_dir, options.fonts, mnist, writers=60)
        sheet(Generator(glyphs), options.seed).save(options.sheet)
    except (CheckreaderError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
