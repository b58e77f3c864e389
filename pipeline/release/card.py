"""Renders the model card of a models folder from its manifest and records.

python -m pipeline.release.card models     # writes models/README.md anew
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pipeline.networks import spec
from pipeline.networks.spec import Task
from pipeline.records import CheckRecords, FieldRecords, MicrRecords, Records
from pipeline.release import documents, models_folder
from pipeline.release.artifacts import OWN_RECORDS, records_folder
from pipeline.run import write_bytes
from serving.errors import CheckreaderError
from serving.manifest import Manifest
from serving.repository.store import Repository

_Kind = TypeVar("_Kind", Records, FieldRecords, MicrRecords, CheckRecords)

_RESULTS: Final = ("without_unipen", "micr")  # of benchmarks that the card shows


def render_card(manifest: Manifest, new: Path, models: Path, tasks: Collection[str] = ()) -> str:
    """Renders the model card from the new records and, of tasks that are not released anew, from those in `models`.

    Args:
        manifest: of the release.
        new: the folder with the new records.
        models: the models folder.
        tasks: those of the models that are released anew; what a user measured was measured on others.
    """

    def folder(task: str) -> Path:
        released = records_folder(new, task)
        return released if (released / "train.json").exists() else records_folder(models, task)

    def records(task: Task, kind: type[_Kind]) -> _Kind | None:
        released = task.model in manifest.models
        return documents.read_records(folder(task.name), kind) if released else None

    return model_card(
        manifest,
        records(spec.DIGIT, Records),
        records(spec.FIELD, FieldRecords),
        records(spec.MICR, MicrRecords),
        records(spec.CHECK, CheckRecords),
        {name: record for name, record in read_own_records(models).items() if record["task"] not in tasks},
        {name: read_result(models.parent, name) for name in _RESULTS},
    )


def read_own_records(folder: Path) -> dict[str, Any]:
    """Reads what a user measured and calibrated on released models, by "TASK STAGE"; `folder` is the models folder."""
    paths = sorted((folder / OWN_RECORDS).glob("*/*.json"))
    return {f"{path.parent.name} {path.stem}": json.loads(path.read_text()) for path in paths}


def read_result(root: Path, name: str) -> dict[str, Any] | None:
    """Reads what a benchmark wrote below the folder of a checkout; None: nobody measured that."""
    path = root / documents.RESULTS / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.exists() else None


def model_card(
    manifest: Manifest,
    records: Records | None,
    field_records: FieldRecords | None = None,
    micr_records: MicrRecords | None = None,
    check_records: CheckRecords | None = None,
    own_records: Mapping[str, Any] | None = None,
    results: Mapping[str, Mapping[str, Any] | None] | None = None,
) -> str:
    """Renders `models/README.md`.

    Args:
        manifest: of the release.
        records: the digit run's; None: no digit model is released.
        field_records: the field run's; None: no field model is released.
        micr_records: the MICR run's; None: no MICR model is released.
        check_records: those of the run that finds fields; None: no such model is released.
        own_records: see `read_own_records`.
        results: see `read_result`, by the benchmark's name.
    """
    text = documents.render(
        "model_card",
        run=records,
        fields=field_records,
        micr=micr_records,
        checks=check_records,
        manifest=manifest,
        own=own_records or {},
        without=(results or {}).get("without_unipen"),
        lines=(results or {}).get("micr"),
    )
    return f"{text}\n"


def main(arguments: Sequence[str]) -> int:
    """Writes the cards of models folders anew; returns the exit code."""
    try:
        for models in map(Path, arguments):
            manifest = Repository.open(models).manifest
            write_bytes(models / models_folder.CARD, render_card(manifest, models, models).encode())
    except CheckreaderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
