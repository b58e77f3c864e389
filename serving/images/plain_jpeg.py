"""Decodes plain JPEG pictures, gray or color without camera's metadata, by Pillow's decoder alone.

Pillow's reader of files takes as long as that to decode a small picture. What is not plain, or damaged, is left to it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from serving.images.frame import Gray

_START: Final = b"\xff\xd8\xff"
_FRAMES: Final = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive, by Huffman's code
_SCAN: Final = 0xDA  # begins the pixels
_JFIF: Final = 0xE0
# Tables, restarts and comments, beside which nothing comes before a plain picture's pixels.
_IGNORED: Final = (0xC4, 0xDB, 0xDD, 0xFE)
_MODES: Final = {1: "L", 3: "RGB"}  # by the number of components


def decode_plain(encoded: bytes, max_pixels: int) -> Gray | None:
    """Returns the gray levels of a plain JPEG, uint8 [height, width], 0 = black, as `gray_levels` makes them.

    Args:
        encoded: a file of any kind.
        max_pixels: a larger picture is not decoded.

    Returns:
        None if it is no plain JPEG, its pixels are not square, or it is damaged or too large.
    """
    frame = _frame(encoded) if encoded.startswith(_START) else None
    if frame is None:
        return None
    mode, width, height = frame
    if not 0 < width * height <= max_pixels:
        return None
    try:
        picture = Image.frombytes(mode, (width, height), encoded, "jpeg", mode, "")
    except (ValueError, OSError):
        return None
    return np.asarray(picture if mode == "L" else picture.convert("L"))


def _frame(encoded: bytes) -> tuple[str, int, int] | None:
    """Returns mode, width and height; None if there is a segment before the pixels that may matter, or no frame."""
    frame = None
    start = 2
    while encoded[start : start + 1] == b"\xff":
        marker = encoded[start + 1] if start + 1 < len(encoded) else 0
        length = int.from_bytes(encoded[start + 2 : start + 4], "big")
        content = encoded[start + 4 : start + 2 + length]
        if marker == _SCAN:
            return frame
        if marker == _JFIF:
            # Version, then the unit of the resolution, and that along rows and along columns.
            if start > 2 or not content.startswith(b"JFIF\0") or content[8:10] != content[10:12]:
                return None
        elif marker in _FRAMES:
            mode = _MODES.get(content[5]) if len(content) > 5 else None
            if frame is not None or mode is None or content[0] != 8:
                return None
            frame = mode, int.from_bytes(content[3:5], "big"), int.from_bytes(content[1:3], "big")
        elif marker not in _IGNORED:
            return None
        start += 2 + length
    return None
