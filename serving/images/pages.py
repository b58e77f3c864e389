"""Splits a TIFF into its pages, each an encoded picture by itself.

A TIFF is a chain of directories; each describes an image and says where the next one lies. A page is the same
file with the header pointing at the page's directory, and that directory ending the chain: whatever decodes
the first image of a file decodes a page. No other format has pages: of an animation the first frame is read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from serving.errors import CheckreaderError

T = TypeVar("T")
MAX_PAGES: Final = 1000  # directories of a TIFF, thumbnails among them
_SUBFILE, _OLD_SUBFILE = 254, 255  # the tags that tell thumbnails and masks from pages
_THUMBNAIL, _MASK = 1, 4  # bits of the first tag
_OLD_THUMBNAIL: Final = 2  # value of the second
# Bytes of a value of each type, from type 0; a higher type has none.
_SIZES: Final = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8, 0])


@dataclass(frozen=True)
class _Layout:
    """The widths and the byte order of a TIFF's numbers."""

    order: Literal["little", "big"]
    header: int  # where the offset of the first directory lies
    count: str  # the `struct` formats of a directory's number of entries
    offset: str  # and of an offset
    entry: np.dtype[np.void]


def _entry(mark: str, width: int) -> np.dtype[np.void]:
    """Returns an entry of a directory; `value` is where its values lie, or the values if they fit there."""
    return np.dtype(
        [("tag", f"{mark}u2"), ("type", f"{mark}u2"), ("count", f"{mark}u{width}"), ("value", f"V{width}")]
    )


_LITTLE: Final = _Layout("little", 4, "<H", "<I", _entry("<", 4))
_BIG: Final = _Layout("big", 4, ">H", ">I", _entry(">", 4))
# By a file's first bytes. Those with the 42 turned around are read, too, as the decoder does.
_LAYOUTS: Final = {
    b"II*\0": _LITTLE,
    b"II\0*": _LITTLE,
    b"MM\0*": _BIG,
    b"MM*\0": _BIG,
    b"II+\0": _Layout("little", 8, "<Q", "<Q", _entry("<", 8)),
}


@dataclass(frozen=True)
class _Directory:
    """Where a directory lies, and where in it the offset of the next one; None: the directory is damaged."""

    offset: int
    next: int | None
    is_page: bool


@dataclass(frozen=True)
class Pages:
    """The pages of an encoded picture, numbered from 1; made by `split`.

    Attributes:
        encoded: the whole picture.
        layout: of its numbers.
        directories: of its pages; none: the picture as it is is the one page.
    """

    encoded: bytes
    layout: _Layout = _LITTLE
    directories: tuple[_Directory, ...] = ()

    def __len__(self) -> int:
        return max(1, len(self.directories))

    def page(self, number: int) -> bytes:
        """Returns a page as an encoded picture that has no other page.

        Raises:
            CheckreaderError: there is no such page, or its directory is damaged.
        """
        if not 1 <= number <= len(self):
            raise CheckreaderError(f"no page {number}: the picture has {len(self)}")
        if not self.directories:
            return self.encoded
        directory = self.directories[number - 1]
        if directory.next is None:
            raise CheckreaderError(
                "damaged TIFF picture: the page's directory lies outside the file; copy or save it again"
            )
        header, width = self.layout.header, struct.calcsize(self.layout.offset)
        rest = memoryview(self.encoded)
        parts = (
            rest[:header],
            struct.pack(self.layout.offset, directory.offset),
            rest[header + width : directory.next],
            bytes(width),
            rest[directory.next + width :],
        )
        return b"".join(parts)

    def where(self, number: int) -> str:
        """Returns what an error about a page begins with: "page 2 of 3: ", or nothing if there is one page."""
        return f"page {number} of {len(self)}: " if len(self) > 1 else ""

    def each(self, read: Callable[[bytes], T]) -> Iterator[tuple[int, T | CheckreaderError]]:
        """Reads the pages one after the other; what is wrong with one does not keep the others from being read.

        Args:
            read: a function of a page, an encoded picture.

        Yields:
            A page's number, and what `read` returned or the error it raised, which names the page.
        """
        for number in range(1, len(self) + 1):
            try:
                yield number, read(self.page(number))
            except CheckreaderError as error:
                yield number, type(error)(f"{self.where(number)}{error}")


