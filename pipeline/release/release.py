"""Copies a verified run into `models/`; nothing else writes there.

    checkreader release --run mnist

The new version's folder is written first and the manifest renamed into place
last: whoever watches the manifest never sees half a release. A release of one
task leaves the other tasks' models, records and golden sets as they are; what
the models of a task bring is in the file of its name.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.export.formats import models as models_of
from pipeline.networks import spec
from pipeline.networks.spec import Task
from pipeline.release import digit, fast, field, model_card
from pipeline.release.artifacts import RECORDS, RELEASED, without
from pipeline.release.previous import forget, kept
from pipeline.run import Run, write_bytes
from serving.errors import CheckreaderError
from serving.manifest import NAME, Manifest, Model
from serving.manifest import decode as decode_manifest

# How the files of each task's release are written.
_WRITERS: Final = {"digit": digit.write, "field": field.write, "fast": fast.write}


def release(run: Run, models: Path, keep: bool = False) -> dict[str, Any]:
    """Writes `models/` from a run, of either task.

    Args:
        run: a run whose every stage is done and whose verification passed.
        models: the folder to fill.
        keep: leave the version before in place, under the label `previous`.

    Returns:
        The manifest.

    Raises:
        CheckreaderError: a stage is missing, its files have changed, a bound is broken, or it is not a digit
            run and there is no digit model to stand beside.
    """
    reads = spec.task_of_run(run)
    records = run.records()
    if not records["verify"]["passed"]:
        raise CheckreaderError(
            f"{run / 'verify.json'}: not released: {records['verify']['broken'][0]}: see `checkreader verify --explain`"
        )
    refused = records["export"]["refused"]
    for name in RELEASED[reads.name]:
        if name in refused:
            raise CheckreaderError(f"{run.path}: not released: {name} could not be exported: {refused[name]}")
    previous = _previous(models)
    if reads is not spec.DIGIT and previous is None:
        raise CheckreaderError(
            f"{models}: not released: a {reads.name} model stands beside a digit model: "
            "release a digit run there first"
        )
    version = str(_last_version(previous, reads) + 1)
    new = models.with_name(f".{models.name}.new")  # all of it is written before any of it takes its place
    shutil.rmtree(new, ignore_errors=True)
    try:
        manifest = _WRITERS[reads.name](run, new, version, records, previous)
        earlier = _earlier(previous, models, new, reads, keep)
        manifest = msgspec.structs.replace(manifest, previous=earlier)
        write_bytes(new / "README.md", _card(manifest, new, models).encode())
        write_bytes(new / NAME, _encoded(manifest))
        written = [path for path in new.rglob("*") if path.is_file()]
        for path in sorted(written, key=lambda path: path == new / NAME):
            target = models / path.relative_to(new)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    for path in (models / RECORDS[reads.name]).glob("*.json"):
        if path.stem not in records:  # of a stage that this run has not
            path.unlink()
    for name in models_of(reads.name):
        before = earlier.get(name)
        _remove_other_versions(models, name, {version} | ({before.version} if before else set()))
    if not keep:
        forget(models, reads)
    return dict(json.loads(_encoded(manifest)))


def _earlier(before: Manifest | None, models: Path, new: Path, reads: Task, keep: bool) -> dict[str, Model]:
    """The versions before: those of the other tasks' models stay as they are."""
    if before is None:
        return {}
    return without(before.previous, reads) | (kept(before, models, new, reads) if keep else {})


def _encoded(manifest: Manifest) -> bytes:
    """The manifest as JSON that people can read, too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def _card(manifest: Manifest, new: Path, models: Path) -> str:
    """The model card, from the new records and, of what is not released anew, from those in `models`."""

    def records(place: str) -> dict[str, Any]:
        return model_card.records((new if (new / place / "train.json").exists() else models) / place)

    fields = records(RECORDS["field"]) if spec.FIELD.model in manifest.models else None
    return model_card.model_card(records(RECORDS["digit"]), manifest, fields)


def _previous(models: Path) -> Manifest | None:
    path = models / NAME
    return decode_manifest(path.read_bytes(), str(path)) if path.exists() else None


def _models(previous: Manifest | None) -> Mapping[str, Model]:
    return {} if previous is None else previous.models


def _last_version(previous: Manifest | None, reads: Task) -> int:
    own = models_of(reads.name)
    return max((int(model.version) for name, model in _models(previous).items() if name in own), default=0)


def _remove_other_versions(models: Path, name: str, versions: set[str]) -> None:
    for folder in (models / "repository" / name).glob("*/"):
        if folder.name not in versions:
            shutil.rmtree(folder)
