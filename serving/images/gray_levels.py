"""Turns a frame that Pillow decoded, of any mode and depth, into 8-bit gray levels.

Color becomes ITU-R 601 luma, Lab its lightness. Samples of more than 8 bits are scaled by their range: the most bits
that any of them has, of 8, 10, 12, 14, 16, 20, 24, 28 and 32, so that a 16-bit picture that holds 0–255 is read as
what it is; floats up to 1 count as 0–1. Negative samples shift all up.

Transparency becomes paper. Where no pixel is visible, the transparency is empty and is ignored, as in Windows bitmaps.
Pixels at least half as opaque as the most opaque are visible. If they fill more than three quarters of the picture,
they are paper with its ink on it, and the rest takes their median level. Otherwise they are ink: on white paper, but
on black if 99 % of them are lighter than middle gray, as white ink on white would vanish.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.frame import Gray, strips

_BITS: Final = (8, 10, 12, 14, 16, 20, 24, 28, 32)
_PHOTOMETRIC: Final = 262
_SAMPLE_FORMAT: Final = 339

_Samples: TypeAlias = npt.NDArray[np.number[Any]]


def gray_levels(picture: Image.Image) -> Gray:
    """Converts strip by strip, as intermediates of color, depth and transparency are several times larger.

    Args:
        picture: loaded.

    Returns:
        uint8 [height, width], 0 = black.

    Raises:
        CheckreaderError: the samples are floats and some are not finite.
    """
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _scaled(picture)
    if picture.has_transparency_data:
        return _on_paper(picture)
    if picture.mode == "L":
        return np.asarray(picture)
    gray = np.empty(picture.size[::-1], np.uint8)
    for top, strip in _strips(picture):
        gray[top : top + strip.height] = strip.getchannel("L") if strip.mode == "LAB" else strip.convert("L")
    return gray


def _strips(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yields the picture's strips, each with its first row."""
    width, height = picture.size
    for top, bottom in strips(width, height):
        yield top, picture if bottom - top == height else picture.crop((0, top, width, bottom))


def _scaled(picture: Image.Image) -> Gray:
    """Scales samples of 16 or 32 bits, or floats, by their range."""
    tags = getattr(picture, "tag_v2", {})
    unsigned = picture.mode == "I" and tags.get(_SAMPLE_FORMAT, (1,))[0] == 1

    def samples(strip: Image.Image) -> _Samples:
        array: _Samples = np.asarray(strip)
        return array.view(np.uint32) if unsigned else array

    ranges = [(array.min(), array.max()) for array in (samples(strip) for _, strip in _strips(picture))]
    lowest, highest = min(float(low) for low, _ in ranges), max(float(high) for _, high in ranges)
    if not np.isfinite([low for low, _ in ranges] + [high for _, high in ranges]).all():
        raise CheckreaderError("floating-point TIFF with values that are not finite: save it as 8-bit gray")
    lowest = min(lowest, 0.0)
    highest -= lowest
    if picture.mode == "F" and highest <= 1:
        white = 1.0
    else:
        white = next((2.0**bits - 1 for bits in _BITS if highest < 2**bits), highest)
    gray = np.empty(picture.size[::-1], np.uint8)
    for top, strip in _strips(picture):
        gray[top : top + strip.height] = (samples(strip) - lowest) * (255 / white) + 0.5
    if tags.get(_PHOTOMETRIC) == 0:  # white is zero, which Pillow applies to fewer bits only
        gray = 255 - gray
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        alpha = np.empty_like(gray)
        for top, strip in _strips(picture):
            alpha[top : top + strip.height] = np.where(samples(strip) == clear, 0, 255)
        return _composite(gray, alpha)
    return gray


def _on_paper(picture: Image.Image) -> Gray:
    gray = np.empty(picture.size[::-1], np.uint8)
    alpha = np.empty_like(gray)
    for top, strip in _strips(picture):
        if strip.mode != "LA":
            strip = strip.convert("LA" if strip.mode == "La" else "RGBA").convert("LA")
        rows = slice(top, top + strip.height)
        gray[rows], alpha[rows] = np.moveaxis(np.asarray(strip), 2, 0)
    return _composite(gray, alpha)


def _composite(gray: Gray, alpha: Gray) -> Gray:
    """Lays the picture on the paper that its visible pixels ask for, in place.

    Args:
        gray: uint8 [height, width].
        alpha: uint8 [height, width], 255 = opaque.
    """
    opaque = int(alpha.max())
    if opaque == 0 or alpha.min() == 255:
        return gray
    mask = [255 * (2 * level >= opaque) for level in range(256)]
    counts = np.zeros(256, np.int64)
    parts = [slice(top, bottom) for top, bottom in strips(gray.shape[1], gray.shape[0])]
    for part in parts:
        counts += Image.fromarray(gray[part]).histogram(Image.fromarray(alpha[part]).point(mask))
    counts = counts.cumsum()
    if 4 * counts[-1] > 3 * gray.size:
        paper = int(np.searchsorted(counts, counts[-1] / 2))
    else:
        paper = 0 if 100 * counts[127] <= counts[-1] else 255
    for part in parts:
        layer = Image.fromarray(gray[part])
        blank = Image.new("L", layer.size, paper)
        gray[part] = np.asarray(Image.composite(layer, blank, Image.fromarray(alpha[part])))
    return gray
