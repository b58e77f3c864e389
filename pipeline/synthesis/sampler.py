"""Samples synthetic fields to train on, and says whose handwriting they show."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from pipeline.data import digits, unipen
from pipeline.run import sha256
from pipeline.synthesis import check_parts, generator, nonfields
from pipeline.synthesis.check_hands import Hands, hands_of
from pipeline.synthesis.combs import CombDrawing
from pipeline.synthesis.drawn_digits import checksum
from pipeline.synthesis.glyph_bank import GlyphSource
from pipeline.synthesis.training_fields import TrainingFields, draw_cohort
from serving.images.codec import Gray
from serving.images.field import normalize_field

# Pixels uint8 [32, w], 255 = ink, and the text that is to be read, in symbols of `lenet5_field.ALPHABET`.
Item = tuple[Gray, str]

_NONFIELDS: Final = 0.06  # share of items that show no field and have no text
_COMBS: Final = 0.08  # share of items that are numbers in printed combs and boxes
_CHECKS: Final = 0.25  # share of items that are cut out of checks
_COMB_PAPERS: Final = 24


class TrainingSampler(Protocol):
    """Draws what a sliding network is trained on from scratch: rng, count → items. It can be pickled."""

    def __call__(self, rng: np.random.Generator, count: int) -> list[Item]: ...

    def settings(self) -> object:
        """Returns what decides the items, but for the sources that the run's record has the checksums of."""

    def validation(self) -> TrainingSampler:
        """Returns the sampler of items that training never sees."""
        ...


@dataclasses.dataclass(frozen=True)
class HandwritingSampler:
    """Draws fields: rng, count → items. It can be pickled and called in any process.

    Attributes:
        folder: where MNIST and UNIPEN lie; None = in their usual places.
        fonts: folder that `pipeline.synthesis.fonts` filled; None = no fonts.
        mnist: True to add MNIST's writers to the invented ones, and UNIPEN's where UNIPEN is found.
        part: "train" or "validation"; no writer is in both.
        invented: number of invented writers of combs and of `field`, each of which takes some 20 ms to draw; the other
            items are by thousands.
    """

    folder: Path | None = None
    fonts: Path | None = None
    mnist: bool = False
    part: str = "train"
    invented: int = 400

    def __call__(self, rng: np.random.Generator, count: int) -> list[Item]:
        source, combs, cohort = _training_fields(self), _combs(self), draw_cohort(rng, count)
        shares = (_NONFIELDS, _COMBS, _CHECKS)
        empty, boxed, cut_out, rest = rng.multinomial(count, (*shares, 1 - sum(shares))).tolist()
        items = [source.item(rng, cohort) for _ in range(rest)]
        items += [check_parts.item(_hands(self), rng) for _ in range(cut_out)]
        for _ in range(boxed):
            drawn = combs.field(rng, 0)
            items.append((normalize_field(drawn.picture).pixels, drawn.text))
        for _, picture in nonfields.pictures(empty, int(rng.integers(2**31)), self.field):
            items.append((normalize_field(picture).pixels, ""))
        return items

    def field(self, rng: np.random.Generator) -> tuple[Gray, str]:
        """Draws one plain field, as they are always drawn; returns its picture and its digits."""
        sample = _generator(self).sample(rng)
        return sample.picture, "".join(filter(str.isdigit, sample.text))

    def settings(self) -> HandwritingSampler:
        """Returns it without its folders, of whose files `record` has the checksums."""
        return dataclasses.replace(self, folder=None, fonts=None)

    def validation(self) -> HandwritingSampler:
        """Returns the sampler of the writers that training never sees."""
        return dataclasses.replace(self, part="validation")

    def record(self) -> dict[str, Any]:
        """Describes the writers for a run's record: the checksums of MNIST, UNIPEN and the fonts."""
        fonts = sorted(self.fonts.iterdir()) if self.fonts else []
        return {
            "name": "drawn fields",
            "digits": digits.load("mnist", self.folder).record() if self.mnist else None,
            "unipen": self._pens(),
            "fonts": {font.stem: sha256(font) for font in fonts if font.is_file()},
        }

    def _pens(self) -> dict[str, Any] | None:
        location = unipen.locate(self.folder) if self.mnist else None
        if location is None:
            return None
        return {"name": unipen.NAME, "doi": unipen.DOI, "sha256": checksum(location)}


@functools.cache
def _training_fields(sampler: HandwritingSampler) -> TrainingFields:
    """Makes the drawing of training fields; it shares the generator's glyphs."""
    return TrainingFields(_generator(sampler), ("train", "validation").index(sampler.part))


@functools.cache
def _combs(sampler: HandwritingSampler) -> CombDrawing:
    """Makes the drawing of combs by all of the sampler's hands; they share the generator's glyphs."""
    source = _generator(sampler)
    writers = tuple(writer for name in sorted(source.writers) for writer in source.writers[name])
    return CombDrawing([GlyphSource(source.bank, writers)], papers=_COMB_PAPERS)


@functools.cache
def _hands(sampler: HandwritingSampler) -> Hands:
    """Makes the writers of checks; they share the generator's glyphs."""
    source = _generator(sampler)
    return hands_of(source.bank, itertools.chain.from_iterable(source.writers.values()))


@functools.cache
def _generator(sampler: HandwritingSampler) -> generator.Generator:
    return generator.Generator(
        generator.sources(sampler.folder, sampler.fonts, sampler.mnist, sampler.part, sampler.invented)
    )
