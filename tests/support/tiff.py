"""Writes TIFFs by hand: any byte order, BigTIFF, any tags, and a chain of directories that may lead anywhere."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

LONG = 4


def write(
    pages: Sequence[tuple[np.ndarray, Mapping[int, int]]],
    order: Literal["<", ">"] = "<",
    big: bool = False,
    after: int | None = None,
) -> bytes:
    """Returns an uncompressed TIFF.

    Args:
        pages: the gray levels, uint8 [height, width], of each directory, and further tags with a number.
        order: of the bytes, as `struct` writes it.
        big: BigTIFF.
        after: what the last directory says is behind it: the number of a directory, or an offset; None: nothing.
    """
    width = 8 if big else 4
    long, count, entry = (order + letters for letters in (("Q", "Q", "HHQ") if big else ("L", "H", "HHL")))
    magic = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", 43 if big else 42)
    if big:
        magic += struct.pack(order + "HH", 8, 0)
    head = len(magic) + width
    bodies, offsets, position = [], [], head
    for gray, tags in pages:
        offsets.append(position + gray.size)
        every = {256: gray.shape[1], 257: gray.shape[0], 258: 8, 259: 1, 262: 1, 273: position} | dict(tags)
        every |= {277: 1, 278: gray.shape[0], 279: gray.size}
        directory = struct.pack(count, len(every))
        for tag, value in sorted(every.items()):
            directory += struct.pack(entry, tag, LONG, 1) + struct.pack(order + "L", value).ljust(
                width, b"\0"
            )
        bodies.append(gray.tobytes() + directory)
        position += len(bodies[-1]) + width
    end = 0 if after is None else offsets[after] if after < len(offsets) else after
    following = [*offsets[1:], end]
    return (
        magic
        + struct.pack(long, offsets[0])
        + b"".join(body + struct.pack(long, next) for body, next in zip(bodies, following, strict=True))
    )
