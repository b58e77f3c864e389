"""Releases a verified run into a models folder.

    checkreader release --run mnist

The new version's folder is written first and the manifest renamed into place
last: whoever watches the manifest never sees half a release. A release of one
task leaves the other tasks' models, records and golden sets as they are; the
module of each task's name says what its models bring.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from pipeline.export.formats import models as models_of
from pipeline.networks.spec import Task
from pipeline.records import ExportRecord, VerifyRecord, convert
from pipeline.release import models_folder, roll_back
from pipeline.release.artifacts import OWN_RECORDS, TaskRelease, other_models, records_folder
from pipeline.release.card import render_card
from pipeline.release.previous import keep
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
        keep_previous: serve the version before under the label `previous`, and keep the whole release before, so
            that `roll_back` can bring it back.

    Returns:
        The manifest.

    Raises:
        CheckreaderError: a stage is missing, its files have changed, a bound is broken, or the folder has files in it
            and no models.
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
    previous, paths = _previous(models), models_folder.files(models)
    version = str(_last_version(models, previous, task) + 1)
    with models_folder.staged(models) as new:
        manifest = task_release.write(run, new, version, records, previous)
        earlier = {}
        if previous is not None:
            earlier = other_models(previous.previous, task)
            if keep_previous:
                earlier |= keep(previous, models, new, task_release)
        manifest = msgspec.structs.replace(manifest, previous=earlier)
        tasks = {manifest.models[name].task for name in models_of(task.name) if name in manifest.models}
        write_bytes(new / models_folder.CARD, render_card(manifest, new, models, tasks).encode())
        write_bytes(new / NAME, encoded(manifest))
        if keep_previous:
            roll_back.save(models)
        else:
            roll_back.forget(models)
    # Files that the new manifest does not name, records of stages that this run has not, and what was measured on
    # the models before.
    folders = {
        records_folder(Path(), task.name): records.keys(),
        **{OWN_RECORDS / name: () for name in tasks},
    }
    outdated = {path for path in paths if path.parent in folders and path.stem not in folders[path.parent]}
    models_folder.remove(models, (paths - models_folder.files(models)) | outdated)
    return dict(json.loads(encoded(manifest)))


def encoded(manifest: Manifest) -> bytes:
    """Writes the manifest as JSON that people can read, too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def _previous(models: Path) -> Manifest | None:
    path = models / NAME
    return decode_manifest(path.read_bytes(), str(path)) if path.exists() else None


def _models(previous: Manifest | None) -> Mapping[str, Model]:
    return {} if previous is None else previous.models


def _last_version(models: Path, previous: Manifest | None, task: Task) -> int:
    """Returns the task's highest version in the release and in the one before, which a roll-back may have left there."""
    names = models_of(task.name)
    manifests = (previous, _previous(models / roll_back.BEFORE))
    return max(
        (
            int(model.version)
            for release in manifests
            for name, model in _models(release).items()
            if name in names
        ),
        default=0,
    )
