"""Copies a run's exported files and records into a release; what every task's release shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.export.formats import FOLDER, TABLE, models
from pipeline.networks.spec import Task
from pipeline.run import Run, sha256, write_bytes
from serving import __version__
from serving.manifest import SCHEMA, Artifact, Manifest, Model

RECORDS: Final = Path("records")  # a digit run's; those of other tasks lie in folders inside
OWN_RECORDS: Final = RECORDS / "own"  # of what a user measured and calibrated on released models
# The names of the tasks' golden sets in the manifest.
GOLDEN: Final = {"digit": "digits", "field": "fields", "micr": "lines", "check": "checks"}
_PREVIOUS: Final = Path("golden/previous")  # golden sets of the versions before


@dataclasses.dataclass(frozen=True)
class TaskRelease:
    """States how a run of a task is released.

    Attributes:
        task: which one.
        files: the released formats, each with its path below `models/`.
        pictures: golden set, as bytes → the names of its pictures.
        write: (run, empty folder, version, records by stage as JSON, manifest before) → manifest; writes the release
            into the folder. The other models of the manifest before stay; None: there are none.
    """

    task: Task
    files: Mapping[str, str]
    pictures: Callable[[bytes], list[str]]
    write: Callable[[Run, Path, str, dict[str, Any], Manifest | None], Manifest]

    @property
    def golden(self) -> str:
        """The name of its golden set in the manifest."""
        return GOLDEN[self.task.name]

    @property
    def previous_golden(self) -> Path:
        """The file below `models/` that keeps the golden set of the version before.

        It lies in a folder of its own: the pictures of two sets may have the same names.
        """
        return _PREVIOUS / f"{self.golden}.json"


def records_folder(models: Path, task: str) -> Path:
    """Returns the folder of a released run's records."""
    return models / RECORDS if task == "digit" else models / RECORDS / task


def copy(
    run: Run, files: Mapping[str, str], folder: Path, version: str, task: Task
) -> dict[str, list[Artifact]]:
    """Copies the exported files that are released into an empty folder.

    Args:
        run: an exported run.
        files: the released formats, each with its path.
        folder: the empty one.
        version: of the release's models.
        task: the run's.

    Returns:
        The manifest's entries by model.
    """
    artifacts: dict[str, list[Artifact]] = {}
    for row in TABLE[task.name]:
        if row.name in files:
            path = Path(files[row.name].format(version=version))
            targets = {row.file: path} | {file: path.with_name(file) for file, _ in row.companions}
            for file, target in targets.items():
                write_bytes(folder / target, (run / FOLDER / file).read_bytes())
                size = (folder / target).stat().st_size
                entry = Artifact(str(target), sha256(folder / target), size, row.name, row.runtime, row.type)
                artifacts.setdefault(row.model, []).append(entry)
    return artifacts


def write_records(records: dict[str, Any], folder: Path) -> None:
    """Writes the records of a run, without what names a folder of this machine."""
    for stage, record in records.items():
        public = {key: entry for key, entry in record.items() if key != "data_dir"}
        write_bytes(folder / f"{stage}.json", msgspec.json.encode(public) + b"\n")  # compact: room is scarce


def beside(previous: Manifest | None, task: Task, packages: dict[str, str]) -> Manifest:
    """Returns the manifest that a task's models are added to: the one before, else one without models."""
    if previous is not None:
        return previous
    return Manifest(SCHEMA, __version__, task.model, models={}, golden={}, tool_versions=packages)


def other_models(released: Mapping[str, Model], task: Task) -> dict[str, Model]:
    """Returns the models of the other tasks."""
    return {name: model for name, model in released.items() if name not in models(task.name)}
