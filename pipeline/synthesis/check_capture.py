"""Takes the picture of a check: on a flatbed scanner, in gray or 1 bit, or by a phone on a table.

Where the check lies in the picture is decided first (`view`), so that its sheet can be drawn as finely as it will be seen.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from pipeline.synthesis.check_tables import table
from pipeline.synthesis.paper import smooth_noise
from serving.images.codec import Gray

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]  # [n, 2], x and y in pixels

_PHOTOGRAPHS: Final = 0.55
_BITONAL: Final = 0.25  # of scans
_TIGHT: Final = 0.4  # of photographs, that the check fills
_TURNED: Final = 0.07  # share of pictures that show the check upside down
_RESOLUTIONS: Final = (100, 120, 150, 150, 200, 200, 200, 200, 240, 300)
_FINENESS: Final = 95.0, 200.0  # pixels an inch of a photographed check, least and most
_SMALL: Final = 160  # columns in which light and shadow are drawn


@dataclass(frozen=True)
class View:
    """Where a check lies in a picture.

    Attributes:
        kind: "scan", "bitonal" or "photograph".
        width, height: of the picture.
        dpi: of a sheet that is as fine as the picture.
        corners: of the paper in the picture's pixels, float64 [4, 2]: the check's top left, top right, bottom right and
            bottom left, wherever they lie; they may be a little outside.
    """

    kind: str
    width: int
    height: int
    dpi: float
    corners: Points


def view(size: tuple[float, float], rng: np.random.Generator) -> View:
    """Decides how a check of `size` inches is seen."""
    seen = _photograph(size, rng) if rng.random() < _PHOTOGRAPHS else _scan(size, rng)
    if rng.random() < _TURNED:
        turned = np.array([seen.width, seen.height]) - seen.corners
        return View(seen.kind, seen.width, seen.height, seen.dpi, turned)
    return seen


def _scan(size: tuple[float, float], rng: np.random.Generator) -> View:
    kind = "bitonal" if rng.random() < _BITONAL else "scan"
    dpi = float(_RESOLUTIONS[int(rng.random() * len(_RESOLUTIONS))])
    if kind == "bitonal":
        dpi = max(dpi, 150.0)
    width, height = (length * dpi for length in size)
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    angle = np.radians(np.clip(rng.normal(0, 0.7), -3, 3))
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    corners = corners @ turn.T
    place = rng.random()
    if place < 0.45:  # cut to the check
        margins = rng.uniform(-0.008, 0.012, 4) * width
    elif place < 0.85:
        margins = rng.uniform(0.0, 0.5, 4) * dpi
    else:  # somewhere on the plate
        margins = rng.uniform(0.0, 2.2, 4) * dpi
    low, high = corners.min(0) - margins[:2], corners.max(0) + margins[2:]
    columns, rows = np.ceil(high - low).astype(int).tolist()
    return View(kind, columns, rows, dpi, corners - low)


def _photograph(size: tuple[float, float], rng: np.random.Generator) -> View:
    half = (
        np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * np.array(size) / size[0] / 2
    )  # the check's width is 1
    tight = rng.random() < _TIGHT
    angle = rng.normal(0, 1.0) if tight else rng.normal(0, 5) if rng.random() < 0.9 else rng.uniform(-30, 30)
    angle = np.radians(angle)
    corners = half @ np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    tilt = rng.normal(0, 0.03 if tight else 0.1, 2)  # the far side is smaller
    corners = corners / (1 + corners @ tilt)[:, None]
    corners += rng.normal(0, 0.002 if tight else 0.006, (4, 2))
    low, high = corners.min(0), corners.max(0)
    if tight:
        margins = rng.uniform(-0.012, 0.035, 4)
    else:
        margins = rng.uniform(0.02, 0.22, 4)
        if rng.random() < 0.75:  # the format of a phone's picture
            shape = (0.75, 0.5625)[int(rng.random() * 2)]
            missing = shape * (high[0] - low[0] + margins[0] + margins[2]) - (high[1] - low[1])
            if missing > 0.04:
                margins[1] = rng.uniform(0.2, 0.8) * missing
                margins[3] = missing - margins[1]
    low, high = low - margins[:2], high + margins[2:]
    edge = max(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[3]))
    dpi = float(rng.uniform(*_FINENESS))
    scale = dpi * size[0] / edge
    width, height = ((high - low) * scale).astype(int).tolist()
    return View("photograph", width, height, dpi, (corners - low) * scale)


def to_picture(seen: View, sheet: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Returns the homography from a sheet of so many columns and rows to the picture, float64 [3, 3]."""
    width, height = sheet
    source = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    rows = []
    for (x, y), (u, v) in zip(source, seen.corners, strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
    solution = np.linalg.solve(np.array(rows), seen.corners.ravel())
    return np.append(solution, 1.0).reshape(3, 3)


def move(matrix: npt.NDArray[np.float64], points: Points) -> Points:
    """Moves points, float64 [n, 2], by a homography."""
    moved = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(moved[:, :2] / moved[:, 2:])


def take(light: Floats, seen: View, rng: np.random.Generator) -> Gray:
    """Takes the picture.

    Args:
        light: how much of the light the sheet sends back, float32 [h, w], 1 = bare paper.
        seen: where it lies in the picture.
        rng: decides table, light and camera.

    Returns:
        uint8 [seen.height, seen.width].
    """
    sheet = Image.fromarray(np.asarray(np.clip(light, 0, 1) * 255, np.uint8))
    inverse = np.linalg.inv(to_picture(seen, sheet.size))
    inverse /= inverse[2, 2]
    size, matrix = (seen.width, seen.height), inverse.ravel()[:8].tolist()
    paper = sheet.transform(size, Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BICUBIC)
    covered = Image.new("L", sheet.size, 255).transform(
        size, Image.Transform.PERSPECTIVE, matrix, Image.Resampling.BILINEAR
    )
    if seen.kind == "photograph":
        return _photographed(paper, covered, seen, rng)
    return _scanned(paper, covered, seen, rng)


def _scanned(paper: Image.Image, covered: Image.Image, seen: View, rng: np.random.Generator) -> Gray:
    bed = rng.uniform(200, 255) if rng.random() < 0.7 else rng.uniform(2, 40)
    level = rng.uniform(205, 252)
    cover = np.asarray(covered, np.float32) / np.float32(255)
    if bed > 100:  # the paper's edge throws a shadow on the lid
        reach = seen.dpi * 0.03
        shadow = np.asarray(covered.filter(ImageFilter.GaussianBlur(reach)), np.float32) / np.float32(255)
        ground = bed * (1 - np.float32(rng.uniform(0.05, 0.4)) * shadow)
    else:
        ground = np.full(cover.shape, np.float32(bed))
    picture = np.asarray(paper, np.float32) * np.float32(level / 255) * cover + ground * (1 - cover)
    picture += _noise(picture.shape, rng) * np.float32(rng.uniform(0.5, 4))
    gray = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    gray = gray.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.8)))
    if seen.kind == "bitonal":
        threshold = level * rng.uniform(0.5, 0.72)
        return np.asarray(np.where(np.asarray(gray) > threshold, 255, 0), np.uint8)
    if rng.random() < 0.3:  # a scanner that makes paper white
        white, black = level * rng.uniform(0.86, 1.0), rng.uniform(0, 50)
        ramp = np.clip((np.arange(256) - black) * (255 / (white - black)), 0, 255).astype(np.uint8)
        gray = Image.fromarray(ramp[np.asarray(gray)])
    return np.asarray(gray)


