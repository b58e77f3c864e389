"""Captures a drawn field as other devices than a gray scanner do: in two levels, by fax, by phone, coarse or fine.

Every device takes a picture and the boxes of its symbols and returns both as the device delivers them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.synthesis.scanner import PaperStock, crop, jpeg

Gray = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Captured = tuple[Gray, Floats]
Device = Callable[[Gray, Floats, PaperStock, np.random.Generator], Captured]

_FAX: Final = (98 / 204, 196 / 204)  # lines per column: standard and fine
_LOWEST: Final = 13.0  # pixels of a digit's body


def _body(boxes: Floats) -> float:
    """Returns the height of the digits in pixels."""
    return float(np.percentile(boxes[:, 3], 75)) if len(boxes) else 30.0


def _resize(gray: Gray, boxes: Floats, across: float, down: float) -> Captured:
    width, height = (max(1, round(gray.shape[1] * across)), max(1, round(gray.shape[0] * down)))
    kind = Image.Resampling.BOX if min(across, down) < 0.7 else Image.Resampling.BICUBIC
    scales = np.array([width / gray.shape[1], height / gray.shape[0]] * 2, np.float32)
    return np.asarray(Image.fromarray(gray).resize((width, height), kind)), boxes * scales


def _quantile(gray: Gray, share: float) -> float:
    """Returns the gray level that a share of the pixels does not exceed."""
    return float(np.searchsorted(np.bincount(gray.ravel(), minlength=256).cumsum(), share * gray.size))


def _two_levels(gray: Gray, stock: PaperStock, rng: np.random.Generator) -> Gray:
    """Makes all that is darker than a share of the way from paper to ink black."""
    paper, ink = _quantile(gray, 0.7), _quantile(gray, 0.015)
    level = paper - (paper - ink) * rng.uniform(0.28, 0.55)
    height, width = gray.shape
    noise = crop(stock.noises, height, width, rng) * np.float32(rng.uniform(0, 0.06) * (paper - ink))
    return np.where(gray + noise < level, np.uint8(0), np.uint8(255))


def archive(gray: Gray, boxes: Floats, stock: PaperStock, rng: np.random.Generator) -> Captured:
    """Scans in two levels at about 200 dots an inch, as banks archive checks (G4)."""
    scale = rng.uniform(18, 44) / _body(boxes)
    gray, boxes = _resize(gray, boxes, scale, scale)
    return _two_levels(gray, stock, rng), boxes


def fax(gray: Gray, boxes: Floats, stock: PaperStock, rng: np.random.Generator) -> Captured:
    """Sends by fax: two levels, half as many lines as columns or nearly as many; some lines are lost."""
    share = _FAX[int(rng.random() < 0.6)]
    scale = rng.uniform(24, 40) / _body(boxes)
    lines, _ = _resize(gray, boxes, scale, scale * share)
    lines = _two_levels(lines, stock, rng).copy()
    if rng.random() < 0.5:  # a receiver repeats the line before a lost one, or leaves it white
        for row in rng.integers(1, max(len(lines), 2), int(rng.integers(1, 3))).tolist():
            lines[row : row + 1] = lines[row - 1] if rng.random() < 0.6 else 255
    height = max(1, round(gray.shape[0] * scale))
    page = Image.fromarray(lines).resize((lines.shape[1], height), Image.Resampling.NEAREST)
    scales = np.array([lines.shape[1] / gray.shape[1], height / gray.shape[0]] * 2, np.float32)
    return np.asarray(page), boxes * scales


def coarse(gray: Gray, boxes: Floats, stock: PaperStock, rng: np.random.Generator) -> Captured:
    """Captures few pixels, a little blurred, and compresses them."""
    scale = min(rng.uniform(_LOWEST, 26) / _body(boxes), 1.0)
    gray, boxes = _resize(gray, boxes, scale, scale)
    if rng.random() < 0.5:  # enlarged from even fewer
        share = max(rng.uniform(0.65, 1.0), _LOWEST / max(_body(boxes), 1))
        if share < 1:
            height, width = gray.shape
            fewer, _ = _resize(gray, boxes, share, share)
            gray = np.asarray(Image.fromarray(fewer).resize((width, height), Image.Resampling.BICUBIC))
    return jpeg(gray, int(rng.integers(40, 92))), boxes


def fine(gray: Gray, boxes: Floats, stock: PaperStock, rng: np.random.Generator) -> Captured:
    """Captures many pixels, with grain of their own."""
    scale = max(rng.uniform(55, 150) / _body(boxes), 1.0)
    gray, boxes = _resize(gray, boxes, scale, scale)
    height, width = gray.shape
    noise = crop(stock.noises, height, width, rng) * np.float32(rng.uniform(0, 5))
    return np.clip(gray + noise, 0, 255).astype(np.uint8), boxes


def phone(gray: Gray, boxes: Floats, stock: PaperStock, rng: np.random.Generator) -> Captured:
    """Photographs: perspective, uneven light and shadows, low contrast, blur, noise, JPEG."""
    scale = np.exp(rng.uniform(np.log(22), np.log(80))) / _body(boxes)
    scale = min(max(scale, _LOWEST / _body(boxes)), 1.7)
    gray, boxes = _resize(gray, boxes, scale, scale)
    gray, boxes = _tilted(gray, boxes, rng)
    height, width = gray.shape
    light = _light(height, width, rng)
    contrast = np.float32(rng.uniform(0.55, 1.1))
    paper = np.float32(_quantile(gray, 0.5))
    shade = (paper + (gray - paper) * contrast) * light * np.float32(rng.uniform(0.6, 1.15))
    shade = _blurred(shade, rng)
    shade += crop(stock.noises, height, width, rng) * np.float32(rng.uniform(0, 6) * contrast)
    return jpeg(np.clip(shade, 0, 255).astype(np.uint8), int(rng.integers(35, 92))), boxes


def _light(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Draws light that falls off to one side, at times with a shadow; float32 [height, width], about 1."""
    x = np.linspace(-1, 1, max(width // 4, 2), dtype=np.float32)
    y = np.linspace(-1, 1, max(height // 4, 2), dtype=np.float32)[:, None]
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.25)
    light = 1 + np.float32(fall * np.cos(angle)) * x + np.float32(fall * np.sin(angle)) * y
    if rng.random() < 0.35:
        angle, softness = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.6)
        beyond = (
            np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y - np.float32(rng.uniform(-0.6, 0.6))
        )
        light *= 1 - np.float32(rng.uniform(0.15, 0.5)) * np.clip(beyond / np.float32(softness) + 0.5, 0, 1)
    coarse = Image.fromarray(np.asarray(light, np.float32))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR), np.float32)


