"""Opens the writers of drawn checks, and writes amounts and dates by them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.data.digits import VARIABLE, cache
from pipeline.synthesis import generator, line_rendering, writers
from pipeline.synthesis.amount_text import AmountText
from pipeline.synthesis.check_layouts import Part
from pipeline.synthesis.glyph_bank import GlyphBank, GlyphSource, Writer, join
from pipeline.synthesis.pen_glyphs import pen_glyphs
from pipeline.synthesis.writing_style import WritingStyle, writing_style
from serving.errors import CheckreaderError

Floats = npt.NDArray[np.float32]

_INVENTED: Final = 120
_TEST_SEED: Final = 60_041  # of invented writers that no training sees
_DARKER: Final = 1.25  # for lines that get thinner than a pixel
_LEAST_PEN: Final = 0.75  # pixels of half its width: thinner lines are not seen
_SOFT: Final = 1.2  # pixels over which ink fades into paper


@dataclass(frozen=True)
class Hands:
    """Writers by their source, and the glyphs of all; `note` says which collections are missing, None: none is."""

    bank: GlyphBank
    writers: dict[str, list[Writer]]
    note: str | None = None

    def pick(self, rng: np.random.Generator, source: str | None = None) -> Writer:
        """Draws a writer, of a source where its name is given, else of one drawn by `generator.SHARES`."""
        names = sorted(self.writers)
        shares = np.cumsum([generator.SHARES[name] for name in names])
        place = rng.random() * shares[-1]
        options = self.writers[source or names[int(np.searchsorted(shares, place, side="right"))]]
        return options[int(rng.random() * len(options))]


def invented_hands(part: Part, count: int = _INVENTED) -> Hands:
    """Invents writers; no writer is in both parts."""
    return _hands([_invented(part, count)], None)


def open_hands(
    part: Part, data_dir: Path | None = None, fonts: Path | None = None, count: int = _INVENTED
) -> Hands:
    """Opens the writers of a part: for tests MNIST's test writers and UNIPEN's donors that no training sees.

    Args:
        part: "train" or "test".
        data_dir: where MNIST and UNIPEN lie; None: $CHECKREADER_DATA, else the user's cache. What is not there is noted.
        fonts: folder that `pipeline.synthesis.fonts` filled, for training; None: no fonts.
        count: number of invented writers.

    Raises:
        CheckreaderError: no fonts where they should be, or several archives of UNIPEN.
    """
    folder = data_dir or Path(os.environ.get(VARIABLE) or cache())
    sources = [_invented(part, count)]
    missing = []
    try:
        sources.append(writers.mnist(folder, part))
    except CheckreaderError as error:
        missing.append(str(error))
    if (pens := pen_glyphs(folder, part)) is not None:
        sources.append(pens)
    else:
        missing.append(f"{folder}: UNIPEN not found")
    if fonts is not None and part == "train":
        sources.append(writers.fonts(fonts))
    return _hands(sources, "; ".join(missing) or None)


def _invented(part: Part, count: int) -> GlyphSource:
    return writers.strokes(np.random.default_rng(0 if part == "train" else _TEST_SEED), count)


def _hands(sources: list[GlyphSource], note: str | None) -> Hands:
    return replace(hands_of(*join(sources)), note=note)


def hands_of(bank: GlyphBank, writers: Iterable[Writer]) -> Hands:
    """Returns those of the writers of a bank's glyphs who write all digits, since a field has a single writer."""
    digits = set("0123456789")
    by_source: dict[str, list[Writer]] = {}
    for writer in writers:
        if set(writer.glyphs) >= digits:
            by_source.setdefault(writer.source, []).append(writer)
    return Hands(bank, by_source)


@dataclass(frozen=True)
class Hand:
    """Somebody who fills in a check: the same glyphs, slant and pen in amount and date.

    Attributes:
        hands: where the glyphs are.
        writer: writes the digits.
        marks_writer: writes what the writer has no glyph of.
        style: size, pen, slant and the like.
    """

    hands: Hands
    writer: Writer
    marks_writer: Writer
    style: WritingStyle

    def write(self, text: AmountText, body: float, width: float, rng: np.random.Generator) -> Floats:
        """Writes a text.

        Args:
            text: characters and their places.
            body: height of a digit in pixels.
            width: in pixels, that the text is made smaller to fit into.
            rng: decides what differs from glyph to glyph.

        Returns:
            How much of the paper the ink covers, float32 [h, w], 0 to 1, without margins.
        """
        scale = body / self.style.body
        drawn = replace(self.style, body=body, pen=max(_LEAST_PEN, self.style.pen * scale))
        ink = np.zeros((0, 0), np.float32)
        while not (ink > 0).any():  # a fine pen may leave nothing
            ink, _ = line_rendering.render(text, self.writer, self.marks_writer, self.hands.bank, drawn, rng)
            drawn = replace(drawn, pen=drawn.pen * 1.2)
        rows, columns = np.flatnonzero((ink > 0).any(1)), np.flatnonzero((ink > 0).any(0))
        ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        cover = np.clip(ink / np.float32(_SOFT) + np.float32(0.5), 0, 1)
        if cover.shape[1] > width:
            size = max(1, int(width)), max(1, round(cover.shape[0] * width / cover.shape[1]))
            cover = np.minimum(
                np.asarray(Image.fromarray(cover).resize(size, Image.Resampling.BOX)) * _DARKER, 1
            )
        return np.asarray(cover, np.float32)


def hand(hands: Hands, rng: np.random.Generator) -> Hand:
    """Draws somebody who fills in a check."""
    writer = hands.pick(rng)
    style = writing_style(rng, writer.source == "strokes")
    return Hand(hands, writer, hands.pick(rng, "strokes"), style)
