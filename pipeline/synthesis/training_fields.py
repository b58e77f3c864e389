"""Draws fields to train on: what real fields of checks and forms hold, in shares that were counted on them.

`pipeline.synthesis.generator` draws plain fields, by which models are compared and which therefore never change. These
have more: thousands of invented writers, digits that are joined, corrected or blotted, rests of print, pencils, and
other devices than gray scanners (`pipeline.synthesis.scenes`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipeline.synthesis import (
    corrections,
    glyph_bank,
    joins,
    line_rendering,
    paper,
    print_rests,
    scanner,
    scenes,
)
from pipeline.synthesis.amount_text import UNDERLINE, AmountText, Place, label
from pipeline.synthesis.generator import PEN_MARKS, SHARES, Generator, Sample
from pipeline.synthesis.glyph_bank import GlyphBank, GlyphSource, Writer
from pipeline.synthesis.invented_writers import CHAINS, COUNT, invented
from pipeline.synthesis.writing_style import WIDE_STACK, WritingStyle, writing_style
from serving.images.codec import Gray
from serving.images.digit import INK_LEVEL
from serving.images.field import Field, normalize_field

FIELDS: Final = 96  # of a block that there is an invented writer for
_WIDE_STACKS: Final = 0.5  # share of fields whose fractions are set in any size
_OPTIONS: Final = 3  # glyphs of a character that a collected writer brings along
_CORNERS: Final = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], np.float32)
_WIDEST: Final = 0.085  # half a pen's width, of the body's height
_PENS: Final = {scanner.PENCIL: (0.6, 1.1), scanner.BALLPOINT: (0.85, 1.1), scanner.FELT_PEN: (1.5, 2.3)}


@dataclass(frozen=True)
class _Hands:
    """The glyphs of a text's characters, who writes it, and who writes what that one has no glyphs of."""

    bank: GlyphBank
    writer: Writer
    others: Writer