def _tilted(gray: Gray, boxes: Floats, rng: np.random.Generator) -> Captured:
    """Views the field a little from the side; beyond its edges is more of the paper."""
    height, width = gray.shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    seen = corners + rng.normal(0, 0.025, (4, 2)) * (min(width, 3 * height), height)
    # Each corner of the new picture shows a place of the old one.
    rows, values = [], []
    for (x, y), (u, v) in zip(corners.tolist(), seen.tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    shape = np.linalg.solve(np.array(rows), np.array(values))
    image = Image.fromarray(gray).transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        shape.tolist(),
        Image.Resampling.BILINEAR,
        fillcolor=int(_quantile(gray, 0.5)),
    )
    back = np.linalg.inv(np.array([*shape, 1.0]).reshape(3, 3))
    places = boxes[:, None, :2] + np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) * boxes[:, None, 2:]
    moved = np.concatenate([places, np.ones((*places.shape[:2], 1))], 2) @ back.T
    moved = moved[..., :2] / moved[..., 2:]
    low = np.clip(moved.min(1), 0, (width - 1, height - 1))
    high = np.clip(moved.max(1), low + 1, (width, height))
    return np.asarray(image), np.concatenate([low, high - low], 1).astype(np.float32)


def _blurred(shade: Floats, rng: np.random.Generator) -> Floats:
    """Blurs as a lens out of focus does, or a hand that moves."""
    across, down = (int(rng.integers(0, 2)) for _ in range(2)) if rng.random() < 0.6 else (0, 0)
    for axis, reach in ((1, across), (0, down)):
        if reach and shade.shape[axis] > 2:
            padded = np.pad(shade, [(1, 1) if side == axis else (0, 0) for side in range(2)], "edge")
            weight = np.float32(rng.uniform(0.15, 0.33))
            ends = (slice(None, -2), slice(1, -1), slice(2, None))
            parts = [padded[:, end] if axis else padded[end] for end in ends]
            shade = weight * (parts[0] + parts[2]) + (1 - 2 * weight) * parts[1]
    return shade
