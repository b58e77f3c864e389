"""The version before, kept beside a new release for those who ask for the label `previous`.

Its ONNX files stay where they are, and its golden set moves to `golden/previous/`, so that it is still checked
when it is loaded.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import msgspec

from pipeline.run import write_bytes
from pipeline.task import FIELD, Task
from serving.manifest import Golden, GoldenDigits, GoldenFields, Manifest, Model

FOLDER: Final = Path("golden/previous")


def forget(models: Path, reads: Task) -> None:
    """Removes the golden set of a version before."""
    path = models / FOLDER / f"{_kind(reads)}.json"
    if path.exists():
        for name in _pictures(path.read_bytes(), reads):
            (path.parent / name).unlink(missing_ok=True)
        path.unlink()


def kept(before: Manifest, models: Path, new: Path, reads: Task) -> dict[str, Model]:
    """What the manifest says of the version before.

    Args:
        before: the manifest of the last release.
        models: its folder.
        new: where the files of the new release are put together; the old golden set is copied there.
        reads: the task whose models are released.
    """
    kind = _kind(reads)
    entry = before.golden[kind]
    source, target = (models / entry.path).parent, new / FOLDER
    content = (models / entry.path).read_bytes()
    write_bytes(target / f"{kind}.json", content)
    for name in _pictures(content, reads):
        shutil.copyfile(source / name, target / name)
    own = Golden((FOLDER / f"{kind}.json").as_posix(), entry.sha256)
    return {
        name: msgspec.structs.replace(
            model, artifacts=[one for one in model.artifacts if one.runtime == "onnxruntime"], golden=own
        )
        for name, model in before.models.items()
        if (model.task == "field") == (reads is FIELD)
    }


def _kind(reads: Task) -> str:
    return "fields" if reads is FIELD else "digits"


def _pictures(content: bytes, reads: Task) -> list[str]:
    """The pictures that a golden set names."""
    if reads is FIELD:
        return [one.file for one in msgspec.json.decode(content, type=GoldenFields).fields]
    return [one.file for one in msgspec.json.decode(content, type=GoldenDigits).digits]
