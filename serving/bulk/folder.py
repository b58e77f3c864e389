"""Walks a folder and tells its pictures from what else lies there.

A file is a picture if its name says so, or else its first bytes. So a damaged `.png` is a picture that cannot be
read, and a scan without an extension is read; `README.txt`, `Thumbs.db` and `._scan.png` are passed over.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from serving.errors import CheckreaderError
from serving.images.containers import container

MAX_BYTES: Final = 2**28  # of a file; 50 megapixels fit uncompressed
# Extensions of what is read, and of pictures and documents in formats that are not: these are errors that say what
# to do with the file.
_READ: Final = "bmp dib jfif jpe jpeg jpg png tif tiff webp"
_NOT_READ: Final = (
    "avif dcm djv djvu eps exr gif heic heif j2k jp2 jpf jxl jxr pbm pdf pgm pnm ppm ps psd svg wdp xps"
)
_EXTENSIONS: Final = frozenset(f".{name}" for name in f"{_READ} {_NOT_READ}".split())
_MAGIC: Final = 16  # bytes that tell a picture's format
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Entry(NamedTuple):
    """A file below a folder, its name relative to it; what is no picture is passed over."""

    name: str
    is_picture: bool


def walk(folder: str) -> Iterator[Entry]:
    """Yields what lies below a folder, with slashes: a directory's files before its subdirectories, each by name.

    Hidden files and directories (.name), links to directories, pipes and devices are passed over. A directory that
    cannot be listed is given as if it were a picture, and so is a file of which nothing can be told.

    Raises:
        OSError: the folder itself cannot be listed.
    """
    pending = deque([""])
    while pending:
        directory = pending.popleft()
        try:
            with os.scandir(Path(folder, directory)) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            if not directory:
                raise
            yield Entry(directory, True)
            continue
        prefix = f"{directory}/" if directory else ""
        folders = []
        for child in children:
            if child.name.startswith("."):
                yield Entry(prefix + child.name, False)
            elif child.is_dir(follow_symlinks=False):
                folders.append(prefix + child.name)
            else:
                yield Entry(prefix + child.name, _is_picture(child))
        pending.extendleft(reversed(folders))


def _is_picture(entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_file():  # a pipe or the like, or a link that leads nowhere
            return entry.is_symlink() and not Path(entry.path).exists()
        if PurePath(entry.name).suffix.lower() in _EXTENSIONS:
            return True
        with Path(entry.path).open("rb") as file:
            return container(file.read(_MAGIC)) is not None
    except OSError:
        return True


def read_file(path: Path) -> bytes:
    """Reads a file; raises OSError, or CheckreaderError if it is too large for a picture."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise CheckreaderError(f"file too large for a picture: at most {MAX_BYTES:,} bytes are read")
    return content


def display_name(file: str) -> str:
    r"""Returns a file's name as text of one line; bytes of it that are no UTF-8 are written as \xff."""
    return one_line(os.fsencode(file).decode("utf-8", "backslashreplace"))


def one_line(text: str) -> str:
    r"""Writes control characters and line breaks as \n, \x00 and the like."""
    return _CONTROLS.sub(lambda match: repr(match.group())[1:-1], text)
