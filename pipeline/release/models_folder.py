"""Says which files of a models folder are a release's, and puts others in their place; a user's own stay.

A release's are the manifest, the files that it names, what Triton reads beside them, the golden pictures, the records,
the card and its pictures. Nothing here needs more than `serving` does: a roll-back runs where no training does.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from pipeline.release.artifacts import RECORDS
from pipeline.run import STAGES
from serving.errors import CheckreaderError, naming
from serving.manifest import NAME, Manifest, decode

CARD: Final = "README.md"
_PICTURES: Final = {"digits": "readings.png", "fields": "amount.png"}  # the card's, by golden set
_TRITON: Final = ("config.pbtxt", "labels.txt")
_NEW: Final = ".new"  # inside a models folder, which may be a mount: nothing beside it is on the same disk


class _Picture(msgspec.Struct):
    file: str


class _GoldenSet(msgspec.Struct):
    digits: list[_Picture] = []
    fields: list[_Picture] = []
    checks: list[_Picture] = []


def require_room(folder: Path) -> None:
    """Refuses a folder that is no place for models: one with files, and no manifest among them.

    Raises:
        CheckreaderError: it is such a folder, or a file.
    """
    if folder.exists() and not folder.is_dir():
        raise CheckreaderError(f"{folder}: is a file: name a folder for the models")
    if not folder.is_dir() or (folder / NAME).exists():
        return
    files = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    if any(path.parts[0] != _NEW for path in files):  # an empty folder inside, such as lost+found, is no harm
        raise CheckreaderError(
            f"{folder}: has files in it, and no models ({NAME}): name a new or an empty folder"
        )


def require_writable(folder: Path) -> None:
    """Refuses a folder that nothing can be written into.

    Raises:
        CheckreaderError: it is read-only, say.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CheckreaderError(f"{folder}: cannot be written: {error.strerror}") from None


def files(folder: Path) -> set[Path]:
    """Lists a release's files that are there, relative to its folder; none without a manifest.

    Raises:
        CheckreaderError: the manifest is garbled.
    """
    if not (folder / NAME).is_file():
        return set()
    manifest = decode((folder / NAME).read_bytes(), str(folder / NAME))
    names = {
        Path(NAME),
        Path(CARD),
        *(Path(_PICTURES[kind]) for kind in manifest.golden if kind in _PICTURES),
    }
    for name, model in (*manifest.models.items(), *manifest.previous.items()):
        names |= {Path(artifact.path) for artifact in model.artifacts}
        names |= {Path("repository", name, file) for file in _TRITON}
    for path in _golden_sets(manifest):
        names |= {path, *(path.parent / picture for picture in _golden_pictures(folder / path))}
    stages = {*STAGES, "calibrate"}
    names |= {path.relative_to(folder) for path in (folder / RECORDS).rglob("*.json") if path.stem in stages}
    # A manifest from elsewhere may name files outside.
    inside = (path for path in names if not path.is_absolute() and ".." not in path.parts)
    return {path for path in inside if (folder / path).is_file()}


def _golden_sets(manifest: Manifest) -> set[Path]:
    models = (*manifest.models.values(), *manifest.previous.values())
    entries = (*manifest.golden.values(), *(model.golden for model in models if model.golden is not None))
    return {Path(entry.path) for entry in entries}


def _golden_pictures(path: Path) -> list[str]:
    """Returns the names of a golden set's pictures; none where it cannot be read, which a roll-back may mend."""
    try:
        golden = msgspec.json.decode(path.read_bytes(), type=_GoldenSet)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [picture.file for picture in (*golden.digits, *golden.fields, *golden.checks)]


@contextlib.contextmanager
def staged(models: Path) -> Iterator[Path]:
    """Yields an empty folder whose files take their places in a models folder when the block ends well.

    All of it is written before any of it takes its place, and the manifest goes last: whoever watches it never sees half
    a release. A failure leaves what was there before; an `OSError` names the file in the models folder.

    Args:
        models: the folder; created if missing.

    Raises:
        CheckreaderError: it is no place for models, or cannot be written.
    """
    require_room(models)
    created = [folder for folder in (models, *models.parents) if not folder.exists()]
    new = models / _NEW
    try:
        models.mkdir(parents=True, exist_ok=True)
        require_writable(models)
        shutil.rmtree(new, ignore_errors=True)
        with naming(models, new):
            new.mkdir()
            yield new
            move(new, models, {path.relative_to(new) for path in new.rglob("*") if path.is_file()})
    finally:
        shutil.rmtree(new, ignore_errors=True)
        with contextlib.suppress(OSError):  # not empty
            for folder in created:
                folder.rmdir()


def copy(source: Path, target: Path, paths: Iterable[Path]) -> None:
    """Copies files from folder to folder."""
    for path in paths:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / path)


def move(source: Path, target: Path, paths: Iterable[Path]) -> None:
    """Moves files from folder to folder of the same disk, the manifest last, and removes folders that this empties."""
    for path in sorted(paths, key=lambda path: (path == Path(NAME), path)):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).replace(target / path)
        _prune(source, path)


def remove(folder: Path, paths: Iterable[Path]) -> None:
    """Removes files, and the folders inside that this empties."""
    for path in paths:
        (folder / path).unlink(missing_ok=True)
        _prune(folder, path)


def _prune(folder: Path, path: Path) -> None:
    with contextlib.suppress(OSError):  # not empty, or not there
        for parent in path.parents[:-1]:
            (folder / parent).rmdir()
