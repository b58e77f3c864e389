"""The two field models of a run on labeled fields, each through the file that the service runs.

    checkreader calibrate --run field --data FOLDER    # confidence and thresholds
    checkreader evaluate --run field --data FOLDER     # measures, and chooses nothing

The labeled fields may be any: a bank's own say best what its own fields need.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.data.labeled_fields import Labeled, folds
from pipeline.evaluation import field as evaluation
from pipeline.evaluation import field_calibration as calibration
from pipeline.evaluation.cross_validation import FOLDS
from pipeline.evaluation.field_readings import (
    FieldRecognizer,
    correct,
    field_recognizer,
    recognize,
    recognize_nonfields,
)
from pipeline.export.formats import FOLDER, get
from pipeline.export.predictor import predictor
from pipeline.networks import spec
from pipeline.run import Run
from pipeline.synthesis.sampler import HandwritingSampler
from serving.errors import CheckreaderError
from serving.manifest import Confidence, Threshold

# Per model the format that is served.
FAMILIES: Final = {spec.FIELD.model: "onnx_float32", spec.FIELD.int8: "onnx_int8"}
_INVENTED: Final = 40  # hands, whose fields are shown upside down
_NONFIELDS: Final = 2_000  # pictures that are no field, for the floor of the thresholds


def calibrate(run: Run, labeled: Labeled, seed: int = 0, count: int = _NONFIELDS) -> dict[str, Any]:
    """The stage: fits confidence and thresholds of both models; writes `calibrate.json`.

    Args:
        run: an exported run of the task `field`.
        labeled: development fields, which the network was not trained on.
        seed: of the folds and of the pictures that are no field.
        count: how many of those.

    Returns:
        The record; `families` holds for each model its `format` and what `field.calibrate.fit` chose.

    Raises:
        CheckreaderError: a file is missing or changed, the network was trained on these fields, or none of
            them could be read.
    """
    if _trained_on(run, labeled):
        raise CheckreaderError(
            f"{labeled.name}: the network was trained on these fields: `train` has calibrated it, "
            "by cross-validation"
        )
    parts = folds(labeled, FOLDS, seed)
    families = {}
    for name, served in FAMILIES.items():
        recognizer = _recognizer(run, served)
        readings = recognize(recognizer, labeled)
        others = recognize_nonfields(recognizer, count, seed, HandwritingSampler(invented=_INVENTED).field)
        found = calibration.fit(readings, correct(readings, labeled), parts, others)
        families[name] = {"format": served, "calibration": msgspec.to_builtins(found)}
    return run.record("calibrate", [], task="field", data=labeled.record(), seed=seed, families=families)


def stored_calibration(run: Run, name: str) -> tuple[Confidence | None, list[Threshold]]:
    """Confidence and thresholds of a model: those of `calibrate` where it was run, else of `train`."""
    if (run / "calibrate.json").exists():
        found = run.require("calibrate")["families"][name]["calibration"]
    else:
        found = run.require("train")["calibration"] or {}
    return (
        msgspec.convert(found.get("confidence"), Confidence | None),
        msgspec.convert(found.get("thresholds", []), list[Threshold]),
    )


def evaluate(run: Run, labeled: Labeled) -> dict[str, Any]:
    """The stage: measures both models on labeled fields; writes `evaluate.json`.

    Args:
        run: an exported run of the task `field`.
        labeled: the fields. Of those that `calibrate` has seen, confidences are taken out of fold.

    Returns:
        The record; `families` holds for each model its `format` and the record of `field.evaluate.evaluate`,
        `difference` the exact strings of 8 bits minus those of float, as a share, and `trained_on` whether
        the network was trained on these very fields: then the cross-validation in `train.json` is what counts.

    Raises:
        CheckreaderError: a file is missing or changed, or could not be exported.
    """
    parts, seed = None, None
    if _calibrated_on(run, labeled):
        seed = run.require("calibrate")["seed"]
        parts = folds(labeled, FOLDS, seed)
    families = {}
    for name, served in FAMILIES.items():
        confidence, thresholds = stored_calibration(run, name)
        recognizer = _recognizer(run, served, confidence)
        field = HandwritingSampler(part="validation", invented=_INVENTED).field
        record = evaluation.evaluate(recognizer, labeled, thresholds, parts, seed, field)
        families[name] = {"format": served, **record}
    values = [families[name]["exact"]["value"] for name in (spec.FIELD.int8, spec.FIELD.model)]
    return run.record(
        "evaluate",
        [],
        task="field",
        data=labeled.record(),
        families=families,
        difference=values[0] - values[1],
        trained_on=_trained_on(run, labeled),
    )


def _recognizer(run: Run, served: str, confidence: Confidence | None = None) -> FieldRecognizer:
    """What a format reads."""
    exported = run.require("export")
    if served in exported["refused"]:
        raise CheckreaderError(f"{run.path}: {served} could not be exported: {exported['refused'][served]}")
    row = get(served, "field")
    return field_recognizer(predictor(row, run / FOLDER / row.file), confidence)


def _trained_on(run: Run, labeled: Labeled) -> bool:
    own = run.require("train")["data"].get("own")
    return own is not None and bool(own["sha256"] == labeled.sha256)


def _calibrated_on(run: Run, labeled: Labeled) -> bool:
    path = run / "calibrate.json"
    return path.exists() and bool(run.require("calibrate")["data"]["sha256"] == labeled.sha256)


def calibration_summary(record: dict[str, Any]) -> str:
    """The record of `calibrate` in lines for the screen."""
    lines = []
    for name, family in record["families"].items():
        found = family["calibration"]
        lines.append(f"{name}: calibrated on {record['data']['n']:,} fields of {record['data']['name']}")
        lines += [
            f"  max_error {entry['max_error']}: accepted from confidence {entry['threshold']:.4f}, "
            f"which is {entry['accepted']:.1%}, {entry['error']:.2%} of them wrong"
            for entry in found["thresholds"]
        ]
        lines += [f"  no threshold for max_error {line}" for line in found["refusals"]]
    return "\n".join(lines)


def summary(record: dict[str, Any]) -> str:
    """The record of `evaluate` in lines for the screen."""
    lines = [f"{name}: {evaluation.summary(family)}" for name, family in record["families"].items()]
    if record["trained_on"]:
        lines.append(
            "the network was trained on these very fields: what counts is the cross-validation of `train`"
        )
    return "\n".join(
        [*lines, f"8 bits minus float: {100 * record['difference']:+.2f} points of exact strings"]
    )
