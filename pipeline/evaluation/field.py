"""Measures how well fields are read: strings, digits, boxes, confidence, rejection.

    checkreader evaluate --task field --run field --data FOLDER

Nothing is fitted here. `measured` alone looks for thresholds, and says so: it is the accepted share at an
error that was counted on these very fields, which certifies nothing (see `pipeline.evaluation.field_calibration`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from pipeline.data.labeled_fields import Box, Index, Labeled
from pipeline.evaluation.field_calibration import out_of_fold, uncertified_thresholds
from pipeline.evaluation.field_readings import (
    FieldRecognizer,
    RecognizedField,
    correct,
    exact,
    exact_written,
    recognize,
    recognize_nonfields,
    scores,
)
from pipeline.metrics.calibration import Flags, Floats, expected_error, interval
from pipeline.metrics.edit_distance import align
from pipeline.synthesis import nonfields
from serving.decoding.thresholds import MAX_ERROR
from serving.decoding.thresholds import choose_threshold as operating_point
from serving.errors import CheckreaderError
from serving.manifest import Threshold

WORST: Final = 40
NONFIELDS: Final = 1_000
_MISSED: Final = 10  # column of the confusion table
_STEPS: Final = 20  # of the error–reject curve


def evaluate(
    recognizer: FieldRecognizer,
    labeled: Labeled,
    thresholds: Sequence[Threshold] = (),
    parts: Sequence[Index] | None = None,
    seed: int | None = None,
    field: nonfields.Field | None = None,
) -> dict[str, Any]:
    """Reads the fields and measures; see `measure`. With `nonfields`, see `nonfields_accepted`.

    Args:
        reader: with the model's confidence.
        labeled: what is written.
        thresholds: the model's, to be applied.
        parts, seed: the folds and their seed, where the confidence was fitted on these very fields.
        field: draws fields, to be shown upside down.
    """
    raws = recognize(recognizer, labeled)
    outside = None if parts is None else out_of_fold(raws, correct(raws, labeled), parts)
    record = measure(raws, labeled, outside, seed, thresholds)
    return {**record, "nonfields": nonfields_accepted(recognizer, thresholds, field=field)}


def measure(
    readings: Sequence[RecognizedField],
    labeled: Labeled,
    confidence: Sequence[float] | None = None,
    seed: int | None = None,
    thresholds: Sequence[Threshold] = (),
) -> dict[str, Any]:
    """Everything about the readings of labeled fields, as plain JSON values.

    Args:
        readings: one for each field.
        labeled: what is written on them.
        confidence: out-of-fold confidences instead of the readings' own, see `calibrate.out_of_fold`. Which
            reading is surer than which is the decoder's word and no fold's: rejection is measured in the
            readings' own order, which five curves would shuffle.
        seed: of the folds that they come from, for the record.
        thresholds: the model's, to be applied.
    """
    exact_flags, correct_flags = exact(readings, labeled), correct(readings, labeled)
    own, score = scores(readings), scores(readings, confidence)
    wrong = ~correct_flags
    return {
        "data": labeled.record(),
        "n": len(readings),
        "seed": seed,
        "confidence": "reader" if confidence is None else "out-of-fold",
        "exact": share(exact_flags),
        "exact_written": share(exact_written(readings, labeled)) if labeled.separators else None,
        **_digits(readings, labeled),
        "unread": sum(not raw.text for raw in readings),
        "by_length": [
            {"length": length, **share(exact_flags[[len(digits) == length for digits in labeled.digits]])}
            for length in sorted({len(digits) for digits in labeled.digits})
        ],
        "by_touching": _by(exact_flags, map(_touching, labeled.boxes)),
        "by_separators": _by(exact_flags, (_separators(text, labeled) for text in labeled.texts)),
        "boxes": _boxes(readings, labeled, exact_flags),
        "error_reject": error_reject(own, wrong),
        "measured": [msgspec.to_builtins(entry) for entry in uncertified_thresholds(own, wrong, 0.0)],
        "thresholds": [msgspec.to_builtins(apply_threshold(entry, score, wrong)) for entry in thresholds],
        "calibration_error": {
            "before": expected_error(scores(readings, [raw.probability for raw in readings]), correct_flags),
            "after": expected_error(score, correct_flags),
        },
        "worst": _worst(readings, labeled, score, wrong),
    }


def anonymized(record: dict[str, Any]) -> dict[str, Any]:
    """The record without names and labels of single fields: those are the user's, not for release."""
    return {key: value for key, value in record.items() if key != "worst"}


