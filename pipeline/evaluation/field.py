"""Measures how well fields are read: strings, digits, boxes, confidence, rejection.

    checkreader evaluate --task field --run field --data FOLDER

Nothing is fitted here. `measured` alone holds thresholds that were found on these very fields: the accepted
shares at a counted error, which certify nothing (see `pipeline.evaluation.field_calibration`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from pipeline.data.folds import Index
from pipeline.data.labeled_fields import Box, Labeled
from pipeline.evaluation.field_calibration import out_of_fold, uncertified_thresholds
from pipeline.evaluation.field_readings import (
    FieldRecognizer,
    RecognizedField,
    amount_right,
    correct,
    exact,
    exact_written,
    recognize,
    recognize_nonfields,
    scores,
)
from pipeline.evaluation.field_views import mean_views
from pipeline.metrics.calibration import (
    Flags,
    Floats,
    apply_threshold,
    expected_error,
    interval,
    reliability,
)
from pipeline.metrics.edit_distance import align
from pipeline.synthesis import nonfields
from serving.decoding.alphabet import EITHER
from serving.decoding.thresholds import operating_point
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
    draw_field: nonfields.Field | None = None,
    nonfield_count: int = NONFIELDS,
) -> dict[str, Any]:
    """Recognizes the fields and measures, see `measure`; adds `nonfields`, see `nonfields_accepted`.

    Args:
        recognizer: with the model's confidence.
        labeled: the fields and their labels.
        thresholds: the model's, to be applied.
        parts, seed: the folds and their seed, if the confidence was fitted on these very fields.
        draw_field: draws fields, which are shown upside down as pictures that are no field.
        nonfield_count: how many pictures that are no field are recognized.
    """
    recognized = recognize(recognizer, labeled)
    confidence = None if parts is None else out_of_fold(recognized, correct(recognized, labeled), parts)
    record = measure(recognized, labeled, confidence, seed, thresholds)
    return {**record, "nonfields": nonfields_accepted(recognizer, thresholds, nonfield_count, draw_field)}


def measure(
    recognized: Sequence[RecognizedField],
    labeled: Labeled,
    confidence: Sequence[float] | None = None,
    seed: int | None = None,
    thresholds: Sequence[Threshold] = (),
) -> dict[str, Any]:
    """Measures recognized fields against their labels; returns plain JSON values.

    Args:
        recognized: one for each labeled field.
        labeled: the fields and their labels.
        confidence: out-of-fold confidences instead of the fields' own, see `field_calibration.out_of_fold`.
            Rejection is still measured in the order of the fields' own confidences, which the folds' curves
            would shuffle.
        seed: of the folds, for the record.
        thresholds: the model's, to be applied.
    """
    exact_flags, correct_flags = exact(recognized, labeled), correct(recognized, labeled)
    decoder_score, score = scores(recognized), scores(recognized, confidence)
    wrong = ~correct_flags
    return {
        "data": labeled.record(),
        "n": len(recognized),
        "seed": seed,
        "confidence": "reader" if confidence is None else "out-of-fold",
        "exact": share(exact_flags),
        "exact_written": share(exact_written(recognized, labeled)) if labeled.marks else None,
        "amounts": _amounts(recognized, labeled),
        **_digits(recognized, labeled),
        "views": mean_views(recognized),
        "unread": sum(not field.text for field in recognized),
        "by_length": [
            {"length": length, **share(exact_flags[[len(digits) == length for digits in labeled.digits]])}
            for length in sorted({len(digits) for digits in labeled.digits})
        ],
        "by_touching": shares_by(exact_flags, map(_touching, labeled.boxes)),
        "by_separators": shares_by(
            exact_flags, (_separators(written, labeled) for written in labeled.written)
        ),
        "boxes": _boxes(recognized, labeled, exact_flags),
        "error_reject": error_reject(decoder_score, wrong),
        "measured": [
            msgspec.to_builtins(entry) for entry in uncertified_thresholds(decoder_score, wrong, 0.0)
        ],
        "thresholds": [msgspec.to_builtins(apply_threshold(entry, score, wrong)) for entry in thresholds],
        "calibration_error": {
            "before": expected_error(
                scores(recognized, [field.probability for field in recognized]), correct_flags
            ),
            "after": expected_error(score, correct_flags),
        },
        "reliability": reliability(score[score > 0], correct_flags[score > 0]),
        "worst": _worst(recognized, labeled, score, wrong),
    }


def anonymized(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the record without names and labels of single fields, which are the user's and not for release."""
    return {key: value for key, value in record.items() if key != "worst"}


def share(flags: Flags) -> dict[str, Any]:
    """Returns the share that is true with its 95 % Clopper–Pearson interval; `value` is None if there are none."""
    count, n = int(flags.sum()), len(flags)
    low, high = interval(count, n)
    return {"value": count / n if n else None, "low": low, "high": high, "n": n}


def shares_by(flags: Flags, names: Iterable[str]) -> dict[str, Any]:
    """Returns the share that is true of those with each name."""
    names_array = np.array(list(names))
    return {str(name): share(flags[names_array == name]) for name in np.unique(names_array)}


def _touching(boxes: Sequence[Box] | None) -> str:
    """Names whether any two neighbors' boxes overlap or meet from left to right."""
    if boxes is None:
        return "unknown"
    spans = sorted((x, x + width) for x, _, width, _ in boxes)
    return "touching" if any(b[0] <= a[1] for a, b in itertools.pairwise(spans)) else "apart"


