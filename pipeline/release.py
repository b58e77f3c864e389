"""Copies a verified run into `models/`; nothing else writes there.

    checkdigit release --run mnist

The new version's folder is written first and the manifest renamed into place
last: whoever watches the manifest never sees half a release. A release of one
task leaves the other tasks' models, records and golden sets as they are; what a
field model brings is in `pipeline.field.release`, what the folded network brings
in `pipeline.fast.release`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pipeline import card, golden, task, triton
from pipeline.evaluate import FAMILIES
from pipeline.export.formats import FOLDER, TABLE, Format
from pipeline.export.formats import models as models_of
from pipeline.fast import card as fast_card
from pipeline.previous import forget, kept
from pipeline.run import Run, replacing, sha256, write_bytes
from pipeline.task import Task
from serving import __version__
from serving.errors import CheckdigitError
from serving.manifest import (
    NAME,
    SCHEMA,
    Accuracy,
    Artifact,
    Manifest,
    Model,
    Tensor,
    Threshold,
)
from serving.manifest import decode as decode_manifest

# What is released of all the formats, and where.
RELEASED: Final = {
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
_BY_TASK: Final = {"digit": RELEASED, "field": FIELD_RELEASED, "fast": FAST_RELEASED}
_RECORDS: Final = {"digit": "records", "field": card.FIELD_RECORDS, "fast": fast_card.RECORDS}
_DESCRIPTIONS: Final = {
    "lenet5": "LeNet-5, float: one handwritten digit",
    "lenet5-int8": "LeNet-5 in 8-bit integers: one handwritten digit",
    "lenet5-features": "lenet5 with every layer's activations as outputs",
    "lenet5-fast": "LeNet-5 with its pooling folded away, float: one handwritten digit",
    "lenet5-fast-int8": "LeNet-5 with its pooling folded away in 8-bit integers: one handwritten digit",
}
_GOLDEN: Final = 20
_LABELS: Final = [str(digit) for digit in range(10)]
_IMAGE: Final = Tensor("image", "FP32", [-1, 28, 28, 1])
_PROBABILITIES: Final = Tensor("probabilities", "FP32", [-1, 10])


def release(run: Run, models: Path, keep: bool = False) -> dict[str, Any]:
    """Writes `models/` from a run, of either task.

    Args:
        run: a run whose every stage is done and whose verification passed.
        models: the folder to fill.
        keep: leave the version before in place, under the label `previous`.

    Returns:
        The manifest.

    Raises:
        CheckdigitError: a stage is missing, its files have changed, a bound is broken, or it is not a digit
            run and there is no digit model to stand beside.
    """
    from pipeline.fast import release as fast
    from pipeline.field import release as field

    reads = task.of(run)
    records = run.records()
    if not records["verify"]["passed"]:
        raise CheckdigitError(
            f"{run / 'verify.json'}: not released: {records['verify']['broken'][0]}: see `checkdigit verify --explain`"
        )
    refused = records["export"]["refused"]
    for name in _BY_TASK[reads.name]:
        if name in refused:
            raise CheckdigitError(f"{run.path}: not released: {name} could not be exported: {refused[name]}")
    previous = _previous(models)
    if reads is not task.DIGIT and previous is None:
        raise CheckdigitError(
            f"{models}: not released: a {reads.name} model stands beside a digit model: "
            "release a digit run there first"
        )
    version = str(_last_version(previous, reads) + 1)
    new = models.with_name(f".{models.name}.new")  # all of it is written before any of it takes its place
    shutil.rmtree(new, ignore_errors=True)
    try:
        if previous is None or reads is task.DIGIT:
            manifest = _write(run, new, version, records, previous)
        else:
            write = field.write if reads is task.FIELD else fast.write
            manifest = write(run, new, version, records, previous)
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
    for path in (models / _RECORDS[reads.name]).glob("*.json"):
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
    return _without(before.previous, reads) | (kept(before, models, new, reads) if keep else {})


def _without(models: Mapping[str, Model], reads: Task) -> dict[str, Model]:
    """The models of the other tasks."""
    own = models_of(reads.name)
    return {name: model for name, model in models.items() if name not in own}


def copy(run: Run, models: Path, version: str, reads: Task) -> dict[str, list[Artifact]]:
    """Copies the exported files that are released into an empty folder; what the manifest says of them, by model."""
    released = _BY_TASK[reads.name]
    artifacts: dict[str, list[Artifact]] = {}
    for row in TABLE[reads.name]:
        if row.name in released:
            path = Path(released[row.name].format(version=version))
            targets = {row.file: path} | {file: path.with_name(file) for file, _ in row.beside}
            for file, target in targets.items():
                write_bytes(models / target, (run / FOLDER / file).read_bytes())
                size = (models / target).stat().st_size
                entry = Artifact(str(target), sha256(models / target), size, row.name, row.runtime, row.type)
                artifacts.setdefault(row.model, []).append(entry)
    return artifacts


def _encoded(manifest: Manifest) -> bytes:
    """The manifest as JSON that people can read, too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def _write(
    run: Run, models: Path, version: str, records: dict[str, Any], previous: Manifest | None
) -> Manifest:
    """The release of a digit run in an empty folder; the manifest that goes with it.

    Args:
        models: the empty folder.
        previous: the manifest of the release before, whose other models stay.
    """
    rows = [row for row in TABLE["digit"] if row.name in RELEASED]
    artifacts = copy(run, models, version, task.DIGIT)
    describe(rows, models)
    golden_sets = {"digits": golden.digits(run, rows, models, "golden", _GOLDEN)}
    with replacing(models / "readings.png") as temporary:
        card.picture(models / "golden").save(temporary)
    write_records(records, models / "records")
    others = _without(_models(previous), task.DIGIT)
    data = dict(records["train"]["data"])
    if previous is not None:
        # What the other tasks' models were trained on stands under the task's name.
        data |= {name: previous.data[name] for name in ("field", "fast") if name in previous.data}
    if previous is not None and task.FIELD.model in others:
        golden_sets["fields"] = previous.golden["fields"]
    return Manifest(
        schema=SCHEMA,
        release=__version__,
        default="lenet5",
        models={name: model(name, version, found, records) for name, found in artifacts.items()} | others,
        golden=golden_sets,
        tool_versions=records["export"]["environment"]["packages"],
        data=data,
    )


