"""Draws MICR lines: E-13B as printers print it and as scanners and phones see it.

Symbols are maps of signed distances, so that ink that spreads, thins and breaks is a threshold that varies.

    python -m pipeline.synthesis.micr_lines sheet.png     # a contact sheet
"""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from pipeline.synthesis.micr_scan import RESOLUTION, scan_line
from pipeline.synthesis.micr_text import micr_text
from pipeline.synthesis.scanner import PaperStock, crop, paper_stock
from serving.images import e13b
from serving.images.codec import Gray
from serving.images.micr_line import normalize_micr_line

Floats = npt.NDArray[np.float32]

FAR: Final = -3.0  # modules outside the ink
_FINENESS: Final = 4  # times `RESOLUTION`, of the shapes that distances are measured in
_MARGIN: Final = 2  # modules around a symbol in its map
_WORN: Final = 0.2  # share of lines with symbols that lack a side
_SIDE: Final = 8  # rows and columns of modules around a line


@dataclass(frozen=True)
class DrawnLine:
    """A picture of a line.

    Attributes:
        picture: uint8 [height, width].
        text: its symbols, those cut away left out, with a space for each blank position between them.
        ends: x, y of the middles of the first and of the last symbol in it.
        height: of a digit in it, in pixels.
    """

    picture: Gray
    text: str
    ends: tuple[tuple[float, float], tuple[float, float]]
    height: float


def draw_line(rng: np.random.Generator, stock: PaperStock, text: str | None = None) -> DrawnLine:
    """Draws a line.

    Args:
        rng: decides everything.
        stock: of papers for gray pictures.
        text: what is printed; None: invented.
    """
    text = text or micr_text(rng)
    ink, middles = _printed(text, rng)
    inked = _uneven(ink, rng, stock)
    scanned = scan_line(inked, middles, rng, stock)
    kept = "".join(text[i] for i in range(scanned.first, scanned.last + 1))
    return DrawnLine(scanned.picture, kept.strip(), scanned.ends, scanned.height)


def _printed(text: str, rng: np.random.Generator) -> tuple[Floats, list[tuple[float, float]]]:
    """Sets the symbols side by side.

    Returns:
        The distances into the ink, in modules, float32 [h, w], and the middle x, y of each position.
    """
    step = e13b.PITCH * RESOLUTION
    width = int(step * len(text)) + 2 * _SIDE * RESOLUTION
    height = (e13b.HEIGHT + 2 * _SIDE) * RESOLUTION
    page = np.full((height, width), FAR, np.float32)
    jitter = min(0.3, abs(rng.normal(0, 0.12)))
    # Fields are printed one after another, by different machines; photographed lines bend.
    offset, bend = 0.0, float(np.clip(rng.normal(0, 1.2), -2.5, 2.5)) if rng.random() < 0.25 else 0.0
    apart = rng.random() < 0.2
    heavier = 0.0
    worn = rng.uniform(0.1, 0.5) if rng.random() < _WORN else 0.0
    middles = []
    for index, symbol in enumerate(text):
        if apart and symbol == " ":
            offset, heavier = float(np.clip(rng.normal(0, 1.0), -3, 3)), rng.normal(0, 0.1)
        place = index / max(1, len(text) - 1) * 2 - 1
        right = _SIDE * RESOLUTION + index * step + 7 * RESOLUTION
        down = (_SIDE + offset + bend * (place * place - 0.4)) * RESOLUTION
        middles.append((right - 3.5 * RESOLUTION, down + e13b.HEIGHT / 2 * RESOLUTION))
        if symbol == " ":
            continue
        glyph = _maps()[symbol]
        if rng.random() < worn:
            glyph = _without_a_side(glyph, rng)
        left = round(right + rng.normal(0, jitter) * RESOLUTION) + _MARGIN * RESOLUTION - glyph.shape[1]
        top = round(down + rng.normal(0, jitter / 2) * RESOLUTION) - _MARGIN * RESOLUTION
        part = page[top : top + glyph.shape[0], left : left + glyph.shape[1]]
        np.maximum(part, glyph[: part.shape[0], : part.shape[1]] + np.float32(heavier), out=part)
    return page, middles


