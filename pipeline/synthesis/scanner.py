"""Puts ink on paper and scans it: margins, rules, blur, noise, JPEG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.synthesis import paper
from pipeline.synthesis.glyph_bank import LEVELS, ROWS, GlyphBank
from pipeline.synthesis.line_rendering import FAR

Gray = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Range = tuple[float, float]


@dataclass(frozen=True)
class Tool:
    """What was written with: the least and the largest value of each measure in a field."""

    darkness: Range  # of full ink, as a share of the paper's level
    edge: Range  # width of the ink's soft edge, pixels
    grain: Range  # fine unevenness, standard deviation
    smear: Range  # coarse unevenness, standard deviation


BALLPOINT: Final = Tool((0.44, 0.82), (1.1, 2.6), (0, 0.12), (0, 0.1))
PENCIL: Final = Tool((0.22, 0.55), (1.7, 3.4), (0.1, 0.35), (0.05, 0.2))
FELT_PEN: Final = Tool((0.6, 0.9), (0.9, 1.8), (0, 0.05), (0, 0.08))


@dataclass(frozen=True)
class PaperStock:
    """Holds backgrounds (sheets of paper) and noises to crop from, float32 [n, h, w]; `pressures` are smoother noises."""

    backgrounds: Floats
    noises: Floats
    pressures: Floats


def paper_stock(
    rng: np.random.Generator, count: int = 48, grounds: Sequence[paper.Ground] = paper.GROUNDS
) -> PaperStock:
    """Draws `count` backgrounds, of each kind of printed ground in turn, and the noises."""
    return PaperStock(
        paper.tiles(rng, count, grounds),
        np.stack([paper.smooth_noise(rng, sigma) for sigma in (0.4, 0.6, 1.0, 1.6)]),
        np.stack([paper.smooth_noise(rng, sigma) for sigma in (3, 6, 12)]),
    )


def scan(
    ink: Floats,
    boxes: Floats,
    stock: PaperStock,
    bank: GlyphBank,
    rng: np.random.Generator,
    clutter: float = 1.0,
) -> tuple[Gray, Floats]:
    """Draws the scanner's picture of the ink.

    Args:
        ink: distances into the ink, float32 [h, w], some of it positive.
        boxes: float32 [n, 4], x, y, width, height.
        stock: backgrounds and noises.
        bank: glyphs for the ink of neighbors that reaches in.
        rng: decides everything else.
        clutter: how often neighbors and printed rules occur and how strong the paper's pattern is, as shares of what
            a check's fields have.

    Returns:
        The picture, uint8 [h, w], and the boxes moved and cut to it, float32 [n, 4].
    """
    page, boxes = cut(ink, boxes, rng)
    if rng.random() < 0.12 * clutter:
        draw_neighbor(page, bank, rng)
    return expose(page, stock, rng, clutter), boxes


def expose(
    page: Floats,
    stock: PaperStock,
    rng: np.random.Generator,
    clutter: float = 1.0,
    form: Floats | None = None,
    tool: Tool = BALLPOINT,
    compressed: float = 0.4,
) -> Gray:
    """Draws the scanner's picture of a page of ink.

    Args:
        page: distances into the ink, float32 [h, w]; overwritten.
        stock, rng, clutter: as for `scan`.
        form: how light the print below the ink leaves the paper, float32 [h, w]: 1 = bare, 0 = black.
        tool: what was written with.
        compressed: the share of pictures that are compressed as JPEG.

    Returns:
        uint8 [h, w].
    """
    height, width = page.shape
    page += crop(stock.pressures, height, width, rng) * np.float32(rng.uniform(0, 0.45))
    cover = np.clip(page / np.float32(rng.uniform(*tool.edge)) + np.float32(0.5), 0, 1)
    if rng.random() < 0.4:  # a ball-point leaves less ink in the middle of its line
        cover *= 1 - np.clip(page - np.float32(0.8), 0, 1.5) * np.float32(rng.uniform(0, 0.25))
    streaks = crop(stock.noises, height, width, rng) * np.float32(rng.uniform(*tool.grain))
    streaks += crop(stock.pressures, height, width, rng) * np.float32(rng.uniform(*tool.smear))
    streaks += 1
    cover *= streaks

    # The fainter the ink, the weaker the background's pattern: nobody could read faint ink on a strong one.
    darkness = rng.uniform(*tool.darkness)
    level, gain = rng.uniform(138, 218), rng.uniform(0.3, 1.3) * min(1.0, darkness / 0.62) * clutter
    picture = crop(stock.backgrounds, height, width, rng) * np.float32(level * gain)
    picture += np.float32(level * (1 - gain))
    _print(picture, rng, clutter)
    if form is not None:
        picture *= form
    cover *= np.float32(-darkness)
    cover += 1
    picture *= np.clip(cover, 0.08, 1)
    picture += crop(stock.noises, height, width, rng) * np.float32(rng.uniform(0, 4))
    gray = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < compressed:
        return jpeg(gray, int(rng.integers(45, 95)))
    return np.asarray(gray)


def cut(
    ink: Floats,
    boxes: Floats,
    rng: np.random.Generator,
    wider: Sequence[float] = (0, 0, 0, 0),
) -> tuple[Floats, Floats]:
    """Gives the ink margins, and at times cuts off a little of its top or bottom.

    Args:
        ink, boxes, rng: as for `scan`.
        wider: pixels that the margins above, below, on the left and on the right have more than usual.

    Returns:
        The page, float32 [h, w], and the boxes on it.
    """
    inked = ink > 0
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    margins = rng.gamma(1.6, 4.0, 4)
    if rng.random() < 0.15:
        margins[rng.integers(2)] = -rng.uniform(0, 0.06) * len(rows)
    margins += wider
    top, bottom = int(rows[0] - margins[0]), int(rows[-1] + 1 + margins[1])
    left, right = int(columns[0] - margins[2]), int(columns[-1] + 1 + margins[3])
    height, width = max(bottom - top, 4), max(right - left, 4)
    page = np.full((height, width), FAR, np.float32)
    y, x = max(top, 0), max(left, 0)
    part = ink[y : top + height, x : left + width]
    page[y - top : y - top + part.shape[0], x - left : x - left + part.shape[1]] = part
    low = np.clip(boxes[:, :2] - (left, top), 0, (width - 1, height - 1))
    high = np.clip(boxes[:, :2] - (left, top) + boxes[:, 2:], low + 1, (width, height))
    return page, np.concatenate([low, high - low], 1).astype(np.float32)


def draw_neighbor(page: Floats, bank: GlyphBank, rng: np.random.Generator) -> None:
    """Draws onto the page the part of a neighboring glyph that reaches over its edge."""
    height, width = page.shape
    side = max(8, int(height * rng.uniform(0.7, 1.3)))
    index = int(rng.integers(len(bank.maps)))
    image = Image.fromarray(bank.maps[index]).resize((side, side), Image.Resampling.BILINEAR)
    glyph = (np.asarray(image, np.float32) - np.float32(128)) * np.float32(side / ROWS / LEVELS)
    reach = int(side * rng.uniform(0.2, 0.36))  # a fifth or so of the map is empty margin
    if (edge := rng.integers(3)) < 2:
        x = int(rng.integers(-side // 2, max(width - side // 2, 1 - side // 2)))
        a, b = max(x, 0), min(x + side, width)
        reach = min(reach, height)
        rows, part = (
            (slice(0, reach), glyph[side - reach :])
            if edge
            else (slice(height - reach, height), glyph[:reach])
        )
        place, part = page[rows, a:b], part[:, a - x : b - x]
    else:
        reach = min(reach, width)
        y = int(rng.integers(-side // 3, max(height - side // 2, 1 - side // 3)))
        a, b = max(y, 0), min(y + side, height)
        place, part = page[a:b, width - reach :], glyph[a - y : b - y, :reach]
    np.maximum(place, part, out=place)


def crop(tiles: Floats, height: int, width: int, rng: np.random.Generator) -> Floats:
    """Crops a random tile at random to [height, width] and mirrors it at random."""
    index, across, down, x, y = rng.random(5)
    tile = tiles[int(index * len(tiles))]
    if height > tile.shape[0] or width > tile.shape[1]:
        tile = np.tile(tile, (-(-height // tile.shape[0]), -(-width // tile.shape[1])))
    top, left = int(y * (tile.shape[0] - height + 1)), int(x * (tile.shape[1] - width + 1))
    cut = tile[top : top + height, left : left + width]
    return np.asarray(cut[:: 1 if down < 0.5 else -1, :: 1 if across < 0.5 else -1])


def _print(sheet: Floats, rng: np.random.Generator, clutter: float) -> None:
    """Prints rules, a box's side, a row of dots or a lighter band onto the sheet, `clutter` times as often as on checks."""
    height, width = sheet.shape
    if rng.random() < 0.4 * clutter:
        for _ in range(rng.integers(1, 3)):
            y = height - 1 - int(abs(rng.normal(0, 0.12)) * height)
            y = y if rng.random() < 0.75 else height - 1 - y
            y = min(max(y, 0), height - 1)
            sheet[y : y + rng.integers(1, 3)] *= np.float32(rng.uniform(0.3, 0.85))
    if rng.random() < 0.08 * clutter:  # rarely on the left, where a stroke as long is a one
        x = int(rng.gamma(1.5, 3))
        x = x if rng.random() < 0.2 else width - 1 - x
        x = min(max(x, 0), width - 1)
        sheet[:, x : x + rng.integers(1, 3)] *= np.float32(rng.uniform(0.3, 0.85))
    if rng.random() < 0.04 * clutter:
        pitch, size = rng.integers(4, 9), rng.integers(1, 4)
        for shift in range(size):
            sheet[height - size - rng.integers(0, 2) :, shift::pitch] *= np.float32(rng.uniform(0.4, 0.7))
    if rng.random() < 0.12 * clutter:
        edge = rng.integers(1, max(2, height // 4))
        sheet[:edge] *= np.float32(rng.uniform(0.75, 1.2))


def jpeg(gray: Gray, quality: int) -> Gray:
    """Compresses a picture and decodes it again."""
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
