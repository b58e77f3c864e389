"""Scans a printed MICR line: size, skew and squeeze, what is stamped or signed over it, cut edges, 1 bit or gray."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from pipeline.synthesis.scanner import PaperStock, expose
from serving.images import e13b
from serving.images.codec import Gray

Floats = npt.NDArray[np.float32]
Point = tuple[float, float]

RESOLUTION: Final = 3  # pixels of a printed map to a module
_SMALLEST: Final = 8.0  # pixels of a digit's height
_LARGEST: Final = 60.0
_BITONAL: Final = 0.6  # share of pictures of 1 bit


@dataclass(frozen=True)
class ScannedLine:
    """A line's picture.

    Attributes:
        picture: uint8 [h, w].
        first, last: the positions that it shows.
        ends: x, y of the middles of these two.
        height: of a digit, in pixels.
    """

    picture: Gray
    first: int
    last: int
    ends: tuple[Point, Point]
    height: float


def scan_line(ink: Floats, middles: list[Point], rng: np.random.Generator, stock: PaperStock) -> ScannedLine:
    """Takes a picture of a printed line.

    Args:
        ink: distances into the ink in modules, float32 [h, w], `RESOLUTION` pixels to a module.
        middles: x, y of each position there.
        rng: decides everything.
        stock: of papers.
    """
    height = float(np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
    if rng.random() < 0.6:  # usual scans and crops
        height = float(np.exp(rng.normal(np.log(27), 0.3)))
    height = float(np.clip(height, _SMALLEST, _LARGEST))
    down = e13b.HEIGHT * RESOLUTION / height  # map's rows to a row of the picture
    across = down * np.exp(rng.normal(0.08, 0.09))
    slope = rng.normal(0, 0.008) if rng.random() < 0.8 else rng.uniform(-0.06, 0.06)
    slant = rng.normal(0, 0.03) - slope * rng.uniform(0, 1)

    # picture x, y → map: x' = across·(x + slant·y) + left, y' = down·(y − slope·x) + top
    margins = rng.gamma(1.2, 0.35, 4) * height
    pitch = e13b.PITCH * RESOLUTION
    first, last = 0, len(middles) - 1
    start, stop = middles[0][0] - 0.5 * pitch, middles[-1][0] + 0.5 * pitch
    if rng.random() < 0.25:  # the crop's edge cuts a symbol: most of it stays, or hardly any
        margins[0], kept = 0.0, rng.random() < 0.5
        start += (rng.uniform(0.0, 0.3) if kept else rng.uniform(0.75, 1.0)) * pitch
        first += 0 if kept else 1
    if rng.random() < 0.25 and last > first + 3:
        margins[1], kept = 0.0, rng.random() < 0.5
        stop -= (rng.uniform(0.0, 0.25) if kept else rng.uniform(0.75, 1.0)) * pitch
        last -= 0 if kept else 1
    width = int((stop - start) / across + margins[0] + margins[1]) + 1
    middle = float(np.mean([y for _, y in middles]))
    rows = int(height * rng.uniform(1.08, 1.5) + abs(slope) * width + margins[2] + margins[3]) + 2
    left = start - margins[0] * across
    matrix = np.array([[across, across * slant, left], [-down * slope, down, 0.0]])
    centre = matrix @ [width / 2, rows / 2 + rng.normal(0, 0.04) * height + (margins[2] - margins[3]) / 2, 1]
    matrix[0, 2] -= matrix[0, 1] * rows / 2
    matrix[1, 2] += middle - centre[1]
    page = np.asarray(
        Image.fromarray(ink + np.float32(4)).transform(
            (width, rows), Image.Transform.AFFINE, matrix.ravel().tolist(), Image.Resampling.BILINEAR
        )
    ) - np.float32(4)
    page = page * np.float32(height / e13b.HEIGHT)
    _add_strokes(page, height, rng)
    picture = (
        _bitonal(page, rng) if rng.random() < _BITONAL else expose(page, stock, rng, rng.uniform(0, 0.6))
    )
    if rng.random() < 0.03:
        picture = 255 - picture
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))

    def place(index: int) -> Point:
        x, y, _ = (inverse @ [*middles[index], 1]).tolist()
        return x, y

    return ScannedLine(np.ascontiguousarray(picture), first, last, (place(first), place(last)), height)


def _bitonal(page: Floats, rng: np.random.Generator) -> Gray:
    """Blurs, adds noise and thresholds; at times scales the result, as what stores pictures does."""
    cover = np.clip(page + np.float32(0.5), 0, 1) * 255
    blurred = Image.fromarray(cover.astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.gamma(2, 0.3)))
    levels = np.asarray(blurred, np.float32) + rng.standard_normal(page.shape, np.float32) * np.float32(
        rng.gamma(1.2, 10)
    )
    threshold = np.clip(rng.normal(118, 32), 50, 200)
    picture = np.where(levels > threshold, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        scale = rng.uniform(0.6, 1.6)
        size = max(8, round(page.shape[1] * scale)), max(6, round(page.shape[0] * scale))
        smooth = (
            Image.fromarray(picture)
            .resize(size, Image.Resampling.BILINEAR)
            .resize((page.shape[1], page.shape[0]), Image.Resampling.BILINEAR)
        )
        picture = np.asarray(smooth)
        if rng.random() < 0.7:
            picture = np.where(picture > 128, 255, 0).astype(np.uint8)
    if rng.random() < 0.15:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=int(rng.integers(30, 90)))
        picture = np.asarray(Image.open(buffer))
    return picture


def _add_strokes(page: Floats, height: float, rng: np.random.Generator) -> None:
    """Adds specks, and strokes of signatures, stamps and rules over the line or beside it."""
    rows, columns = page.shape
    if rng.random() < 0.35:
        for _ in range(rng.poisson(3) + 1):
            x, y, radius = rng.uniform(0, columns), rng.uniform(0, rows), height * rng.gamma(1.5, 0.02)
            a, b = int(max(0, y - radius - 1)), int(max(0, x - radius - 1))
            part = page[a : int(y + radius + 2), b : int(x + radius + 2)]
            grid_y, grid_x = np.mgrid[a : a + part.shape[0], b : b + part.shape[1]]
            np.maximum(
                part, radius - np.hypot(grid_y + 0.5 - y, grid_x + 0.5 - x), out=part, casting="unsafe"
            )
    if rng.random() < 0.06:  # a mark beside the line, less tall than a digit
        mark = Image.new("L", (columns, rows), 0)
        x, y = rng.choice((0.35, columns / height - 0.35)) * height, rng.uniform(0.4, 0.6) * rows
        radius, hollow = height * rng.uniform(0.12, 0.3), rng.random() < 0.5
        ImageDraw.Draw(mark).ellipse(
            (x - radius, y - radius, x + radius, y + radius),
            None if hollow else 255,
            255,
            max(1, round(radius / 3)),
        )
        page[np.asarray(mark) > 0] = np.float32(1)
    if rng.random() >= 0.25:
        return
    mask = Image.new("L", (columns, rows), 0)
    draw = ImageDraw.Draw(mask)
    kind = rng.random()
    if kind < 0.55:  # a signature that reaches in, mostly from above
        for _ in range(rng.integers(1, 4)):
            x, y = rng.uniform(0, columns), rng.uniform(-0.5, 0.3) * rows
            points = [(x, y)]
            for _ in range(rng.integers(2, 7)):
                x, y = x + rng.normal(0.4, 1.0) * height, y + rng.normal(0, 0.6) * height
                y = min(y, rows * rng.uniform(0.2, 1.3))
                points.append((x, y))
            draw.line(points, 255, max(1, round(height * rng.uniform(0.03, 0.12))), joint="curve")
    elif kind < 0.75:  # a rule, or a check's edge
        y = rng.choice((rng.uniform(0, 0.12), rng.uniform(0.88, 1.0))) * rows
        tilt = rng.normal(0, 0.05) * rows
        draw.line([(0, y - tilt), (columns, y + tilt)], 255, max(1, round(height * rng.uniform(0.03, 0.1))))
    elif kind < 0.9:  # a part of a stamp's frame or ring
        x, y, radius = rng.uniform(0, columns), rng.uniform(-0.5, 1.5) * rows, height * rng.uniform(1, 3)
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), None, 255, max(1, round(height * 0.06))
        )
    else:  # printed text above or below
        y, size = (-0.15 if rng.random() < 0.7 else 0.9) * rows, height * rng.uniform(0.3, 0.7)
        x = rng.uniform(0, 0.5) * columns
        while x < columns * rng.uniform(0.7, 1.2):
            draw.line([(x, y), (x + size * rng.uniform(0, 0.5), y + size)], 255, max(1, round(size * 0.15)))
            x += size * rng.uniform(0.4, 1.2)
    inked = np.asarray(mask) > 0
    page[inked] = np.maximum(page[inked], np.float32(rng.uniform(0.6, 2.0)))