def _photographed(paper: Image.Image, covered: Image.Image, seen: View, rng: np.random.Generator) -> Gray:
    cover = np.asarray(covered, np.float32) / np.float32(255)
    picture = table((seen.width, seen.height), rng)
    reach = seen.width * rng.uniform(0.003, 0.02)
    shadow = _upscaled(
        covered.resize(_small(seen)).filter(ImageFilter.GaussianBlur(max(0.5, reach * _SMALL / seen.width))),
        seen,
    )
    picture *= 1 - np.float32(rng.uniform(0.1, 0.6)) * shadow / np.float32(255)
    level = rng.uniform(150, 240)
    picture *= 1 - cover
    picture += np.asarray(paper, np.float32) * np.float32(level / 255) * cover
    picture *= _light(seen, rng)
    if rng.random() < 0.15:
        picture += _glare(seen, rng)
    picture += _noise(picture.shape, rng) * np.float32(rng.gamma(1.5, 2.2))
    gray = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    gray = gray.filter(ImageFilter.GaussianBlur(min(rng.gamma(2, 0.3), seen.dpi / 70)))
    if rng.random() < 0.12:  # the hand moves
        gray = _shaken(gray, rng)
    if rng.random() < 0.4:
        gray = gray.filter(ImageFilter.UnsharpMask(2, int(rng.uniform(30, 140)), 2))
    return np.asarray(gray)


