"""Decodes plain PNG pictures, gray or color of 8 bits without metadata, by Pillow's decoder alone.

Pillow's reader of files takes longer than that to decode a small picture. What is not plain, or damaged, is left to it.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import numpy as np
from PIL import Image

from serving.images.frame import Gray
from serving.images.stated_size import PNG_HEADER, stated_size

_SIGNATURE: Final = 8  # bytes
# By what follows the size in the header: bits, kind of color, and 0 for compression, filter and interlacing.
_MODES: Final = {b"\x08\0\0\0\0": "L", b"\x08\x02\0\0\0": "RGB"}
_IGNORED: Final = (b"gAMA", b"cHRM", b"sRGB")  # change nothing that is read


def decode_plain(encoded: bytes, max_pixels: int) -> Gray | None:
    """Returns the gray levels of a plain PNG, uint8 [height, width], 0 = black, as `gray_levels` makes them.

    Args:
        encoded: a file of any kind.
        max_pixels: a larger picture is not decoded.

    Returns:
        None if it is no plain PNG, is damaged or too large.
    """
    if not encoded.startswith(PNG_HEADER):
        return None
    size, layout = stated_size(encoded), len(PNG_HEADER) + 8
    mode = _MODES.get(encoded[layout : layout + 5])
    if size is None or mode is None or not 0 < size[0] * size[1] <= max_pixels:
        return None
    data = _compressed_pixels(encoded)
    if data is None:
        return None
    try:
        picture = Image.frombytes(mode, size, data, "zip", mode)
    except ValueError:
        return None
    return np.asarray(picture if mode == "L" else picture.convert("L"))


def _compressed_pixels(encoded: bytes) -> bytes | None:
    """Joins the chunks of pixels; None if there are others that matter or come between, or a sum is wrong."""
    parts: list[bytes] = []
    start = _SIGNATURE
    while True:
        content = encoded[start + 4 : start + 8 + int.from_bytes(encoded[start : start + 4], "big")]
        kind, end = content[:4], start + 4 + len(content)
        start = end + 4
        if crc32(content) != int.from_bytes(encoded[end:start], "big"):
            return None
        if kind == b"IDAT":
            parts.append(content[4:])
        elif kind == b"IEND":
            return b"".join(parts)
        elif kind != b"IHDR" and (parts or kind not in _IGNORED):
            return None