def split(encoded: bytes) -> Pages:
    """Finds the pages of a picture; their pixels are not decoded.

    Args:
        encoded: as `codec.decode` takes it. All but a TIFF has one page, and so has what is no picture.

    Raises:
        CheckreaderError: a TIFF of more than `MAX_PAGES`.
    """
    layout = _LAYOUTS.get(encoded[:4])
    if layout is None:
        return Pages(encoded)
    directories = list(_walk(encoded, layout))
    if len(directories) < 2 or directories[0].next is None:
        return Pages(encoded)  # one image, or none: `decode` says what is wrong with it
    pages = tuple(directory for directory in directories if directory.is_page)
    return Pages(encoded, layout, pages or tuple(directories[:1]))


def only_page(encoded: bytes) -> bytes:
    """Returns the page of a picture that must have one, as an encoded picture.

    Raises:
        CheckreaderError: it has several.
    """
    pages = split(encoded)
    if len(pages) > 1:
        raise CheckreaderError(f"{len(pages)} pages where one picture is expected: save each as its own file")
    return pages.page(1)


def _walk(encoded: bytes, layout: _Layout) -> Iterator[_Directory]:
    """Yields the directories along the chain, which ends where it comes back to itself; a damaged one is the last."""
    offsets: set[int] = set()
    unread = len(encoded)  # Directories that take more than the file has lie over each other.
    offset = _number(encoded, layout.header, layout.offset)
    while offset and offset not in offsets:
        if len(offsets) == MAX_PAGES:
            raise CheckreaderError(f"too many pages: of a TIFF at most {MAX_PAGES:,} are read: split it")
        entries = _entries(encoded, layout, offset)
        unread -= 0 if entries is None else _size(entries)
        if entries is None or (offsets and unread < 0):
            yield _Directory(offset, None, True)
            return
        offsets.add(offset)
        end = offset + struct.calcsize(layout.count) + entries.nbytes
        subfile, old = (_value(entries, tag, layout) for tag in (_SUBFILE, _OLD_SUBFILE))
        yield _Directory(offset, end, not subfile & (_THUMBNAIL | _MASK) and old != _OLD_THUMBNAIL)
        offset = _number(encoded, end, layout.offset)


def _entries(encoded: bytes, layout: _Layout, offset: int) -> npt.NDArray[np.void] | None:
    """Returns the entries of a directory, or None if it or the offset behind it is not within the file."""
    start = offset + struct.calcsize(layout.count)
    least = layout.header + struct.calcsize(layout.offset)
    if offset < least or start > len(encoded):
        return None
    count = _number(encoded, offset, layout.count)
    if start + count * layout.entry.itemsize + struct.calcsize(layout.offset) > len(encoded):
        return None
    return np.frombuffer(encoded, layout.entry, count, start)


def _size(entries: npt.NDArray[np.void]) -> int:
    """Returns how many bytes a directory's entries and the values outside of them take."""
    sizes = _SIZES[np.minimum(entries["type"], len(_SIZES) - 1)] * entries["count"].astype(np.float64)
    return entries.nbytes + int(sizes[sizes > entries.dtype["value"].itemsize].sum())


def _value(entries: npt.NDArray[np.void], tag: int, layout: _Layout) -> int:
    """Returns a tag's number, 0 if it is absent."""
    rows: list[Any] = entries[entries["tag"] == tag].tolist()
    if not rows:
        return 0
    _, kind, _, value = rows[0]
    return int.from_bytes(value[: _SIZES[min(kind, len(_SIZES) - 1)]], layout.order)


def _number(encoded: bytes, position: int, number: str) -> int:
    """Returns the number of that `struct` format at a position, 0 beyond the end."""
    if position + struct.calcsize(number) > len(encoded):
        return 0
    (value,) = struct.unpack_from(number, encoded, position)
    return int(value)
