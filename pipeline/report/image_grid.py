"""Draws small pictures for the report: ink, signed numbers and frames on a transparent ground.

Transparent pixels fit any page; a dark one inverts their lightness and keeps their hues.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]

_POSITIVE: Final = (11, 102, 176)
_NEGATIVE: Final = (200, 82, 10)


@dataclasses.dataclass(frozen=True, eq=False)
class Thumbnail:
    """A small picture.

    Attributes:
        pixels: uint8 [H, W, 4], red, green, blue and opacity.
        caption: below it; may be empty.
        text: describes it for screen readers.
    """

    pixels: Pixels
    caption: str
    text: str


def ink(
    values: npt.NDArray[Any], caption: str = "", text: str = "", largest: float | None = None
) -> Thumbnail:
    """Draws values from 0 = transparent to `largest` = black.

    Args:
        values: [H, W]; for uint8, `largest` is 255.
        caption, text: of the tile.
        largest: None = the largest value.
    """
    largest = 255.0 if values.dtype == np.uint8 else float(values.max()) if largest is None else largest
    opacity = np.clip(values / max(largest, 1e-12), 0, 1)
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., 3] = np.rint(255 * opacity)
    return Thumbnail(pixels, caption, text or caption)


def signed(values: Floats, caption: str = "", text: str = "", largest: float | None = None) -> Thumbnail:
    """Draws values [H, W], blue above and orange below 0, opaque at ±`largest` (None = the largest amount)."""
    largest = float(np.abs(values).max()) if largest is None else largest
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., :3] = np.where(values[..., None] >= 0, _POSITIVE, _NEGATIVE)
    pixels[..., 3] = np.rint(255 * np.clip(np.abs(values) / max(largest, 1e-12), 0, 1))
    return Thumbnail(pixels, caption, text or caption)


def crossed(side: int, text: str = "") -> Thumbnail:
    """Draws a faint cross on side × side pixels: there is nothing to show."""
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[..., 3] = 90 * (np.eye(side, dtype=bool) | np.eye(side, dtype=bool)[::-1])
    return Thumbnail(pixels, "", text)


def framed(
    values: Pixels, box: tuple[int, int, int, int], caption: str, text: str, scale: int = 6
) -> Thumbnail:
    """Draws ink, uint8 [H, W], enlarged, with a frame around `box`, its x, y, width and height."""
    pixels = ink(values).pixels.repeat(scale, 0).repeat(scale, 1)
    x, y, width, height = (side * scale for side in box)
    frame = np.zeros(pixels.shape[:2], bool)
    frame[y : y + height, x : x + width] = True
    frame[y + 2 : y + height - 2, x + 2 : x + width - 2] = False
    pixels[frame] = (*_POSITIVE, 255)
    return Thumbnail(pixels, caption, text)


def png(pixels: Pixels) -> bytes:
    """Returns the PNG file, compressed as far as possible."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", optimize=True)
    return out.getvalue()


def grid(tiles: Sequence[Thumbnail], columns: int, gap: int = 1, scale: int = 1) -> Pixels:
    """Places tiles in rows of `columns`, uint8 [H, W, 4], enlarged by `scale`; smaller ones at the top left of their cell."""
    height = max(tile.pixels.shape[0] for tile in tiles) + gap
    width = max(tile.pixels.shape[1] for tile in tiles) + gap
    rows = -(-len(tiles) // columns)
    out = np.zeros((rows * height - gap, min(columns, len(tiles)) * width - gap, 4), np.uint8)
    for number, tile in enumerate(tiles):
        y, x = number // columns * height, number % columns * width
        out[y : y + tile.pixels.shape[0], x : x + tile.pixels.shape[1]] = tile.pixels
    return out.repeat(scale, 0).repeat(scale, 1)


def sheet(tiles: Sequence[Thumbnail], columns: int, caption: str = "", text: str = "") -> Thumbnail:
    """Returns many tiles as one."""
    return Thumbnail(grid(tiles, columns), caption, text or caption)