def _card(manifest: Manifest, new: Path, models: Path) -> str:
    """The model card, from the new records and, of what is not released anew, from those in `models`."""

    def records(place: str) -> dict[str, Any]:
        return card.records((new if (new / place / "train.json").exists() else models) / place)

    fields = records(card.FIELD_RECORDS) if task.FIELD.model in manifest.models else None
    return card.model_card(records("records"), manifest, fields)


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


def describe(rows: Sequence[Format], models: Path) -> None:
    """Writes what Triton reads beside the ONNX files of these rows."""
    for row in rows:
        if row.runtime == "onnxruntime":
            folder = models / "repository" / row.model
            write_bytes(folder / "config.pbtxt", _config(row.model).encode())
            if row.model in FAMILIES:
                write_bytes(folder / "labels.txt", "\n".join([*_LABELS, ""]).encode())


def write_records(records: dict[str, Any], folder: Path) -> None:
    """Writes the records of a run, without what names a folder of this machine."""
    for stage, record in records.items():
        public = {key: value for key, value in record.items() if key != "data_dir"}
        write_bytes(folder / f"{stage}.json", msgspec.json.encode(public) + b"\n")  # compact: room is scarce


def model(name: str, version: str, artifacts: list[Artifact], records: dict[str, Any]) -> Model:
    """What the manifest says of a model of digits."""
    shared: dict[str, Any] = {
        "version": version,
        "input": _IMAGE,
        "artifacts": artifacts,
        "description": _DESCRIPTIONS[name],
        "seed": records["train"]["config"]["seed"],
        "preset": records["train"]["preset"],
    }
    if name not in FAMILIES:
        return Model(
            task="features", outputs=_features(), temperature=_temperature(records, "lenet5"), **shared
        )
    evaluated = records["evaluate"]["families"][name]
    return Model(
        task="digit",
        output=_PROBABILITIES,
        labels=_LABELS,
        temperature=_temperature(records, name),
        accuracy=msgspec.convert(evaluated["accuracy"], Accuracy),
        thresholds=[
            msgspec.convert(entry, Threshold)
            for entry in records[FAMILIES[name][0]]["calibration"]["thresholds"]
        ],
        **shared,
    )


def _temperature(records: dict[str, Any], name: str) -> float:
    return float(records[FAMILIES[name][0]]["calibration"]["temperature"])


def _features() -> list[Tensor]:
    from pipeline.lenet5 import table

    rows = [Tensor(row.name, "FP32", [-1, *row.shape]) for row in table() if row.name != "logits"]
    return [*rows, _PROBABILITIES]


def _config(name: str) -> str:
    outputs = [_PROBABILITIES] if name in FAMILIES else _features()
    return triton.config(
        name, _IMAGE, outputs, 256, ' label_filename: "labels.txt"' if name in FAMILIES else ""
    )
