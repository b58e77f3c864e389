"""Decodes picture files into gray levels."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from serving.errors import CheckreaderError, TooLarge

Gray = npt.NDArray[np.uint8]

FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
MAX_PIXELS: Final = 50_000_000
_STRIP: Final = 2**22  # pixels that are converted at a time


def decode(encoded: bytes, max_pixels: int = MAX_PIXELS) -> Gray:
    """Decodes a PNG, JPEG, TIFF, BMP or WebP picture into gray levels.

    Camera orientation is applied, transparency becomes white paper, color
    becomes ITU-R 601 luma, 16-bit gray keeps its high byte.

    Args:
        encoded: the picture's bytes; of several frames the first is read.
        max_pixels: a larger picture is refused before it is decoded.

    Returns:
        uint8 [height, width], 0 = black.

    Raises:
        CheckreaderError: the bytes are no such picture, are damaged or too large.
    """
    picture = None
    try:
        picture = Image.open(io.BytesIO(encoded), formats=FORMATS)
        width, height = picture.size
        if width * height > max_pixels:
            raise _too_large(max_pixels, f"{width}×{height}")
        ImageOps.exif_transpose(picture, in_place=True)
        return _gray(picture)
    except CheckreaderError:
        raise
    except UnidentifiedImageError:
        raise CheckreaderError(
            f"not a picture: expected {', '.join(FORMATS)}, got {_describe(encoded)}"
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(max_pixels, "over 89 million") from None
    # Pillow's decoders raise exceptions of any type on damaged data.
    except Exception as error:
        kind = "" if picture is None else f"{picture.format} "
        raise CheckreaderError(f"damaged {kind}picture: {error}") from None


def pixel_count(encoded: bytes) -> int:
    """Returns the number of pixels that a picture's header states, or 2⁶³ where it cannot be read."""
    try:
        width, height = Image.open(io.BytesIO(encoded), formats=FORMATS).size
    except Exception:  # `decode` says what is wrong with it
        return 2**63
    return width * height


def _too_large(max_pixels: int, size: str) -> TooLarge:
    return TooLarge(f"picture too large: {size} pixels, at most {max_pixels:,} are read")


def _describe(encoded: bytes) -> str:
    return f"{len(encoded)} bytes starting {encoded[:8]!r}" if encoded else "0 bytes"


def _gray(picture: Image.Image) -> Gray:
    """Converts strip by strip, as intermediates of color, 16 bits and transparency are several times larger."""
    width, height = picture.size
    if picture.mode == "L" and not picture.has_transparency_data:
        return np.asarray(picture)
    gray = np.empty((height, width), np.uint8)
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        gray[top:bottom] = _levels(picture.crop((0, top, width, bottom)))
    return gray


def _levels(picture: Image.Image) -> Gray:
    if picture.mode.startswith("I;16") or picture.mode == "I":
        levels = np.asarray(picture)
        return np.asarray(np.clip(levels >> 8, 0, 255), np.uint8)
    if picture.mode == "F":
        raise CheckreaderError("floating-point TIFF is not read: save it as 8-bit gray")
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.asarray(picture.convert("L"))
