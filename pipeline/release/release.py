"""Releases a verified run into `models/`; nothing else writes there.

    checkreader release --run mnist

The new version's folder is written first and the manifest renamed into place
last: whoever watches the manifest never sees half a release. A release of one
task leaves the other tasks' models, records and golden sets as they are; the
module of each task's name says what its models bring.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from pipeline.export.formats import models as models_of
from pipeline.networks import spec
from pipeline.networks.spec import Task
from pipeline.records import ExportRecord, FieldRecords, Records, VerifyRecord, convert
from pipeline.release import documents
from pipeline.release.artifacts import TaskRelease, other_models, records_folder
from pipeline.release.previous import forget, keep
from pipeline.run import Run, write_bytes
from serving.errors import CheckreaderError
from serving.manifest import NAME, Manifest, Model
from serving.manifest import decode as decode_manifest


def release(run: Run, models: Path, task_release: TaskRelease, keep_previous: bool = False) -> dict[str, Any]:
    """Writes `models/` from a run.

    Args:
        run: a run whose every stage is done and whose verification passed.
        models: the folder to fill.
        task_release: of the run's task.
        keep_previous: leave the version before in place, under the label `previous`.

    Returns:
        The manifest.

    Raises:
        CheckreaderError: a stage is missing, its files have changed, a bound is broken, or it is not a digit
            run and there is no digit model to go with.
    """
    task = task_release.task
    records = run.records()
    verified = convert(records["verify"], VerifyRecord, run / "verify.json")
    if not verified.passed:
        raise CheckreaderError(
            f"{run / 'verify.json'}: not released: {verified.broken[0]}: see `checkreader verify --explain`"
        )
    refused = convert(records["export"], ExportRecord, run / "export.json").refused
    for name in task_release.files:
        if name in refused:
            raise CheckreaderError(f"{run.path}: not released: {name} could not be exported: {refused[name]}")
    previous = _previous(models)
    if task is not spec.DIGIT and previous is None:
        raise CheckreaderError(
            f"{models}: not released: a {task.name} model stands beside a digit model: "
            "release a digit run there first"
        )
    version = str(_last_version(previous, task) + 1)
    new = models.with_name(f".{models.name}.new")  # all of it is written before any of it takes its place
    shutil.rmtree(new, ignore_errors=True)
    try:
        manifest = task_release.write(run, new, version, records, previous)
        earlier = {}
        if previous is not None:
            earlier = other_models(previous.previous, task)
            if keep_previous:
                earlier |= keep(previous, models, new, task_release)
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
    for path in records_folder(models, task.name).glob("*.json"):
        if path.stem not in records:  # of a stage that this run has not
            path.unlink()
    for name in models_of(task.name):
        before = earlier.get(name)
        _remove_other_versions(models, name, {version} | ({before.version} if before else set()))
    if not keep_previous:
        forget(models, task_release)
    return dict(json.loads(_encoded(manifest)))


def _encoded(manifest: Manifest) -> bytes:
    """Writes the manifest as JSON that people can read, too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def _card(manifest: Manifest, new: Path, models: Path) -> str:
    """Renders the model card from the new records and, of tasks that are not released anew, from those in `models`."""

    def folder(task: str) -> Path:
        released = records_folder(new, task)
        return released if (released / "train.json").exists() else records_folder(models, task)

    field_records = None
    if spec.FIELD.model in manifest.models:
        field_records = documents.read_records(folder("field"), FieldRecords)
    return documents.model_card(documents.read_records(folder("digit"), Records), manifest, field_records)


def _previous(models: Path) -> Manifest | None:
    path = models / NAME
    return decode_manifest(path.read_bytes(), str(path)) if path.exists() else None


def _models(previous: Manifest | None) -> Mapping[str, Model]:
    return {} if previous is None else previous.models


def _last_version(previous: Manifest | None, task: Task) -> int:
    names = models_of(task.name)
    return max((int(model.version) for name, model in _models(previous).items() if name in names), default=0)


def _remove_other_versions(models: Path, name: str, versions: set[str]) -> None:
    for folder in (models / "repository" / name).glob("*/"):
        if folder.name not in versions:
            shutil.rmtree(folder)