class TrainingFields:
    """Draws samples; equal states of `rng` and equal cohorts give equal samples.

    Args:
        collected: has the glyphs of MNIST, UNIPEN and fonts, as far as they are there.
        seed: of the invented writers and the papers.
    """

    def __init__(self, collected: Generator, seed: int = 0) -> None:
        self._collected = collected
        self._seed = seed
        names = sorted({"strokes", *collected.writers})
        self._names = names
        self._shares = np.cumsum([SHARES[name] for name in names])
        self._stock = scanner.paper_stock(np.random.default_rng(seed), 64, paper.COUNTED_GROUNDS)

    def item(self, rng: np.random.Generator, cohort: Sequence[int]) -> tuple[Gray, str]:
        """Draws a field that can be read; normalizes it, uint8 [32, w], with the text that is left to be read."""
        while True:
            sample = self.sample(rng, cohort)
            field = normalize_field(sample.picture)
            if field.problem is None and (text := visible_text(sample, field)) is not None:
                return field.pixels, text

    def sample(self, rng: np.random.Generator, cohort: Sequence[int], scene: str | None = None) -> Sample:
        """Draws one field, of one scene where its name is given."""
        kind = scenes.SCENES[scene or scenes.choose(rng)]
        tool = scenes.choose_tool(kind, rng)
        text = kind.text(rng)
        shares = self._shares
        source = self._names[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]
        ink, boxes = np.zeros((0, 0), np.float32), np.zeros((0, 4), np.float32)
        while not (ink > 0).any():
            style = _style(source, tool, rng)
            hands = self._hands(text, source, style, cohort, rng)
            ink, boxes = line_rendering.render(text, hands.writer, hands.others, hands.bank, style, rng)
        read = text.text()
        joins.join_digits(ink, boxes, read, style.pen, rng)

        def write(digit: str) -> line_rendering.Floats:
            again = self._hands(label(digit), source, style, cohort, rng)
            return line_rendering.render(label(digit), again.writer, again.others, again.bank, style, rng)[0]

        corrections.correct(ink, boxes, read, style.pen, write, rng)
        picture, boxes = self._capture(ink, boxes, kind, tool, style, bool(text.reads[0]), rng)
        return Sample(picture, read, boxes)

    def _capture(
        self,
        ink: line_rendering.Floats,
        boxes: line_rendering.Floats,
        scene: scenes.Scene,
        tool: scanner.Tool,
        style: WritingStyle,
        bare: bool,
        rng: np.random.Generator,
    ) -> tuple[Gray, line_rendering.Floats]:
        """Puts the ink on its paper and captures it; `bare` says that no sign is written in front."""
        sign = 0.0 if scene.cell or not bare else print_rests.currency_width(style.body, rng)
        wider = (
            rng.gamma(1.5, (0.12, 0.12, 0.5, 0.5)) * style.body if scene.cell else np.array([0, 0, sign, 0])
        )
        page, boxes = scanner.cut(ink, boxes, rng, wider.tolist())
        if rng.random() < 0.12 * scene.clutter:
            scanner.draw_neighbor(page, self._collected.bank, rng)
        print_rests.descend(page, boxes, style.pen, rng)
        light = (
            print_rests.cell_print(page.shape, rng)
            if scene.cell
            else print_rests.check_print(page.shape, boxes, sign, rng)
        )
        picture = scanner.expose(
            page, self._stock, rng, scene.clutter, light, tool, 0.0 if scene.device else 0.4
        )
        return scene.device(picture, boxes, self._stock, rng) if scene.device else (picture, boxes)

    def _hands(
        self,
        text: AmountText,
        source: str,
        style: WritingStyle,
        cohort: Sequence[int],
        rng: np.random.Generator,
    ) -> _Hands:
        """Chooses who writes a text, and who writes what that one has no glyphs of."""
        names = Counter(text.chars + (UNDERLINE if Place.BAR in text.places else ""))
        if style.chained:
            names.update(chain for chain in CHAINS if chain in text.chars)
        parts = []
        if source != "strokes":
            parts.append(self._selected(source, {*names, "7-"}, rng))
            if source == "mnist" and "unipen" in self._collected.writers and rng.random() < PEN_MARKS:
                parts.append(self._selected("unipen", {name for name in names if not name.isdigit()}, rng))
        written = {name for part in parts for name in part.writers[0].glyphs}
        rest = {name: count for name, count in names.items() if name not in written}
        number = cohort[int(rng.integers(len(cohort)))]
        bank, writers = glyph_bank.join([*parts, invented(self._seed, number, rest, rng)])
        others = {name: glyphs for hand in writers for name, glyphs in hand.glyphs.items()}
        return _Hands(bank, writers[0], Writer(source, others))

    def _selected(self, source: str, names: set[str], rng: np.random.Generator) -> GlyphSource:
        """Copies some of a collected writer's glyphs of the characters."""
        writers, bank = self._collected.writers[source], self._collected.bank
        writer = writers[int(rng.integers(len(writers)))]
        index: list[int] = []
        glyphs: dict[str, tuple[int, ...]] = {}
        for name, options in writer.glyphs.items():
            if name in names:
                first = int(rng.integers(len(options)))
                chosen = [*options[first:], *options[:first]][:_OPTIONS]
                glyphs[name] = tuple(range(len(index), len(index) + len(chosen)))
                index += chosen
        part = GlyphBank(bank.maps[index], bank.boxes[index], bank.bases[index], bank.pens[index])
        return GlyphSource(part, (Writer(source, glyphs),))


def visible_text(sample: Sample, field: Field) -> str | None:
    """Returns what is to be read of a sample once it is normalized; None where a digit left no ink.

    Marks that the normalization takes out, as it does print and specks, are not in the text: nobody could read them.
    """
    to_field = np.linalg.inv(np.vstack([field.to_picture, (0, 0, 1)]))[:2]
    corners = sample.boxes[:, None, :2] + _CORNERS * sample.boxes[:, None, 2:]
    placed = corners @ to_field[:, :2].T + to_field[:, 2]
    (left, top), (right, bottom) = np.floor(placed.min(1)).T.clip(0), np.ceil(placed.max(1)).T.clip(0)
    read = ""
    symbols = zip(sample.text, *np.stack([left, right, top, bottom]).astype(int).tolist(), strict=True)
    for symbol, x0, x1, y0, y1 in symbols:
        if (field.pixels[y0:y1, x0:x1] >= INK_LEVEL).any():
            read += symbol
        elif symbol.isdigit():
            return None
    return read


def draw_cohort(rng: np.random.Generator, count: int) -> list[int]:
    """Draws the numbers of the invented writers who write one block of `count` fields."""
    return [int(number) for number in rng.integers(COUNT, size=max(count // FIELDS, 1))]


def _style(source: str, tool: scanner.Tool, rng: np.random.Generator) -> WritingStyle:
    style = joins.close_style(writing_style(rng, source == "strokes"), rng)
    stack = WIDE_STACK if rng.random() < _WIDE_STACKS else style.stack
    pen = min(max(style.pen * rng.uniform(*_PENS[tool]), 0.6), _WIDEST * style.body)
    return replace(style, pen=pen, stack=stack)