def share(flags: Flags) -> dict[str, Any]:
    """How many are true, with the 95 % Clopper–Pearson interval; `value` is None of none."""
    count, n = int(flags.sum()), len(flags)
    low, high = interval(count, n)
    return {"value": count / n if n else None, "low": low, "high": high, "n": n}


def _by(exact: Flags, names: Iterable[str]) -> dict[str, Any]:
    found = np.array(list(names))
    return {str(name): share(exact[found == name]) for name in np.unique(found)}


def _touching(boxes: Sequence[Box] | None) -> str:
    """Whether any two neighbors' boxes overlap or meet from left to right."""
    if boxes is None:
        return "unknown"
    spans = sorted((x, x + width) for x, _, width, _ in boxes)
    return "touching" if any(b[0] <= a[1] for a, b in itertools.pairwise(spans)) else "apart"


def _separators(text: str, labeled: Labeled) -> str:
    if not labeled.separators:
        return "unknown"
    return "without" if text.isdigit() else "with"


def _digits(readings: Sequence[RecognizedField], labeled: Labeled) -> dict[str, Any]:
    """Digit error rate (Levenshtein distance over digits written) and which digit is read as which."""
    confusion = np.zeros((10, 11), int)
    inserted = np.zeros(10, int)
    for raw, digits in zip(readings, labeled.digits, strict=True):
        for true, seen in align(digits, raw.text):
            if true:
                confusion[int(true), int(seen) if seen else _MISSED] += 1
            else:
                inserted[int(seen)] += 1
    n, missed = int(confusion.sum()), int(confusion[:, _MISSED].sum())
    substituted = n - missed - int(np.trace(confusion))
    errors = substituted + missed + int(inserted.sum())
    rate = {
        "value": errors / n if n else None,
        "errors": errors,
        "digits": n,
        "substituted": substituted,
        "inserted": int(inserted.sum()),
        "missed": missed,
    }
    return {"digit_error_rate": rate, "confusion": confusion.tolist(), "inserted": inserted.tolist()}


