"""Decodes picture files into gray levels."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from serving.errors import CheckreaderError, TooLarge
from serving.images import plain_jpeg, plain_png
from serving.images.containers import container, mend
from serving.images.deep_color import is_deep_color, name_planes, rawmode, scale_colors
from serving.images.foreign_formats import describe
from serving.images.frame import Frame, Gray
from serving.images.gray_levels import gray_levels
from serving.images.library_warnings import HIDDEN
from serving.images.spare_byte import add_opacity
from serving.images.stated_size import stated_size

__all__ = ["FORMATS", "MAX_PIXELS", "Frame", "Gray", "decode", "decode_frame", "pixel_count"]

FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
MAX_PIXELS: Final = 50_000_000
_ORIENTATION: Final = 274
_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED: Final = (5, 6, 7, 8)  # orientations that exchange rows and columns
_RESOLUTIONS: Final = (
    "dpi",
    "resolution",
    "aspect",
    "jfif_density",
)  # where Pillow keeps what a file says of it
_ASPECTS: Final = (1.2, 4.0)  # of pixels that are not square; beyond them the resolution is a mistake
_SAMPLES: Final = {"L;2": 85, "L;4": 17}  # the gray level of a PNG's sample 1, by its layout


def decode(encoded: bytes, max_pixels: int = MAX_PIXELS) -> Gray:
    """Decodes a PNG, JPEG, TIFF, BMP or WebP picture into gray levels, in the pixels of the file.

    Camera orientation is applied; transparency, color and depth are as in `gray_levels`.

    Args:
        encoded: the picture's bytes; of several frames the first is read.
        max_pixels: a larger picture is refused before it is decoded.

    Returns:
        uint8 [height, width], 0 = black.

    Raises:
        CheckreaderError: the bytes are no such picture, are damaged or too large.
    """
    return decode_frame(encoded, max_pixels).gray


def decode_frame(encoded: bytes, max_pixels: int = MAX_PIXELS) -> Frame:
    """Decodes a picture as `decode` does, and tells the shape of its pixels.

    Metadata that Pillow refuses are left out, and a JPEG without its end marker is read if all its data are there.

    Raises:
        CheckreaderError: the bytes are no such picture, are damaged or too large.
    """
    with HIDDEN:
        try:
            return _read(encoded, max_pixels)
        except CheckreaderError:
            raise
        # Pillow's decoders raise exceptions of any type on damaged data.
        except Exception as error:
            frame = _read_mended(encoded, max_pixels)
            if frame is not None:
                return frame
            raise _refusal(encoded, error) from None


def pixel_count(encoded: bytes) -> int:
    """Returns the number of pixels that a picture's header states, or 2⁶³ where it cannot be read."""
    size = stated_size(encoded)
    if size is not None:
        return size[0] * size[1]
    with HIDDEN:
        try:
            width, height = Image.open(io.BytesIO(encoded), formats=FORMATS).size
        except Exception:  # `decode` says what is wrong with it
            return 2**63
    return width * height


def _read(encoded: bytes, max_pixels: int) -> Frame:
    plain = plain_png.decode_plain(encoded, max_pixels)
    if plain is None:
        plain = plain_jpeg.decode_plain(encoded, max_pixels)
    if plain is not None:
        return Frame(plain)
    try:
        picture = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_large(max_pixels, "over 178 million") from None
    width, height = picture.size
    if width * height > max_pixels:
        raise _too_large(max_pixels, f"{width}×{height}")
    is_turned = picture.format == "TIFF"  # by Pillow, when it loads
    if is_turned:
        name_planes(picture)
    aspect, layout = _aspect(picture), rawmode(picture)
    orientation = _orientation(picture) if is_turned else 1
    picture.load()
    if not is_turned:
        orientation = _orientation(picture)  # a PNG may have it after the pixels
    clear = picture.info.get("transparency")
    if layout in _SAMPLES and isinstance(clear, int):
        picture.info["transparency"] = clear * _SAMPLES[layout]
    if is_deep_color(layout):
        gray = gray_levels(scale_colors(picture, encoded, layout))
    else:
        gray = gray_levels(add_opacity(picture, encoded, layout))
    if orientation in _TRANSPOSES and not is_turned:
        gray = np.asarray(Image.fromarray(gray).transpose(_TRANSPOSES[orientation]))
    return Frame(gray, 1 / aspect if orientation in _TURNED else aspect)


def _read_mended(encoded: bytes, max_pixels: int) -> Frame | None:
    """Reads what `mend` makes of the file; None if that cannot be read, or not the same each time."""
    frame = None
    for mended in mend(encoded):
        try:
            other = _read(mended, max_pixels)
        except CheckreaderError:
            raise
        except Exception:
            return None
        if frame is not None and not np.array_equal(frame.gray, other.gray):
            return None
        frame = other
    return frame


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # of broken metadata: the picture is whole
        return 1


def _aspect(picture: Image.Image) -> float:
    """Returns the height of the file's pixels by their width; 1 where that is not known or not likely."""
    names = [name for name in _RESOLUTIONS if name in picture.info]
    if not names:
        return 1.0
    try:
        horizontal, vertical = picture.info[names[0]]
        aspect = float(horizontal) / float(vertical)
    except (TypeError, ValueError, ArithmeticError):
        return 1.0
    likely = aspect > 0 and _ASPECTS[0] <= max(aspect, 1 / aspect) <= _ASPECTS[1]
    return aspect if likely else 1.0


def _refusal(encoded: bytes, error: Exception) -> CheckreaderError:
    kind = container(encoded)
    if kind is None:
        return CheckreaderError(f"not a picture: expected {', '.join(FORMATS)}, got {describe(encoded)}")
    if isinstance(error, UnidentifiedImageError):
        return CheckreaderError(
            f"damaged {kind} picture, or of an unusual kind: its header cannot be read; save it as 8-bit PNG"
        )
    return CheckreaderError(f"damaged {kind} picture: {error}; copy or save it again")


def _too_large(max_pixels: int, size: str) -> TooLarge:
    return TooLarge(f"picture too large: {size} pixels, at most {max_pixels:,} are read")
