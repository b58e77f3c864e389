"""Keeps a release as it was before its last change, and puts it back: `checkreader release --roll-back`.

The copy lies inside the models folder, in `BEFORE`, and is as complete as the release itself. Putting it back exchanges
the two, so that the same command also undoes a roll-back. The manifest goes last: a running service sees the one release
or the other. A change is what decides how pictures are read or accepted, not what was measured of it. Files that are
none of a release stay where they are.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Final

from pipeline.release import models_folder
from serving.errors import CheckreaderError, naming
from serving.manifest import NAME, Manifest, decode

BEFORE: Final = "before"  # inside a models folder
_NEW: Final = ".before.new"


def save(models: Path) -> None:
    """Copies the release in a models folder to `BEFORE`, in the place of what was kept there; an empty folder has none."""
    paths = models_folder.files(models)
    if not paths:
        return
    _copy(models, paths)
    forget(models)
    _keep_copy(models, paths)


def forget(models: Path) -> None:
    """Removes the copy of the release before."""
    before = models / BEFORE
    models_folder.remove(before, _files(before))
    with contextlib.suppress(OSError):  # a user's own files are in it, or it is not there
        before.rmdir()


def roll_back(models: Path) -> Manifest:
    """Exchanges the release in a models folder with the one before.

    Returns:
        The manifest that holds now.

    Raises:
        CheckreaderError: there is none before, or the folder cannot be written.
    """
    before = models / BEFORE
    if not (before / NAME).is_file():
        raise CheckreaderError(f"{models}: nothing to roll back to: {before} holds no release")
    manifest = decode((before / NAME).read_bytes(), str(before / NAME))
    models_folder.require_writable(models)
    paths, restored = _files(models), models_folder.files(before)
    _copy(models, paths)
    models_folder.move(before, models, restored)
    models_folder.remove(models, paths - restored)
    _keep_copy(models, paths)
    return manifest


def _copy(models: Path, paths: set[Path]) -> None:
    copy = models / _NEW
    shutil.rmtree(copy, ignore_errors=True)
    with naming(models, copy):
        try:
            copy.mkdir()
            models_folder.copy(models, copy, paths)
        except BaseException:
            shutil.rmtree(copy, ignore_errors=True)
            raise


def _keep_copy(models: Path, paths: set[Path]) -> None:
    models_folder.move(models / _NEW, models / BEFORE, paths)
    (models / _NEW).rmdir()


def _files(folder: Path) -> set[Path]:
    """Lists a release's files; of one with a garbled manifest, which a roll-back mends, that alone."""
    try:
        return models_folder.files(folder)
    except CheckreaderError:
        return {Path(NAME)}
