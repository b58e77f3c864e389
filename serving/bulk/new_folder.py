"""Writes a folder whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from serving.errors import CheckreaderError, naming


def require_new(folder: Path) -> None:
    """Raises CheckreaderError if a folder cannot become a new one: it holds something, or is a file."""
    if folder.exists() and not folder.is_dir():
        raise CheckreaderError(f"{folder}: not a folder: name a new or an empty one")
    if folder.is_dir() and any(folder.iterdir()):
        raise CheckreaderError(f"{folder}: not empty: name a new or an empty folder")


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yields a hidden folder beside, which takes the place of `folder` when the block ends well; else it goes.

    Only its owner can read it: it holds pictures.

    Args:
        folder: new or empty; the folders above it are made.

    Raises:
        CheckreaderError: it holds something, or is a file.
        OSError: it cannot be written; the error names the file in `folder`.
    """
    require_new(folder)
    folder = folder.resolve()
    hidden = folder.with_name(f".{folder.name}.new")
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(hidden, ignore_errors=True)  # of a run that was killed
    try:
        with naming(folder, hidden):
            hidden.mkdir(mode=0o700)
            yield hidden
            if folder.exists():
                folder.rmdir()
            hidden.rename(folder)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
