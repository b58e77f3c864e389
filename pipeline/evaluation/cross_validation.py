"""k-fold cross-validation of a training on labeled fields: each field is read by a network that never saw it.

The caller trains one network for each of `labeled.folds`' parts, on the others, and reads the part with
it; here the readings become one report (Stone: Cross-Validatory Choice and Assessment of Statistical
Predictions, Journal of the Royal Statistical Society B 36, 1974).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from scipy.stats import t

from pipeline.data.labeled_fields import Index, Labeled
from pipeline.evaluation import field_calibration
from pipeline.evaluation.field import measure, share, summary
from pipeline.evaluation.field_readings import RecognizedField, correct, exact
from pipeline.metrics.calibration import CONFIDENCE
from serving.errors import CheckreaderError

FOLDS: Final = 5


def pooled(
    parts: Sequence[Index], readings: Sequence[Sequence[RecognizedField]], count: int
) -> list[RecognizedField]:
    """The readings of all parts in the order of the fields.

    Args:
        parts: per fold the indices of the fields that were held out.
        readings: per fold their readings, in that order.
        count: how many fields there are.

    Raises:
        CheckreaderError: a field has no reading, or more than one.
    """
    found = {
        int(i): raw
        for part, raws in zip(parts, readings, strict=True)
        for i, raw in zip(part, raws, strict=True)
    }
    if sorted(found) != list(range(count)) or sum(map(len, parts)) != count:
        raise CheckreaderError(f"cross-validation: the folds do not hold each of {count} fields once")
    return [found[i] for i in range(count)]


def report(
    labeled: Labeled,
    parts: Sequence[Index],
    readings: Sequence[Sequence[RecognizedField]],
    seed: int,
    nonfields: Mapping[str, Sequence[RecognizedField]] | None = None,
) -> dict[str, Any]:
    """What cross-validation says about networks trained on such fields.

    Args:
        labeled: all fields.
        parts: of `labeled.folds`, per fold the fields that were held out.
        readings: per fold those fields' readings by the network that was trained without them.
        seed: of the folds.
        nonfields: by kind, readings of pictures that are no field, by any of the networks.

    Returns:
        `folds`: the exact strings of each; `mean` over the folds with Student's t interval, a little too
        narrow since the folds' networks share training fields (Bengio, Grandvalet, JMLR 5, 2004); `pooled`:
        `evaluate.measure` of all readings with out-of-fold confidences; `calibration`: what `calibrate.fit`
        makes of them.
    """
    whole = pooled(parts, readings, len(labeled))
    exact_flags, correct_flags = exact(whole, labeled), correct(whole, labeled)
    confidence = field_calibration.out_of_fold(whole, correct_flags, parts)
    folds = [{"fold": i, **share(exact_flags[part])} for i, part in enumerate(parts)]
    return {
        "folds": folds,
        "mean": mean([fold["value"] for fold in folds]),
        "pooled": measure(whole, labeled, confidence, seed),
        "calibration": msgspec.to_builtins(field_calibration.fit(whole, correct_flags, parts, nonfields)),
    }


def mean(values: Sequence[float]) -> dict[str, Any]:
    """Mean of the folds' values with its 95 % Student's t interval, cut off at 0 and 1."""
    center = statistics.fmean(values)
    half = t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return {
        "value": center,
        "low": max(0.0, float(center - half)),
        "high": min(1.0, float(center + half)),
        "folds": len(values),
    }


def format_report(record: dict[str, Any]) -> str:
    """The report in a few lines for the screen."""
    found = record["mean"]
    folds = ", ".join(f"{fold['value']:.1%}" for fold in record["folds"])
    lines = [
        f"{found['folds']}-fold cross-validation: {found['value']:.2%} of strings exact "
        f"({found['low']:.2%}–{found['high']:.2%}); per fold {folds}",
        summary(record["pooled"]),
    ]
    lines += [f"  no threshold for max_error {line}" for line in record["calibration"]["refusals"]]
    return "\n".join(lines)
