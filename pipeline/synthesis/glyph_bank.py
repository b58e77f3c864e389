"""Glyphs of synthetic handwriting, and whose writer makes which.

Every glyph is a map of signed distances to the edge of its ink (positive
inside), so that one map gives any pen width, any sharpness and, enlarged
smoothly, any size (Green 2007, "Improved Alpha-Tested Magnification for Vector
Textures and Special Effects"). `pipeline.synthesis.writers` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

ROWS: Final = 72
COLUMNS: Final = 72
UNIT: Final = 40  # rows of a digit's body
BASE: Final = 56  # row of the baseline
LEVELS: Final = 8  # of a map per pixel; 128 = the edge

Maps = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Writer:
    """One writer: for each character the glyphs (indexes into a `GlyphBank`) that the writer makes of it."""

    source: str
    glyphs: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class GlyphBank:
    """Glyphs as maps, uint8 [N, ROWS, COLUMNS]: 128 + `LEVELS` per pixel of distance into the ink.

    `boxes` float32 [N, 4] are x0, y0, x1, y1 of the ink, `bases` [N] the row of
    the baseline, `pens` [N] half the usual width of the strokes, all in a map's pixels.
    """

    maps: Maps
    boxes: Floats
    bases: Floats
    pens: Floats


@dataclass(frozen=True)
class GlyphSource:
    """Glyphs of one kind and the writers that use them."""

    bank: GlyphBank
    writers: tuple[Writer, ...]


def join(sources: list[GlyphSource]) -> tuple[GlyphBank, list[Writer]]:
    """All sources' glyphs in one bank, the writers' indexes moved accordingly."""
    writers, offset = [], 0
    for source in sources:
        for writer in source.writers:
            moved = {char: tuple(i + offset for i in index) for char, index in writer.glyphs.items()}
            writers.append(Writer(writer.source, moved))
        offset += len(source.bank.maps)
    names = ("maps", "boxes", "bases", "pens")
    return GlyphBank(*(np.concatenate([getattr(s.bank, n) for s in sources]) for n in names)), writers


def levels(inside: npt.NDArray[np.floating]) -> Maps:
    """Distances into the ink, [..., ROWS, COLUMNS] in pixels, as maps."""
    return np.asarray(np.clip(np.rint(128 + LEVELS * inside), 0, 255), np.uint8)


def measure(maps: Maps, pens: Floats, base: float | None) -> GlyphBank:
    """Measures the boxes; `base` None: every glyph stands on the baseline with its lowest ink."""
    inked = maps > 128
    rows, columns = np.asarray(inked.any(2)), np.asarray(inked.any(1))
    boxes = np.stack(
        [
            columns.argmax(1),
            rows.argmax(1),
            COLUMNS - columns[:, ::-1].argmax(1),
            ROWS - rows[:, ::-1].argmax(1),
        ],
        1,
    ).astype(np.float32)
    bases = boxes[:, 3] if base is None else np.full(len(maps), base, np.float32)
    return GlyphBank(maps, boxes, bases, pens)


def half_widths(maps: Maps) -> Floats:
    """Half the width of the strokes: twice the mean depth of the ink."""
    depth = np.maximum(maps.astype(np.float32) - 128, 0)
    return np.asarray(2 * depth.sum((1, 2)) / np.maximum((depth > 0).sum((1, 2)), 1) / LEVELS, np.float32)