def _boxes(readings: Sequence[RecognizedField], labeled: Labeled, exact: Flags) -> dict[str, Any] | None:
    """How well boxes cover the labeled ones; where the string is wrong nobody knows which belong together."""
    overlaps, fields = [], 0
    for raw, boxes, good in zip(readings, labeled.boxes, exact, strict=True):
        if good and boxes is not None:
            fields += 1
            overlaps += [iou(one, other) for one, other in zip(raw.boxes, boxes, strict=True)]
    if not overlaps:
        return None
    found = np.array(overlaps)
    return {
        "mean_iou": float(found.mean()),
        "iou_50": float((found >= 0.5).mean()),
        "fields": fields,
        "digits": len(overlaps),
    }


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes x, y, width, height."""
    across, down = (
        max(0.0, min(one[i] + one[i + 2], other[i] + other[i + 2]) - max(one[i], other[i])) for i in (0, 1)
    )
    union = one[2] * one[3] + other[2] * other[3] - across * down
    return across * down / union if union else 0.0


def error_reject(score: Floats, wrong: Flags) -> list[dict[str, float]]:
    """The error among the accepted while the least confident 0, 5, … 95 % are rejected.

    Args:
        score: float [N], not empty.
        wrong: bool [N].
    """
    order = np.argsort(-score, kind="stable")
    rows = []
    for step in range(_STEPS):
        kept = max(1, round(len(order) * (1 - step / _STEPS)))
        rows.append(
            {
                "accepted": kept / len(order),
                "rejected": 1 - kept / len(order),
                "error": float(wrong[order[:kept]].mean()),
                "threshold": float(score[order[kept - 1]]),
            }
        )
    return rows


def apply_threshold(entry: Threshold, score: Floats, wrong: Flags) -> Threshold:
    """What a stored threshold gives here; readings of score 0 are never accepted."""
    accepted = (score >= entry.threshold) & (score > 0)
    errors, count = int(wrong[accepted].sum()), int(accepted.sum())
    low, high = interval(errors, count)
    return Threshold(
        entry.max_error,
        entry.threshold,
        errors / max(1, count),
        low,
        high,
        count / max(1, len(score)),
        len(score),
    )


def _worst(
    readings: Sequence[RecognizedField], labeled: Labeled, score: Floats, wrong: Flags
) -> list[dict[str, Any]]:
    order = [i for i in np.argsort(-score, kind="stable") if wrong[i]][:WORST]
    return [
        {
            "file": labeled.files[i],
            "text": labeled.texts[i],
            "read": readings[i].written,
            "confidence": float(score[i]),
            "probability": readings[i].probability,
            "problem": readings[i].problem,
        }
        for i in order
    ]


def nonfields_accepted(
    recognizer: FieldRecognizer, thresholds: Sequence[Threshold], count: int = NONFIELDS, field: Any = None
) -> dict[str, Any]:
    """How many pictures that are no field pass at the default operating point, and each kind's highest confidence.

    Where the calibration supports no such threshold the service refuses, and accepts nothing.
    """
    try:
        least: float | None = operating_point(thresholds, MAX_ERROR).threshold
    except CheckreaderError:
        least = None
    found = {
        kind: scores(raws)
        for kind, raws in recognize_nonfields(recognizer, count, nonfields.TEST, field).items()
    }
    passed = (
        sum(int(((score >= least) & (score > 0)).sum()) for score in found.values())
        if least is not None
        else 0
    )
    return {
        "n": sum(map(len, found.values())),
        "accepted": passed,
        "threshold": least,
        "highest": {kind: float(score.max(initial=0.0)) for kind, score in found.items()},
    }


def summary(record: dict[str, Any]) -> str:
    """The record in a few lines for the screen."""
    exact, rate, ece = record["exact"], record["digit_error_rate"], record["calibration_error"]
    lines = [
        f"{record['data']['name']}: {_percent(exact)} of {exact['n']:,} strings exact; digit errors "
        f"{rate['value']:.2%} of {rate['digits']:,} ({rate['substituted']} misread, {rate['missed']} missed, "
        f"{rate['inserted']} made up); calibration error {ece['before']:.2%} → {ece['after']:.2%}"
    ]
    if record["exact_written"]:
        lines.append(f"  with separators {_percent(record['exact_written'])}")
    groups: list[tuple[str, Callable[[], Iterable[tuple[str, dict[str, Any]]]]]] = [
        ("by length", lambda: ((str(row["length"]), row) for row in record["by_length"])),
        ("digits", record["by_touching"].items),
        ("separators", record["by_separators"].items),
    ]
    for title, rows in groups:
        parts = [f"{name} {row['value']:.1%} of {row['n']}" for name, row in rows()]
        if parts and not parts[0].startswith("unknown"):
            lines.append(f"  {title}: {', '.join(parts)}")
    if record["boxes"]:
        lines.append(
            f"  boxes: mean overlap {record['boxes']['mean_iou']:.2f}, {record['boxes']['iou_50']:.1%} of "
            f"{record['boxes']['digits']:,} digits at 0.5 or more"
        )
    lines += [f"  measured error ≤ {_accepted(entry)}" for entry in record["measured"]]
    lines += [f"  stored threshold for max_error {_accepted(entry)}" for entry in record["thresholds"]]
    if "nonfields" in record:
        others = record["nonfields"]
        lines.append(f"  pictures that are no field: {others['accepted']} of {others['n']:,} accepted")
    return "\n".join(lines)


def _percent(row: dict[str, Any]) -> str:
    return f"{row['value']:.2%} ({row['low']:.2%}–{row['high']:.2%})"


def _accepted(entry: dict[str, Any]) -> str:
    return (
        f"{entry['max_error']:.1%}: {entry['accepted']:.1%} accepted, error {entry['error']:.2%} "
        f"({entry['low']:.2%}–{entry['high']:.2%}), threshold {entry['threshold']:.4f}"
    )