def _separators(written: str, labeled: Labeled) -> str:
    if not labeled.marks:
        return "unknown"
    return "without" if written.isdigit() else "with"


def _amounts(recognized: Sequence[RecognizedField], labeled: Labeled) -> dict[str, Any] | None:
    """Measures the share of right amounts among the labels that have one."""
    labeled_amounts = np.array([amount is not None for amount in labeled.amounts], np.bool_)
    return share(amount_right(recognized, labeled)[labeled_amounts]) if labeled_amounts.any() else None


def _digits(recognized: Sequence[RecognizedField], labeled: Labeled) -> dict[str, Any]:
    """Counts the digit error rate (Levenshtein distance over digits written) and which digit is read as which."""
    confusion = np.zeros((10, 11), int)
    inserted = np.zeros(10, int)
    for field, digits in zip(recognized, labeled.digits, strict=True):
        for written, read in align(digits, field.text):
            if written:
                confusion[int(written), int(read) if read else _MISSED] += 1
            else:
                inserted[int(read)] += 1
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


def _boxes(
    recognized: Sequence[RecognizedField], labeled: Labeled, exact_flags: Flags
) -> dict[str, Any] | None:
    """Measures how well boxes cover the labeled ones, in exact fields; in others the pairs are unknown."""
    overlaps, fields = [], 0
    for field, boxes, is_exact in zip(recognized, labeled.boxes, exact_flags, strict=True):
        if is_exact and boxes is not None:
            fields += 1
            overlaps += [iou(box, other) for box, other in zip(field.boxes, boxes, strict=True)]
    if not overlaps:
        return None
    overlap_array = np.array(overlaps)
    return {
        "mean_iou": float(overlap_array.mean()),
        "iou_50": float((overlap_array >= 0.5).mean()),
        "fields": fields,
        "digits": len(overlaps),
    }


def iou(left: Box, right: Box) -> float:
    """Returns the intersection over union of two boxes x, y, width, height."""
    across, down = (
        max(0.0, min(left[i] + left[i + 2], right[i] + right[i + 2]) - max(left[i], right[i])) for i in (0, 1)
    )
    union = left[2] * left[3] + right[2] * right[3] - across * down
    return across * down / union if union else 0.0


def error_reject(score: Floats, wrong: Flags) -> list[dict[str, float]]:
    """Measures the error among the accepted while the least confident 0, 5, … 95 % are rejected.

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


def _worst(
    recognized: Sequence[RecognizedField], labeled: Labeled, score: Floats, wrong: Flags
) -> list[dict[str, Any]]:
    order = [i for i in np.argsort(-score, kind="stable") if wrong[i]][:WORST]
    return [
        {
            "file": labeled.files[i],
            "text": labeled.written[i].replace(EITHER, "."),
            "read": recognized[i].written,
            "confidence": float(score[i]),
            "probability": recognized[i].probability,
            "problem": recognized[i].problem,
        }
        for i in order
    ]


def nonfields_accepted(
    recognizer: FieldRecognizer,
    thresholds: Sequence[Threshold],
    count: int = NONFIELDS,
    draw_field: nonfields.Field | None = None,
) -> dict[str, Any]:
    """Counts the pictures that are no field and are accepted at the default operating point.

    Returns:
        `n`, `accepted`, the `threshold` and each kind's `highest` confidence. Without a threshold nothing is accepted.
    """
    applied = operating_point(thresholds).threshold
    threshold = None if applied is None else applied.threshold
    score_by_kind = {
        kind: scores(recognized)
        for kind, recognized in recognize_nonfields(recognizer, count, nonfields.TEST, draw_field).items()
    }
    accepted = (
        sum(int(((score >= threshold) & (score > 0)).sum()) for score in score_by_kind.values())
        if threshold is not None
        else 0
    )
    return {
        "n": sum(map(len, score_by_kind.values())),
        "accepted": accepted,
        "threshold": threshold,
        "highest": {kind: float(score.max(initial=0.0)) for kind, score in score_by_kind.items()},
    }


def summary(record: dict[str, Any]) -> str:
    """Formats the record in a few lines for the screen."""
    exact, rate, ece = record["exact"], record["digit_error_rate"], record["calibration_error"]
    lines = [
        f"{record['data']['name']}: {_percent(exact)} of {exact['n']:,} strings exact; digit errors "
        f"{rate['value']:.2%} of {rate['digits']:,} ({rate['substituted']} misread, {rate['missed']} missed, "
        f"{rate['inserted']} made up); calibration error {ece['before']:.2%} → {ece['after']:.2%}; "
        f"{record['views']:.2f} views a field"
    ]
    if record["exact_written"]:
        lines.append(f"  with marks {_percent(record['exact_written'])}")
    if record["amounts"]:
        lines.append(f"  amounts {_percent(record['amounts'])} of {record['amounts']['n']:,}")
    groups: list[tuple[str, Callable[[], Iterable[tuple[str, dict[str, Any]]]]]] = [
        ("by length", lambda: ((str(row["length"]), row) for row in record["by_length"])),
        ("digits", record["by_touching"].items),
        ("marks", record["by_separators"].items),
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
