"""Holds the glyphs of synthetic handwriting, and which writer uses which.

Every glyph is a map of signed distances to the edge of its ink (positive
inside), so that one map gives any pen width, any sharpness and, enlarged
smoothly, any size (Green 2007, "Improved Alpha-Tested Magnification for Vector
Textures and Special Effects"). `pipeline.synthesis.writers` draws them.
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
    """A writer: for each character the writer's glyphs, as indices into a `GlyphBank`."""

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
    """Puts all sources' glyphs into one bank, a copy unless it is one source's, and shifts the writers' indices accordingly."""
    if len(sources) == 1:
        return sources[0].bank, list(sources[0].writers)
    writers, offset = [], 0
    for source in sources:
        for writer in source.writers:
            shifted = {char: tuple(i + offset for i in index) for char, index in writer.glyphs.items()}
            writers.append(Writer(writer.source, shifted))
        offset += len(source.bank.maps)
    names = ("maps", "boxes", "bases", "pens")
    return GlyphBank(*(np.concatenate([getattr(s.bank, n) for s in sources]) for n in names)), writers


def levels(inside: npt.NDArray[np.floating]) -> Maps:
    """Encodes distances into the ink, [..., ROWS, COLUMNS] in pixels, as maps."""
    return np.asarray(np.clip(np.rint(128 + LEVELS * inside), 0, 255), np.uint8)


def measure(maps: Maps, pens: Floats, base: float | None) -> GlyphBank:
    """Makes a bank of maps and measures the glyphs' boxes.

    Args:
        maps: uint8 [N, ROWS, COLUMNS].
        pens: float32 [N].
        base: row of the baseline; None = each glyph stands on it with its lowest ink.
    """
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
    bases = boxes[:, 3].copy() if base is None else np.full(len(maps), base, np.float32)
    return GlyphBank(maps, boxes, bases, pens)


def half_widths(maps: Maps) -> Floats:
    """Estimates half the width of the strokes as twice the mean depth of the ink; float32 [N]."""
    depth = np.maximum(maps.astype(np.float32) - 128, 0)
    return np.asarray(2 * depth.sum((1, 2)) / np.maximum((depth > 0).sum((1, 2)), 1) / LEVELS, np.float32)
