"""Releases a digit run: its files, its records, its golden digits and their picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.evaluation.digit import FAMILIES
from pipeline.export.formats import TABLE, Format
from pipeline.networks import spec
from pipeline.networks.lenet5 import table
from pipeline.records import Calibration, Records, convert
from pipeline.release import golden_digits, triton
from pipeline.release.artifacts import (
    GOLDEN,
    TaskRelease,
    copy,
    other_models,
    records_folder,
    write_records,
)
from pipeline.run import Run, replacing, write_bytes
from serving import __version__
from serving.manifest import SCHEMA, Artifact, Manifest, Model, Tensor

FILES: Final = {
    "onnx_float32": "repository/lenet5/{version}/model.onnx",
    "onnx_int8": "repository/lenet5-int8/{version}/model.onnx",
    "onnx_features": "repository/lenet5-features/{version}/model.onnx",
    "tflite_float32": "edge/lenet5.tflite",
    "tflite_int8": "edge/lenet5-int8.tflite",
    "keras": "keras/lenet5.keras",
    "keras_unfolded": "keras/lenet5-unfolded.keras",
    "c": "edge/lenet5-int8.c",
    "wasm": "edge/lenet5-int8.wasm",
    "wasm_simd": "edge/lenet5-int8-simd.wasm",
}
_DESCRIPTIONS: Final = {
    "lenet5": "LeNet-5, float: one handwritten digit",
    "lenet5-int8": "LeNet-5 in 8-bit integers: one handwritten digit",
    "lenet5-features": "lenet5 as it was trained, with every layer's activations as outputs",
}
_LABELS: Final = [str(digit) for digit in range(10)]
_IMAGE: Final = Tensor("image", "FP32", [-1, 28, 28, 1])
_PROBABILITIES: Final = Tensor("probabilities", "FP32", [-1, 10])


def write(
    run: Run, models: Path, version: str, records: dict[str, Any], previous: Manifest | None
) -> Manifest:
    """Writes the release of a digit run into an empty folder.

    Args:
        run: verified.
        models: the empty folder.
        version: the digit models' new one.
        records: of every stage, as JSON.
        previous: the manifest of the release before, whose other models stay; None: there is none.

    Returns:
        The manifest that goes with it.
    """
    typed = convert(records, Records, run.path)
    rows = [row for row in TABLE["digit"] if row.name in FILES]
    artifacts = copy(run, FILES, models, version, spec.DIGIT)
    _write_triton_files(rows, models)
    golden_sets = {GOLDEN[spec.DIGIT.name]: golden_digits.write(run, rows, models)}
    with replacing(models / "readings.png") as temporary:
        golden_digits.sheet(models / "golden").save(temporary)
    write_records(records, records_folder(models, "digit"))
    others = {} if previous is None else other_models(previous.models, spec.DIGIT)
    trained_on = dict(typed.train.data)
    if len(typed.train.sources) > 1:
        trained_on["sources"] = typed.train.sources
    if previous is not None:
        trained_on |= {name: data for name, data in previous.data.items() if name in spec.TASKS}
        golden_sets |= {kind: entry for kind, entry in previous.golden.items() if kind not in golden_sets}
    return Manifest(
        schema=SCHEMA,
        release=__version__,
        default="lenet5",
        models={name: _describe(name, version, files, typed) for name, files in artifacts.items()} | others,
        golden=golden_sets,
        tool_versions=typed.export.environment.packages,
        data=trained_on,
    )


def _write_triton_files(rows: Sequence[Format], models: Path) -> None:
    """Writes configuration and labels for Triton next to the ONNX files of these rows."""
    for row in rows:
        if row.runtime == "onnxruntime":
            folder = models / "repository" / row.model
            write_bytes(folder / "config.pbtxt", _config(row.model).encode())
            if row.model in FAMILIES:
                write_bytes(folder / "labels.txt", "\n".join([*_LABELS, ""]).encode())


def _describe(name: str, version: str, artifacts: list[Artifact], records: Records) -> Model:
    """Returns the manifest's entry of a model of digits."""
    shared: dict[str, Any] = {
        "version": version,
        "input": _IMAGE,
        "artifacts": artifacts,
        "description": _DESCRIPTIONS[name],
        "seed": records.train.config["seed"],
        "preset": records.train.preset,
    }
    if name not in FAMILIES:
        return Model(
            task="features",
            outputs=_features(),
            temperature=_calibration(records, "lenet5").temperature,
            **shared,
        )
    calibration = _calibration(records, name)
    return Model(
        task="digit",
        output=_PROBABILITIES,
        labels=_LABELS,
        temperature=calibration.temperature,
        accuracy=records.evaluate.families[name].accuracy,
        thresholds=calibration.thresholds,
        least_evidence=calibration.least_evidence,
        **shared,
    )


def _calibration(records: Records, name: str) -> Calibration:
    """Returns the calibration of a model, from the stage that made it."""
    stage, _ = FAMILIES[name]
    calibration = (records.quantize if stage == "quantize" else records.train).calibration
    assert calibration is not None  # each of a digit run's two stages calibrates
    return calibration


def _features() -> list[Tensor]:
    rows = [Tensor(row.name, "FP32", [-1, *row.shape]) for row in table() if row.name != "logits"]
    return [*rows, _PROBABILITIES]


def _config(name: str) -> str:
    outputs = [_PROBABILITIES] if name in FAMILIES else _features()
    return triton.config(
        name, _IMAGE, outputs, 256, ' label_filename: "labels.txt"' if name in FAMILIES else ""
    )


RELEASE: Final = TaskRelease(spec.DIGIT, FILES, golden_digits.pictures, write)
