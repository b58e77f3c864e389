"""Mends files that Pillow refuses although their picture is whole: odd metadata, a JPEG without its end.

Nothing of this runs for a file that Pillow reads.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

_MAGIC: Final = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM",
    "WEBP": rb"RIFF....WEBP",
}
_PNG_START: Final = 8
_PNG_KEPT: Final = re.compile(
    rb"(tRNS|eXIf|pHYs.{9}\Z)", re.DOTALL
)  # ancillary chunks that change what is read
_JPEG_MARKER: Final = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_SOS: Final = 0xDA
_NO_FRAME: Final = (0xC4, 0xC8, 0xCC)  # among 0xC0–0xCF, which are frame headers else
_EOI: Final = b"\xff\xd9"
_COEFFICIENTS: Final = 64  # of a component
# What may stand between the data and the end of a JPEG. It changes no pixel if all data are there; if some are
# missing, it is taken for them, up to the next restart marker or from there.
_PADDINGS: Final = (
    b"",
    *(
        b"".join(bytes((filling,)) * 64 + bytes((0xFF, 0xD0 + number % 8)) for number in range(9))
        for filling in (0x55, 0xAA)
    ),
)


def container(encoded: bytes) -> str | None:
    """Returns the format that a file's first bytes name, of those that are read."""
    kinds = (kind for kind, magic in _MAGIC.items() if re.match(magic, encoded[:16], re.DOTALL))
    return next(kinds, None)


def mend(encoded: bytes) -> list[bytes]:
    """Mends a file that cannot be decoded as it is.

    Returns:
        Files that may be decoded instead. The picture is whole only if all of them give the same pixels; there is
        none where nothing can be done.
    """
    kind = container(encoded)
    if kind == "PNG":
        lean = b"".join([encoded[:_PNG_START], *_png_chunks(encoded)])
        return [lean] if lean != encoded else []
    if (
        kind == "JPEG"
        and encoded.find(_EOI, encoded.rfind(bytes((0xFF, _SOS)))) < 0
        and _has_all_scans(encoded)
    ):
        data = encoded.rstrip(b"\xff")
        return [data + padding + _EOI for padding in _PADDINGS]
    return []


def _png_chunks(encoded: bytes) -> Iterator[bytes]:
    """Yields the chunks that are needed to decode a PNG: not its color profile, its texts and its further frames."""
    start = _PNG_START
    while start < len(encoded):
        stop = start + 12 + int.from_bytes(encoded[start : start + 4], "big")
        chunk = encoded[start:stop]
        content = chunk[4:-4]
        whole = zlib.crc32(content).to_bytes(4, "big") == chunk[-4:]
        if chunk[4:5].isupper() or (whole and _PNG_KEPT.match(content)):
            yield chunk
        start = stop


def _has_all_scans(encoded: bytes) -> bool:
    """Returns whether a JPEG has scans for all coefficients of all components in full precision."""
    components, coefficients = 0, set()
    position = 2
    try:
        while marker := _JPEG_MARKER.search(encoded, position):
            kind, start = encoded[marker.start() + 1], marker.end()
            position = start + int.from_bytes(encoded[start : start + 2], "big")
            segment = encoded[start + 2 : position]
            if kind == _SOS:
                scanned = segment[1 : 1 + 2 * segment[0] : 2]
                first, last, precision = segment[-3:]
                if precision & 15 == 0:
                    coefficients |= {(index, k) for index in scanned for k in range(first, last + 1)}
            elif 0xC0 <= kind <= 0xCF and kind not in _NO_FRAME:
                components = segment[5]
    except (IndexError, ValueError):
        return False
    return 0 < components * _COEFFICIENTS == len(coefficients)