def _small(seen: View) -> tuple[int, int]:
    return _SMALL, max(8, round(_SMALL * seen.height / seen.width))


def _upscaled(picture: Image.Image, seen: View) -> Floats:
    return np.asarray(picture.resize((seen.width, seen.height), Image.Resampling.BILINEAR), np.float32)


def _light(seen: View, rng: np.random.Generator) -> Floats:
    """Draws how light falls on the table: from one side, less in the corners, at times with a shadow."""
    width, height = _small(seen)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(width)
    dx, dy = x - 0.5, y - height / width / 2
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.45) * (dx * np.cos(angle) + dy * np.sin(angle))
    light -= rng.uniform(0, 0.5) * (dx * dx + dy * dy)
    light *= 1 + smooth_noise(rng, 12, (height, width)) * np.float32(rng.uniform(0, 0.05))
    if rng.random() < 0.35:  # of a hand, a head, the phone
        mask = Image.new("L", (width, height), 0)
        side = rng.integers(4)
        points = [(rng.uniform(-0.2, 1.2) * width, rng.uniform(-0.2, 1.2) * height) for _ in range(3)]
        away = [(-width, -height), (2 * width, -height), (2 * width, 2 * height), (-width, 2 * height)]
        points += [away[side], away[(side + 1) % 4]]
        ImageDraw.Draw(mask).polygon(points, 255)
        soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 9))), np.float32)
        light *= 1 - np.float32(rng.uniform(0.15, 0.5)) * soft / np.float32(255)
    return _upscaled(Image.fromarray(np.asarray(np.clip(light, 0.15, 1.6), np.float32)), seen)


def _glare(seen: View, rng: np.random.Generator) -> Floats:
    width, height = _small(seen)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    dx, dy = x - rng.uniform(0, width), (y - rng.uniform(0, height)) * rng.uniform(0.6, 2.0)
    radius = rng.uniform(0.04, 0.16) * width
    spot = np.exp(-(dx * dx + dy * dy) / (2 * radius * radius)) * rng.uniform(40, 190)
    return _upscaled(Image.fromarray(np.asarray(spot, np.float32)), seen)


def _shaken(gray: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Averages the picture along a short way."""
    way = rng.normal(0, 1.6, 2)
    steps = [
        gray.transform(
            gray.size, Image.Transform.AFFINE, (1, 0, way[0] * s, 0, 1, way[1] * s), Image.Resampling.BILINEAR
        )
        for s in (-0.5, 0.0, 0.5)
    ]
    mean = np.mean([np.asarray(step, np.float32) for step in steps], 0)
    return Image.fromarray(np.asarray(mean, np.uint8))


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    return rng.standard_normal(shape, np.float32)


def encode(picture: Gray, kind: str, rng: np.random.Generator) -> tuple[bytes, str]:
    """Encodes a picture as such pictures are kept; returns the file's bytes and suffix: PNG for 1 bit, else mostly JPEG."""
    buffer = io.BytesIO()
    image = Image.fromarray(picture)
    if kind == "bitonal":
        image.convert("1").save(buffer, "PNG")
        return buffer.getvalue(), ".png"
    image.save(buffer, "JPEG", quality=int(rng.integers(40, 95)))
    return buffer.getvalue(), ".jpg"
