"""Keeps a models folder as it was before its last change, and puts it back: `checkreader release --roll-back`.

The copy lies inside, in `BEFORE`, and is as complete as the folder itself. Putting it back exchanges the two, so that
the same command also undoes a roll-back. The manifest goes last: a running service sees the one release or the other.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from serving.errors import CheckreaderError
from serving.manifest import NAME, Manifest, decode

BEFORE: Final = "before"  # inside a models folder
_NEW: Final = ".before.new"


def save(models: Path) -> None:
    """Copies the release in a models folder to `BEFORE`, in the place of what was kept there; an empty folder has none."""
    if not (models / NAME).exists():
        return
    _copy(models, models / _NEW)
    forget(models)
    (models / _NEW).rename(models / BEFORE)


def forget(models: Path) -> None:
    """Removes the copy of the release before."""
    shutil.rmtree(models / BEFORE, ignore_errors=True)


def roll_back(models: Path) -> Manifest:
    """Exchanges the release in a models folder with the one before.

    Returns:
        The manifest that holds now.

    Raises:
        CheckreaderError: there is none before.
    """
    before = models / BEFORE
    if not (before / NAME).is_file():
        raise CheckreaderError(f"{models}: nothing to roll back to: {before} holds no release")
    manifest = decode((before / NAME).read_bytes(), str(before / NAME))
    _copy(models, models / _NEW)
    returned = _files(before)
    for path in returned:
        target = models / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (before / path).replace(target)
    for path in _files(models / _NEW):
        if path not in set(returned):
            (models / path).unlink()
    forget(models)
    for folder in sorted((path for path in models.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    (models / _NEW).rename(before)
    return manifest


def _copy(models: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for path in _files(models):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(models / path, target / path)


def _files(folder: Path) -> list[Path]:
    """Lists a release's files, the manifest last; relative paths, without those of the copies."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    kept = [path for path in paths if path.parts[0] not in (BEFORE, _NEW)]
    return sorted(kept, key=lambda path: (path == Path(NAME), path))
