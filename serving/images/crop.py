"""Decodes pictures and crops them to the part that is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from serving.errors import CheckreaderError
from serving.images.codec import Frame, Gray, decode_frame, pixel_count

T = TypeVar("T")

# x, y, width and height of the part to read, in pixels.
Crop: TypeAlias = tuple[int, int, int, int]
_SMALL = 2**15  # bytes, and pixels: 180×180
_CROP = re.compile(r"(-?[0-9]{1,9},){3}-?[0-9]{1,9}")


def normalize_each(pictures: Sequence[bytes], crop: Crop | None, normalize: Callable[[Frame], T]) -> list[T]:
    """Decodes, crops and normalizes each picture.

    Args:
        pictures: encoded, as `codec.decode` takes them.
        crop: the part to read, in every picture alike.
        normalize: a function of the part, in the pixels of the picture.

    Returns:
        What `normalize` returned, in the order of the pictures.

    Raises:
        CheckreaderError: a picture cannot be read, or the crop lies outside it.
    """
    normalized = []
    for number, encoded in enumerate(pictures, 1):
        try:
            frame = decode_frame(encoded)
            normalized.append(normalize(replace(frame, gray=apply_crop(frame.gray, crop))))
        except CheckreaderError as error:
            which = f"picture {number} of {len(pictures)}: " if len(pictures) > 1 else ""
            raise type(error)(f"{which}{error}") from None
    return normalized


def is_small(encoded: bytes) -> bool:
    """Returns whether reading a picture takes less than a millisecond, judged by its header."""
    return len(encoded) <= _SMALL and pixel_count(encoded) <= _SMALL


def apply_crop(gray: Gray, crop: Crop | None) -> Gray:
    """Cuts the part out of a picture; raises CheckreaderError if it does not lie inside."""
    if crop is None:
        return gray
    x, y, width, height = crop
    rows, columns = gray.shape
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > columns or y + height > rows:
        raise CheckreaderError(
            f"crop {x},{y},{width},{height} does not lie inside the picture of {columns}×{rows} pixels"
        )
    return gray[y : y + height, x : x + width]


def parse_crop(text: str) -> Crop:
    """Parses "x,y,width,height".

    Raises:
        CheckreaderError: the text is anything else.
    """
    if not _CROP.fullmatch(text):
        raise CheckreaderError(f"crop must be x,y,width,height in whole pixels, got {text[:40]!r}")
    x, y, width, height = (int(part) for part in text.split(","))
    return x, y, width, height
