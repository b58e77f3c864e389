"""Keeps the version before a new release, for those who ask for the label `previous`.

Its ONNX files stay where they are, and its golden set moves to `golden/previous/`, so that it is still checked
when it is loaded.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from pipeline.export.formats import models as models_of
from pipeline.release.artifacts import TaskRelease
from pipeline.run import write_bytes
from serving.manifest import Golden, Manifest, Model


def keep(before: Manifest, models: Path, new: Path, release: TaskRelease) -> dict[str, Model]:
    """Copies the golden set of the version before into the new release.

    Args:
        before: the manifest of the last release.
        models: its folder.
        new: where the files of the new release are put together.
        release: of the task whose models are released.

    Returns:
        The manifest's entries of the version before.
    """
    names = models_of(release.task.name)
    kept = {name: model for name, model in before.models.items() if name in names}
    if not kept:
        return {}
    entry = next(iter(kept.values())).golden or before.golden[release.golden]
    path = release.previous_golden
    source, target = (models / entry.path).parent, (new / path).parent
    content = (models / entry.path).read_bytes()
    write_bytes(new / path, content)
    for name in release.pictures(content):
        shutil.copyfile(source / name, target / name)
    golden = Golden(path.as_posix(), entry.sha256)
    return {
        name: msgspec.structs.replace(
            model,
            artifacts=[artifact for artifact in model.artifacts if artifact.runtime == "onnxruntime"],
            golden=golden,
        )
        for name, model in kept.items()
    }
