"""Decodes pictures and crops them to the part that is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

from serving.errors import CheckreaderError, TooLarge
from serving.images.codec import MAX_PIXELS, Frame, Gray, decode_frame, pixel_count
from serving.images.pages import Pages, split

T = TypeVar("T")

# x, y, width and height of the part to read, in pixels.
Crop: TypeAlias = tuple[int, int, int, int]
_SMALL = 2**15  # bytes, and pixels: 180×180
_CROP = re.compile(r"(-?[0-9]{1,9},){3}-?[0-9]{1,9}")


@dataclass(frozen=True)
class PageLimit:
    """How much is read for one request, as many pages may be a few kilobytes.

    Attributes:
        pages: of all pictures together.
        pixels: of the pages of one picture together.
    """

    pages: int
    pixels: int = 5 * MAX_PIXELS


def normalize_each(
    pictures: Sequence[bytes],
    crop: Crop | None,
    normalize: Callable[[Frame, int], T],
    limit: PageLimit | None = None,
) -> list[T]:
    """Decodes, crops and normalizes each page of each picture, one after the other.

    Args:
        pictures: encoded, as `codec.decode` takes them.
        crop: the part to read, in every page alike.
        normalize: a function of the part, in the pixels of the picture, and the page's number, from 1.
        limit: None: what `codec.decode` and `pages.split` refuse is all that is refused.

    Returns:
        What `normalize` returned, picture by picture, each with its pages in order.

    Raises:
        TooLarge: a page, or the pages of a picture together, have too many pixels.
        CheckreaderError: there are too many pages, one cannot be read, or the crop lies outside it.
    """
    split_pictures: list[Pages] = []
    for number, encoded in enumerate(pictures, 1):
        try:
            split_pictures.append(split(encoded))
        except CheckreaderError as error:
            raise _named(error, _which(number, pictures)) from None
    count = sum(map(len, split_pictures))
    if limit is not None and count > limit.pages:
        raise CheckreaderError(f"too many pictures: {count} pages, at most {limit.pages} in one request")
    normalized = []
    for number, pages in enumerate(split_pictures, 1):
        pixels = 0
        for page in range(1, len(pages) + 1):
            try:
                frame = decode_frame(pages.page(page))
                pixels += frame.gray.size
                if limit is not None and pixels > limit.pixels:
                    raise TooLarge(f"pages too large: at most {limit.pixels:,} pixels are read of a picture")
                part = replace(frame, gray=apply_crop(frame.gray, crop))
                normalized.append(normalize(part, page))
            except CheckreaderError as error:
                raise _named(error, _which(number, pictures) + pages.where(page)) from None
    return normalized


def _which(number: int, pictures: Sequence[bytes]) -> str:
    return f"picture {number} of {len(pictures)}: " if len(pictures) > 1 else ""


def _named(error: CheckreaderError, where: str) -> CheckreaderError:
    return type(error)(f"{where}{error}")


def is_small(encoded: bytes) -> bool:
    """Returns whether a picture has one page that is read in less than a millisecond, judged by its header.

    Raises:
        CheckreaderError: as `pages.split`.
    """
    if len(encoded) > _SMALL:
        return False
    pages = split(encoded)  # not by the header of a thumbnail in front of the page
    return len(pages) == 1 and pixel_count(pages.page(1)) <= _SMALL


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
