"""Copies a run's exported files and records into a release; what every task's release shares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline.export.formats import FOLDER, TABLE
from pipeline.export.formats import models as models_of
from pipeline.networks.spec import Task
from pipeline.run import Run, sha256, write_bytes
from serving.manifest import Artifact, Model

# What is released of all the formats, and where.
DIGIT_RELEASED: Final = {
    "onnx_float32": "repository/lenet5/{version}/model.onnx",
    "onnx_int8": "repository/lenet5-int8/{version}/model.onnx",
    "onnx_features": "repository/lenet5-features/{version}/model.onnx",
    "tflite_float32": "edge/lenet5.tflite",
    "tflite_int8": "edge/lenet5-int8.tflite",
    "keras": "keras/lenet5.keras",
    "c": "edge/lenet5-int8.c",
    "wasm": "edge/lenet5-int8.wasm",
}
FIELD_RELEASED: Final = {
    "onnx_float32": "repository/lenet5-field/{version}/model.onnx",
    "onnx_int8": "repository/lenet5-field-int8/{version}/model.onnx",
    "tflite_float32": "edge/lenet5-field.tflite",
    "tflite_int8": "edge/lenet5-field-int8.tflite",
    "keras": "keras/lenet5-field.keras",
}
FAST_RELEASED: Final = {
    "onnx_float32": "repository/lenet5-fast/{version}/model.onnx",
    "onnx_int8": "repository/lenet5-fast-int8/{version}/model.onnx",
}
RELEASED: Final = {"digit": DIGIT_RELEASED, "field": FIELD_RELEASED, "fast": FAST_RELEASED}
RECORDS: Final = {"digit": "records", "field": "records/field", "fast": "records/fast"}  # below `models/`


def copy(run: Run, models: Path, version: str, reads: Task) -> dict[str, list[Artifact]]:
    """Copies the exported files that are released into an empty folder; what the manifest says of them, by model."""
    released = RELEASED[reads.name]
    artifacts: dict[str, list[Artifact]] = {}
    for row in TABLE[reads.name]:
        if row.name in released:
            path = Path(released[row.name].format(version=version))
            targets = {row.file: path} | {file: path.with_name(file) for file, _ in row.companions}
            for file, target in targets.items():
                write_bytes(models / target, (run / FOLDER / file).read_bytes())
                size = (models / target).stat().st_size
                entry = Artifact(str(target), sha256(models / target), size, row.name, row.runtime, row.type)
                artifacts.setdefault(row.model, []).append(entry)
    return artifacts


def write_records(records: dict[str, Any], folder: Path) -> None:
    """Writes the records of a run, without what names a folder of this machine."""
    for stage, record in records.items():
        public = {key: value for key, value in record.items() if key != "data_dir"}
        write_bytes(folder / f"{stage}.json", msgspec.json.encode(public) + b"\n")  # compact: room is scarce


def without(models: Mapping[str, Model], reads: Task) -> dict[str, Model]:
    """The models of the other tasks."""
    own = models_of(reads.name)
    return {name: model for name, model in models.items() if name not in own}
