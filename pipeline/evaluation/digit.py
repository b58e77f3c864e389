"""Measures accuracy, calibration and rejection of the digit models on the test set.

    checkreader evaluate --run mnist

Nothing is fitted here, and nothing else reads the test labels. Each family is
measured through the file that the service runs; of its other files the accuracy
is measured, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.data.digits import Split
from pipeline.data.normalize_many import parallel_normalizer
from pipeline.evaluation import domains
from pipeline.export.formats import FOLDER, TABLE
from pipeline.export.predictor import predictor
from pipeline.metrics.calibration import accepted_score, apply_threshold, calibration_error, interval
from pipeline.networks import spec
from pipeline.records import Calibration, ExportRecord, QuantizeRecord, TrainRecord
from pipeline.run import Run
from pipeline.synthesis import nondigits
from serving.decoding.thresholds import operating_point
from serving.images.digit import tensor

# The stage that calibrated a family and the format that is served, by model.
FAMILIES: Final = {
    spec.DIGIT.model: ("train", "onnx_float32"),
    spec.DIGIT.int8: ("quantize", "onnx_int8"),
}
NONDIGITS: Final = 1_000

Floats = npt.NDArray[np.float32]


def evaluate(
    run: Run,
    test: Split,
    data_name: str,
    hands: Mapping[str, Split],
    nondigit_count: int = NONDIGITS,
    corrupted: int = domains.CORRUPTED,
) -> dict[str, Any]:
    """Runs the stage: measures every exported file on `test` and writes `evaluate.json`.

    Args:
        run: a run that was exported.
        test: pictures and labels that nothing was chosen by.
        data_name: the data set's name, for the record.
        hands: by name, digits that other hands than the test's wrote.
        nondigit_count: how many pictures without a digit are classified.
        corrupted: how many test pictures are corrupted.

    Returns:
        The record: per family accuracy with its interval, confusion matrix,
        calibration error, error–reject curve, each threshold's acceptance and
        error, and non-digits accepted; and their accuracy by domain.
    """
    exported = run.read(ExportRecord)
    images = tensor(test.images)
    nondigit_images = tensor(nondigits.pictures(nondigit_count, nondigits.TEST))
    files, families, served = {}, {}, {}
    for row in TABLE[spec.task_of_run(run).name]:
        if f"{FOLDER}/{row.file}" not in exported.files or row.model not in FAMILIES:
            continue
        predict = predictor(row, run / FOLDER / row.file)
        probabilities = predict(images)
        files[row.name] = accuracy(probabilities, test.labels, f"{data_name} test")
        stage, served_format = FAMILIES[row.model]
        if row.name == served_format:
            record = run.read(QuantizeRecord) if stage == "quantize" else run.read(TrainRecord)
            calibration = record.calibration or Calibration()
            served[row.model] = predict
            families[row.model] = {
                "format": row.name,
                **measure(probabilities, test.labels, calibration, f"{data_name} test"),
                "nondigits": nondigits_accepted(predict(nondigit_images), nondigit_images, calibration),
            }
    with parallel_normalizer() as normalize:
        rows = domains.measure(served, test, data_name, hands, normalize, corrupted)
    return run.record("evaluate", [], families=families, formats=files, domains=rows)


def accuracy(probabilities: Floats, labels: npt.NDArray[np.uint8], data_name: str) -> dict[str, Any]:
    """Returns the top-1 accuracy with its 95 % Clopper–Pearson interval."""
    wrong = int((probabilities.argmax(1) != labels).sum())
    low, high = interval(wrong, len(labels))
    return {
        "value": 1 - wrong / len(labels),
        "low": 1 - high,
        "high": 1 - low,
        "n": len(labels),
        "data": data_name,
    }


def measure(
    probabilities: Floats, labels: npt.NDArray[np.uint8], calibration: Calibration, data_name: str
) -> dict[str, Any]:
    """Measures one family on the test set.

    Args:
        probabilities: float32 [N, 10], temperature applied.
        labels: uint8 [N].
        calibration: as `pipeline.metrics.calibration` fitted it, for its temperature and thresholds.
        data_name: for the record.
    """
    temperature = 1.0 if calibration.temperature is None else calibration.temperature
    guess, score = probabilities.argmax(1), accepted_score(probabilities, calibration.least_evidence)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, guess), 1)
    # The temperature is in the files; raised to its power the probabilities are those before it.
    before = np.maximum(probabilities.astype(np.float64), 1e-300) ** temperature
    before /= before.sum(1, keepdims=True)
    return {
        "accuracy": accuracy(probabilities, labels, data_name),
        "confusion": confusion.tolist(),
        "temperature": temperature,
        "calibration_error": {
            "before": calibration_error(before, labels),
            "after": calibration_error(probabilities, labels),
        },
        "error_reject": error_reject(probabilities, labels),
        "thresholds": [
            msgspec.to_builtins(apply_threshold(entry, score, guess != labels))
            for entry in calibration.thresholds
        ],
    }


def error_reject(probabilities: Floats, labels: npt.NDArray[np.uint8]) -> list[dict[str, float]]:
    """Measures the error among the accepted when the least confident 0–20 % are rejected."""
    order = np.argsort(-probabilities.max(1), kind="stable")
    wrong = (probabilities.argmax(1) != labels)[order]
    rows = []
    for rejected in (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2):
        kept = max(1, round(len(wrong) * (1 - rejected)))
        rows.append({"rejected": 1 - kept / len(wrong), "error": float(wrong[:kept].mean())})
    return rows


def nondigits_accepted(probabilities: Floats, images: Floats, calibration: Calibration) -> dict[str, Any]:
    """Counts the pictures without a digit that are accepted at the default operating point; blank ones never are."""
    applied = operating_point(calibration.thresholds).threshold
    threshold = None if applied is None else applied.threshold
    score = np.where(images.any((1, 2, 3)), accepted_score(probabilities, calibration.least_evidence), 0.0)
    kinds = np.arange(len(score)) % len(nondigits.KINDS)
    accepted = score >= threshold if threshold is not None else np.zeros(len(score), bool)
    return {
        "n": len(score),
        "accepted": int(accepted.sum()),
        "threshold": threshold,
        "highest": {kind: float(score[kinds == i].max()) for i, kind in enumerate(nondigits.KINDS)},
    }


def summary(record: dict[str, Any]) -> str:
    """Formats the record in a few lines for the screen."""
    lines = []
    for name, family in record["families"].items():
        top, others = family["accuracy"], family["nondigits"]
        ece = family["calibration_error"]
        lines.append(
            f"{name}: {top['value']:.2%} ({top['low']:.2%}–{top['high']:.2%}) of {top['n']:,} {top['data']} "
            f"pictures; calibration error {ece['before']:.2%} → {ece['after']:.2%}; "
            f"non-digits accepted {others['accepted']} of {others['n']:,}"
        )
        for entry in family["thresholds"]:
            lines.append(
                f"  max_error {entry['max_error']:.1%}: threshold {entry['threshold']:.4f} accepts "
                f"{entry['accepted']:.2%}, error {entry['error']:.2%} ({entry['low']:.2%}–{entry['high']:.2%})"
            )
    for domain in record.get("domains", ()):
        accuracies = (f"{name} {share['value']:.2%}" for name, share in domain["service"].items())
        lines.append(f"  {domain['name']} through the service: {', '.join(accuracies)}")
    return "\n".join(lines)
