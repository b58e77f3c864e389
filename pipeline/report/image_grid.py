"""Small pictures for the report: ink, signed numbers and marks, transparent where there is nothing.

Transparent pixels let them stand on any page; a dark one turns their lightness around and keeps their hues.
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
        text: for who cannot see it.
    """

    pixels: Pixels
    caption: str
    text: str


def ink(values: npt.NDArray[Any], caption: str = "", text: str = "", most: float | None = None) -> Thumbnail:
    """Values from 0 = transparent to `most` = black.

    Args:
        values: [H, W]; uint8 pictures have `most` 255.
        caption, text: of the tile.
        most: None = the largest value.
    """
    most = 255.0 if values.dtype == np.uint8 else float(values.max()) if most is None else most
    opacity = np.clip(values / max(most, 1e-12), 0, 1)
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., 3] = np.rint(255 * opacity)
    return Thumbnail(pixels, caption, text or caption)


def signed(values: Floats, caption: str = "", text: str = "", most: float | None = None) -> Thumbnail:
    """Values [H, W], blue above and orange below 0, opaque at ±`most` (None = the largest amount)."""
    most = float(np.abs(values).max()) if most is None else most
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., :3] = np.where(values[..., None] >= 0, _POSITIVE, _NEGATIVE)
    pixels[..., 3] = np.rint(255 * np.clip(np.abs(values) / max(most, 1e-12), 0, 1))
    return Thumbnail(pixels, caption, text or caption)


def framed(
    values: Pixels, box: tuple[int, int, int, int], caption: str, text: str, scale: int = 6
) -> Thumbnail:
    """Ink, uint8 [H, W], enlarged, with a frame around columns x to x+w and rows y to y+h of `box`."""
    pixels = ink(values).pixels.repeat(scale, 0).repeat(scale, 1)
    x, y, width, height = (side * scale for side in box)
    frame = np.zeros(pixels.shape[:2], bool)
    frame[y : y + height, x : x + width] = True
    frame[y + 2 : y + height - 2, x + 2 : x + width - 2] = False
    pixels[frame] = (*_POSITIVE, 255)
    return Thumbnail(pixels, caption, text)


def png(pixels: Pixels) -> bytes:
    """The file, as small as it gets."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", optimize=True)
    return out.getvalue()


def grid(tiles: Sequence[Thumbnail], columns: int, gap: int = 1, scale: int = 1) -> Pixels:
    """All tiles in rows of `columns`, uint8 [H, W, 4], enlarged by `scale`; smaller ones at the top left of their place."""
    height = max(tile.pixels.shape[0] for tile in tiles) + gap
    width = max(tile.pixels.shape[1] for tile in tiles) + gap
    rows = -(-len(tiles) // columns)
    out = np.zeros((rows * height - gap, min(columns, len(tiles)) * width - gap, 4), np.uint8)
    for number, tile in enumerate(tiles):
        y, x = number // columns * height, number % columns * width
        out[y : y + tile.pixels.shape[0], x : x + tile.pixels.shape[1]] = tile.pixels
    return out.repeat(scale, 0).repeat(scale, 1)


def sheet(tiles: Sequence[Thumbnail], columns: int, caption: str = "", text: str = "") -> Thumbnail:
    """Many tiles as one."""
    return Thumbnail(grid(tiles, columns), caption, text or caption)
