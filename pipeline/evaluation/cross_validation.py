"""Reports a k-fold cross-validation on labeled fields: each field is read by a network that never saw it.

The caller trains one network for each part of `labeled_fields.folds`, on the others, and recognizes the part
with it; here the results become one report (Stone: Cross-Validatory Choice and Assessment of Statistical
Predictions, Journal of the Royal Statistical Society B 36, 1974).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from scipy.stats import t

from pipeline.data.folds import Index
from pipeline.data.labeled_fields import Labeled
from pipeline.evaluation import field_calibration
from pipeline.evaluation.field import measure, share, summary
from pipeline.evaluation.field_readings import RecognizedField, correct, exact
from pipeline.metrics.calibration import CONFIDENCE
from serving.errors import CheckreaderError

FOLDS: Final = 5


def pooled(
    parts: Sequence[Index], recognized: Sequence[Sequence[RecognizedField]], count: int
) -> list[RecognizedField]:
    """Puts the recognized fields of all parts in the order of the labeled fields.

    Args:
        parts: per fold the indices of the fields that were held out.
        recognized: per fold these fields, in that order.
        count: how many fields there are.

    Raises:
        CheckreaderError: a field is missing, or occurs more than once.
    """
    by_index = {
        int(i): field
        for part, part_fields in zip(parts, recognized, strict=True)
        for i, field in zip(part, part_fields, strict=True)
    }
    if sorted(by_index) != list(range(count)) or sum(map(len, parts)) != count:
        raise CheckreaderError(f"cross-validation: the folds do not hold each of {count} fields once")
    return [by_index[i] for i in range(count)]


def report(
    labeled: Labeled,
    parts: Sequence[Index],
    recognized: Sequence[Sequence[RecognizedField]],
    seed: int,
    nonfields: Mapping[str, Sequence[RecognizedField]] | None = None,
) -> dict[str, Any]:
    """Reports on networks trained on such fields.

    Args:
        labeled: all fields.
        parts: of `labeled_fields.folds`, per fold the fields that were held out.
        recognized: per fold these fields, by the network that was trained without them.
        seed: the folds'.
        nonfields: by kind, recognized pictures that are no field, by any of the networks.

    Returns:
        `folds`: the exact strings of each; `mean` over the folds with Student's t interval, a little too
        narrow since the folds' networks share training fields (Bengio, Grandvalet, JMLR 5, 2004); `pooled`:
        `field.measure` of all fields with out-of-fold confidences; `calibration`: the result of
        `field_calibration.fit`.
    """
    fields = pooled(parts, recognized, len(labeled))
    exact_flags, correct_flags = exact(fields, labeled), correct(fields, labeled)
    confidence = field_calibration.out_of_fold(fields, correct_flags, parts)
    development = field_calibration.ReadSet(labeled.name, fields, correct_flags)
    folds = [{"fold": i, **share(exact_flags[part])} for i, part in enumerate(parts)]
    return {
        "folds": folds,
        "mean": mean([fold["value"] for fold in folds]),
        "pooled": measure(fields, labeled, confidence, seed),
        "calibration": msgspec.to_builtins(field_calibration.fit(development, parts, nonfields)),
    }


def mean(values: Sequence[float]) -> dict[str, Any]:
    """Returns the mean of the folds' values with its 95 % Student's t interval, cut off at 0 and 1."""
    center = statistics.fmean(values)
    half = t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return {
        "value": center,
        "low": max(0.0, float(center - half)),
        "high": min(1.0, float(center + half)),
        "folds": len(values),
    }


def format_report(record: dict[str, Any]) -> str:
    """Formats the report in a few lines for the screen."""
    mean_record = record["mean"]
    folds = ", ".join(f"{fold['value']:.1%}" for fold in record["folds"])
    lines = [
        f"{mean_record['folds']}-fold cross-validation: {mean_record['value']:.2%} of strings exact "
        f"({mean_record['low']:.2%}–{mean_record['high']:.2%}); per fold {folds}",
        summary(record["pooled"]),
    ]
    lines += [f"  no threshold for max_error {line}" for line in record["calibration"]["refusals"]]
    return "\n".join(lines)
