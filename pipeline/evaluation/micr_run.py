"""Calibrates and evaluates the two MICR models of a run on labeled lines, through the files that the service runs.

checkreader calibrate --run micr --data FOLDER    # confidence and thresholds
checkreader evaluate --run micr --data FOLDER     # measures, and chooses nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from pipeline import progress
from pipeline.data.labeled_lines import LabeledLines
from pipeline.evaluation import micr, micr_calibration
from pipeline.evaluation.field_readings import served_confidence
from pipeline.evaluation.micr_readings import LineReading, read
from pipeline.export.formats import FOLDER, get
from pipeline.export.predictor import predictor
from pipeline.networks import spec
from pipeline.records import CalibrateRecord, Calibration, ExportRecord
from pipeline.run import Run
from serving.decoding import field_string
from serving.errors import CheckreaderError
from serving.images.codec import Gray, decode
from serving.manifest import Confidence

# The format that is served, by model.
FAMILIES: Final = {spec.MICR.model: "onnx_float32", spec.MICR.int8: "onnx_int8"}


def calibrate(run: Run, labeled: LabeledLines, seed: int = 0) -> dict[str, Any]:
    """Runs the stage: fits confidence and thresholds of both models; writes `calibrate.json`.

    Args:
        run: an exported run of the task `micr`.
        labeled: development lines, which the network was not trained on.
        seed: of the folds.

    Returns:
        The record; `families` holds for each model its `format` and the result of `micr_calibration.fit`.

    Raises:
        CheckreaderError: a file is missing or changed, none of the lines could be read, or there are fewer groups of
            them than folds.
    """
    pictures, families = _pictures(labeled), {}
    for name, format_name in FAMILIES.items():
        readings = _read(run, name, pictures)
        right = micr.right(micr.compare(labeled, pictures, readings))
        fitted = micr_calibration.fit(labeled, readings, right, seed)
        families[name] = {"format": format_name, "calibration": msgspec.to_builtins(fitted)}
    return run.record(
        "calibrate",
        [],
        task="micr",
        data=labeled.record(),
        pictures=len(pictures),
        seed=seed,
        families=families,
    )


def evaluate(run: Run, labeled: LabeledLines) -> dict[str, Any]:
    """Runs the stage; writes `evaluate.json`.

    Args:
        run: an exported run of the task `micr`.
        labeled: the lines. If `calibrate` was fitted on them, confidences are taken out of fold.

    Returns:
        The record; `families` holds for each model its `format` and the result of `micr.measure`, `difference` the
        exact lines of 8 bits minus those of float, as a share.

    Raises:
        CheckreaderError: a file is missing or changed.
    """
    pictures, families = _pictures(labeled), {}
    calibrated = (run / "calibrate.json").exists()
    seen = calibrated and run.read(CalibrateRecord).data["sha256"] == labeled.sha256
    for name, format_name in FAMILIES.items():
        readings, calibration = _read(run, name, pictures), stored_calibration(run, name)
        outcomes = micr.compare(labeled, pictures, readings)
        confidence = (
            micr_calibration.out_of_fold(
                labeled, readings, micr.right(outcomes), run.read(CalibrateRecord).seed
            )
            if seen
            else _confidences(readings, calibration.confidence)
        )
        measures = micr.measure(labeled, readings, outcomes, confidence, calibration.thresholds)
        families[name] = {"format": format_name, **measures}
    exact = {name: family["exact"]["value"] for name, family in families.items()}
    return run.record(
        "evaluate",
        [],
        task="micr",
        data=labeled.record(),
        families=families,
        difference=exact[spec.MICR.int8] - exact[spec.MICR.model],
    )


def stored_calibration(run: Run, name: str) -> Calibration:
    """Returns a model's calibration; an empty one where `calibrate` was not run."""
    if not (run / "calibrate.json").exists():
        return Calibration()
    return run.read(CalibrateRecord).families[name].calibration


def _pictures(labeled: LabeledLines) -> list[Gray]:
    return [decode(file.read_bytes()) for file in labeled.files]


def _read(run: Run, name: str, pictures: Sequence[Gray]) -> list[LineReading]:
    """Reads lines by the file of a model that is served."""
    refused, format_name = run.read(ExportRecord).refused, FAMILIES[name]
    if format_name in refused:
        raise CheckreaderError(f"{run.path}: {format_name} could not be exported: {refused[format_name]}")
    progress.note(f"{name}: reading {len(pictures):,} lines")
    row = get(format_name, "micr")
    return read(predictor(row, run / FOLDER / row.file), pictures)


def _confidences(readings: Sequence[LineReading], confidence: Confidence | None) -> list[float]:
    return [
        served_confidence(field_string.confidence(reading.probability, confidence)) for reading in readings
    ]


def calibration_summary(record: dict[str, Any]) -> str:
    """Formats the record of `calibrate` in lines for the screen."""
    data, lines = record["data"], []
    for name, family in record["families"].items():
        fitted = family["calibration"]
        lines.append(
            f"{name}: calibrated on {data['n']:,} lines of {data['groups']:,} groups of {data['name']}"
        )
        lines += [
            f"  max_error {entry['max_error']}: accepted from confidence {entry['threshold']:.4f}"
            for entry in fitted["thresholds"]
        ]
        lines += micr.accepted(fitted["sets"])
        lines += [f"  no threshold for max_error {line}" for line in fitted["refusals"]]
    return "\n".join(lines)


def summary(record: dict[str, Any]) -> str:
    """Formats the record of `evaluate` in lines for the screen."""
    lines = [f"{name}: {micr.summary(family)}" for name, family in record["families"].items()]
    return "\n".join([*lines, f"8 bits minus float: {100 * record['difference']:+.2f} points of exact lines"])
