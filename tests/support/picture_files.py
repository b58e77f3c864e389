"""Writes PNG and TIFF files byte by byte, of kinds that Pillow reads and does not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

PNG_START = b"\x89PNG\r\n\x1a\n"
_SHORT, _LONG, _RATIONAL = 3, 4, 5


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(samples: np.ndarray, color: int = 0, depth: int = 8, chunks: Sequence[bytes] = ()) -> bytes:
    """Writes a PNG.

    Args:
        samples: [height, width] or [height, width, channels].
        color: the type: 0 gray, 2 RGB, 4 gray and alpha, 6 RGB and alpha.
        depth: bits of a sample.
        chunks: stand before the pixels.
    """
    height, width = samples.shape[:2]
    rows = pack(samples, depth, ">")
    data = b"".join(b"\0" + row for row in rows)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(data))
    return b"".join([PNG_START, chunk(b"IHDR", header), *chunks, pixels, chunk(b"IEND", b"")])


def tiff_file(
    samples: np.ndarray,
    photometric: int,
    depth: int = 8,
    order: str = "<",
    tags: Mapping[int, int | Sequence[int]] | None = None,
    big: bool = False,
) -> bytes:
    """Writes an uncompressed TIFF.

    Args:
        samples: [height, width] or [height, width, channels].
        photometric: 0 gray with white as zero, 1 gray, 2 RGB, 5 CMYK, 6 YCbCr, 8 Lab.
        depth: bits of a sample.
        order: "<" or ">".
        tags: others, whole numbers; 282 and 283, the resolutions, become fractions.
        big: BigTIFF.
    """
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    if tags and tags.get(284) == 2:
        data = b"".join(b"".join(pack(samples[..., channel], depth, order)) for channel in range(channels))
        plane, strips = len(data) // channels, channels
    else:
        data = b"".join(pack(samples, depth, order))
        plane, strips = len(data), 1
    start = 16 if big else 8
    offsets = [start + plane * strip for strip in range(strips)]
    fields: dict[int, int | Sequence[int]] = {
        256: width,
        257: height,
        258: [depth] * channels,
        259: 1,
        262: photometric,
        273: offsets,
        277: channels,
        278: height,
        279: [plane] * strips,
    } | dict(tags or {})
    count, offset, inline = ("Q", "Q", 8) if big else ("I", "I", 4)
    number = "Q" if big else "H"
    directory = start + len(data)
    behind = directory + struct.calcsize(f"={number}") + len(fields) * (4 + 2 * inline) + inline
    entries, values = b"", b""
    for tag, field in sorted(fields.items()):
        whole = [field] if isinstance(field, int) else list(field)
        if tag in (282, 283):
            kind, size, content = _RATIONAL, 1, struct.pack(f"{order}II", whole[0], 1)
        elif tag in (273, 279):
            kind, size, content = _LONG, len(whole), struct.pack(f"{order}{len(whole)}I", *whole)
        else:
            kind, size, content = _SHORT, len(whole), struct.pack(f"{order}{len(whole)}H", *whole)
        entries += struct.pack(f"{order}HH{count}", tag, kind, size)
        if len(content) <= inline:
            entries += content.ljust(inline, b"\0")
        else:
            entries += struct.pack(f"{order}{offset}", behind + len(values))
            values += content
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, directory)
    else:
        head = mark + struct.pack(f"{order}HI", 42, directory)
    end = bytes(inline)
    return head + data + struct.pack(f"{order}{number}", len(fields)) + entries + end + values


def pack(samples: np.ndarray, depth: int, order: str) -> list[bytes]:
    """Returns the bytes of each row; samples of fewer than 8 bits lie from the highest bit on."""
    rows = samples.reshape(len(samples), -1)
    if samples.dtype.kind == "f":
        return [row.astype(f"{order}f4").tobytes() for row in rows]
    if depth >= 8:
        kind = "i" if samples.dtype.kind == "i" and samples.min() < 0 else "u"
        return [row.astype(f"{order}{kind}{depth // 8}").tobytes() for row in rows]
    bits = (rows[..., np.newaxis] >> np.arange(depth - 1, -1, -1)) & 1
    return [row.tobytes() for row in np.packbits(bits.reshape(len(rows), -1).astype(np.uint8), axis=1)]
