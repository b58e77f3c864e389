"""The version before, kept beside a new release for those who ask for the label `previous`.

Its ONNX files stay where they are, and its golden set moves to `golden/previous/`, so that it is still checked
when it is loaded.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import msgspec

from pipeline.export.formats import models as models_of
from pipeline.networks.spec import FIELD, Task
from pipeline.run import write_bytes
from serving.manifest import Golden, GoldenDigits, GoldenFields, Manifest, Model

# The golden set of each task's version before; pictures of two sets may have the same names.
_PLACES: Final = {
    "digit": Path("golden/previous/digits.json"),
    "field": Path("golden/previous/fields.json"),
    "fast": Path("golden/previous/fast/digits.json"),
}


def forget(models: Path, reads: Task) -> None:
    """Removes the golden set of a version before."""
    path = models / _PLACES[reads.name]
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
    names = models_of(reads.name)
    found = {name: model for name, model in before.models.items() if name in names}
    if not found:
        return {}
    entry = next(iter(found.values())).golden or before.golden["fields" if reads is FIELD else "digits"]
    path = _PLACES[reads.name]
    source, target = (models / entry.path).parent, (new / path).parent
    content = (models / entry.path).read_bytes()
    write_bytes(new / path, content)
    for name in _pictures(content, reads):
        shutil.copyfile(source / name, target / name)
    own = Golden(path.as_posix(), entry.sha256)
    return {
        name: msgspec.structs.replace(
            model, artifacts=[one for one in model.artifacts if one.runtime == "onnxruntime"], golden=own
        )
        for name, model in found.items()
    }


def _pictures(content: bytes, reads: Task) -> list[str]:
    """The pictures that a golden set names."""
    if reads is FIELD:
        return [one.file for one in msgspec.json.decode(content, type=GoldenFields).fields]
    return [one.file for one in msgspec.json.decode(content, type=GoldenDigits).digits]