def _without_a_side(glyph: Floats, rng: np.random.Generator) -> Floats:
    """Takes ink from one side of a symbol, as a ribbon that is worn does: from most of it to all."""
    rows, columns = (np.arange(size, dtype=np.float32) / (size - 1) for size in glyph.shape)
    distance = (rows[:, None], 1 - rows[:, None], columns[None], 1 - columns[None])[rng.integers(4)]
    reach, fade = rng.uniform(0.3, 0.55), rng.uniform(0.05, 0.2)
    lost = np.clip((np.float32(reach) - distance) / np.float32(fade), 0, 1) * np.float32(
        rng.uniform(0.5, 2.5)
    )
    return np.asarray(glyph - lost, np.float32)


def _uneven(page: Floats, rng: np.random.Generator, stock: PaperStock) -> Floats:
    """Spreads, thins and breaks the ink."""
    height, width = page.shape
    gain = np.float32(np.clip(rng.normal(0.13, 0.2), -0.3, 0.6))
    if rng.random() < 0.35:  # horizontal strokes thinner than upright ones, or the other way round
        reach = int(rng.integers(1, 3))
        axis = 0 if rng.random() < 0.75 else 1
        page = np.minimum(np.roll(page, reach, axis), np.roll(page, -reach, axis))
        gain += np.float32(reach / RESOLUTION * rng.uniform(0.0, 0.8))
    page += gain
    page += crop(stock.noises, height, width, rng) * np.float32(rng.gamma(1.5, 0.05))
    page += crop(stock.pressures, height, width, rng) * np.float32(rng.gamma(1.5, 0.06))
    if rng.random() < 0.3:  # patches that hold hardly any ink
        patches = crop(stock.pressures, height, width, rng) - np.float32(rng.uniform(0.8, 2.2))
        page -= np.maximum(patches, 0) * np.float32(rng.uniform(0.3, 1.2))
    if rng.random() < 0.2:  # ink that changes along the line
        page += np.interp(np.arange(width), (0, width / 2, width), rng.normal(0, 0.15, 3)).astype(np.float32)
    return page


@functools.cache
def _maps() -> dict[str, Floats]:
    """Returns each symbol's distances into the ink, in modules, float32 [h, w], right edges aligned."""
    finer = RESOLUTION * _FINENESS
    maps = {}
    for symbol, glyph in e13b.GLYPHS.items():
        shape = e13b.raster(glyph, (finer, finer), (7 * finer, 9 * finer), 1) > 0
        shape = np.pad(shape, _MARGIN * finer)
        inside = ndimage.distance_transform_edt(shape) - ndimage.distance_transform_edt(~shape)
        size = (shape.shape[1] // _FINENESS, shape.shape[0] // _FINENESS)
        reduced = Image.fromarray((inside / finer).astype(np.float32)).resize(size, Image.Resampling.BOX)
        maps[symbol] = np.maximum(np.asarray(reduced), np.float32(FAR))
    return maps


def write_sheet(path: str, count: int = 36, seed: int = 0) -> None:
    """Draws a contact sheet of lines, as they are drawn and as the network sees them."""
    rng = np.random.default_rng(seed)
    stock = paper_stock(rng, 12)
    row = 120
    sheet = Image.new("L", (1600, count * row), 128)
    draw = ImageDraw.Draw(sheet)
    for number in range(count):
        line = draw_line(rng, stock)
        field = normalize_micr_line(line.picture)
        picture = Image.fromarray(line.picture)
        picture.thumbnail((1580, 70))
        draw.text((2, number * row), f"{line.text} {line.picture.shape} {field.problem or ''}", fill=255)
        sheet.paste(picture, (2, number * row + 12))
        sheet.paste(Image.fromarray(255 - field.pixels), (2, number * row + 84))
    sheet.save(path)


if __name__ == "__main__":
    write_sheet(sys.argv[1])
