"""Samples drawn MICR lines to train on."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Final

import numpy as np

from pipeline.synthesis import micr_lines, nonfields
from pipeline.synthesis.sampler import Item
from pipeline.synthesis.scanner import PaperStock, paper_stock
from serving.images.field import Field
from serving.images.micr_line import DIGIT, HEIGHT, normalize_micr_line

_NONLINES: Final = 0.04  # share of items that show no line and have no text
_PAPERS: Final = 24
_SCALES: Final = 0.75, 1.3  # of a digit's height, between which normalization hit the line
_OFF: Final = 6.0  # rows that it may be off
_VALIDATION: Final = 1_000_003


@dataclasses.dataclass(frozen=True)
class MicrSampler:
    """Draws lines: rng, count → items. It can be pickled and called in any process.

    Attributes:
        part: "train" or "validation"; their papers differ.
    """

    part: str = "train"

    def __call__(self, rng: np.random.Generator, count: int) -> list[Item]:
        empty = int(rng.binomial(count, _NONLINES))
        items: list[Item] = []
        while len(items) < count - empty:
            line = micr_lines.draw_line(rng, _stock(self.part))
            field = normalize_micr_line(line.picture)
            if field.problem is None and _is_on(line, field):
                items.append((field.pixels, line.text))
        for _, picture in nonfields.pictures(empty, int(rng.integers(2**31))):
            items.append((normalize_micr_line(picture).pixels, ""))
        return items

    def settings(self) -> MicrSampler:
        """Returns what decides the lines."""
        return self

    def validation(self) -> MicrSampler:
        """Returns the sampler of lines that training never sees."""
        return dataclasses.replace(self, part="validation")

    def record(self) -> dict[str, Any]:
        """Describes the source of the lines for a run's record."""
        return {"name": "drawn MICR lines"}


def _is_on(line: micr_lines.DrawnLine, field: Field) -> bool:
    """Returns whether normalization laid the drawn line where the network expects it: its text is right then."""
    square = np.vstack([field.to_picture, [0, 0, 1]])
    places = np.linalg.inv(square) @ np.array([[*line.ends[0], 1], [*line.ends[1], 1]]).T
    scale = np.hypot(*field.to_picture[:, 1]) * DIGIT / line.height
    (left, right), rows = places[0], places[1]
    width = field.pixels.shape[1]
    return bool(
        _SCALES[0] < scale < _SCALES[1]
        and np.abs(rows - HEIGHT / 2).max() < _OFF
        and -DIGIT / 2 < left < right < width + DIGIT / 2
    )


@functools.cache
def _stock(part: str) -> PaperStock:
    return paper_stock(np.random.default_rng(_VALIDATION if part == "validation" else 0), _PAPERS)
