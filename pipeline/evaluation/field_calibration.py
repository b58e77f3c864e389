"""From a string's probability to a confidence that means what it says, and to thresholds for saying no.

Fitted on labeled development fields; `evaluate` measures what it gives.

- Confidence: a logistic curve over the log-odds of the decoder's probability (Platt: Probabilistic
  Outputs for Support Vector Machines, in Advances in Large Margin Classifiers, MIT Press 1999). The
  parameters that are released come from all fields. Whatever is counted, though, is counted out of fold:
  each field gets its confidence from parameters that were fitted without it.
- `thresholds` are certified: the smallest at which the upper end of the one-sided 95 % Clopper–Pearson
  interval of the error among the accepted stays below the wanted rate. Even without any error that takes
  299 accepted fields for 1 %. A rate that the fields cannot support gets none, and `refusals` says why.
- `measured` is not certified: the smallest threshold at which the error counted on these same fields stays
  below the rate. It is what publications call "accepted at 1 % error", and half of the time too
  optimistic on other fields; no service may promise it.
- No threshold lies below the floor, which turns away pictures that are no field: all but one in 1,000.
  One in 50,000, as for digits, leaves next to nothing: upside down, fields are digits again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.optimize import minimize

from pipeline.data.labeled_fields import Index
from pipeline.evaluation.field_readings import RecognizedField, calibrated, scores, served_confidence
from pipeline.metrics.calibration import (
    CONFIDENCE,
    Flags,
    Floats,
    candidates,
    minimum_threshold,
    supported_thresholds,
    threshold_at,
    upper_bound,
)
from serving.decoding import field_string
from serving.errors import CheckreaderError
from serving.manifest import Confidence, Threshold

ERROR_RATES: Final = (0.05, 0.03, 0.02, 0.01, 0.005)
NONFIELD_RATE: Final = 1 / 1_000
_LEAST: Final = 1e-6  # above the 0 of what is never accepted


@dataclasses.dataclass(frozen=True)
class FieldCalibration:
    """What `fit` chose; `highest` is the highest confidence of each kind of picture that is no field."""

    confidence: Confidence
    floor: float
    nonfields: int
    highest: dict[str, float]
    thresholds: tuple[Threshold, ...]
    refusals: tuple[str, ...]
    measured: tuple[Threshold, ...]


def fit(
    readings: Sequence[RecognizedField],
    right: Flags,
    parts: Sequence[Index],
    nonfields: Mapping[str, Sequence[RecognizedField]] | None = None,
    nonfield_rate: float = NONFIELD_RATE,
) -> FieldCalibration:
    """Fits confidence, floor and thresholds.

    Args:
        readings: of the development fields.
        right: bool [N], see `reading.correct`.
        parts: the folds, of `labeled.folds`.
        nonfields: by kind, readings of pictures that are no field, see `field_readings.read_nonfields`; some thousands.
        nonfield_rate: the share of such pictures that may reach the floor.

    Raises:
        CheckreaderError: nothing was read, so that there is nothing to fit.
    """
    if not any(raw.problem is None for raw in readings):
        raise CheckreaderError(
            f"calibration: none of the {len(readings)} labeled fields could be read: "
            "check that the pictures are dark writing on light paper, one field each"
        )
    fitted = platt(readings, right)
    others = {kind: scores(calibrated(raws, fitted)) for kind, raws in (nonfields or {}).items()}
    least = nonfield_threshold(np.concatenate([np.zeros(0), *others.values()]), nonfield_rate)
    score, wrong = scores(readings, out_of_fold(readings, right, parts)), ~right
    thresholds = supported_thresholds(score, wrong, ERROR_RATES, max(least, _LEAST))
    return FieldCalibration(
        fitted,
        least,
        sum(map(len, others.values())),
        {kind: float(found.max(initial=0.0)) for kind, found in others.items()},
        thresholds,
        explain_refusals(score, wrong, thresholds, least),
        uncertified_thresholds(score, wrong, least),
    )


def platt(readings: Sequence[RecognizedField], right: Flags) -> Confidence:
    """Platt's curve: the likeliest scale ≥ 0 and offset.

    His targets (n₊ + 1)/(n₊ + 2) and 1/(n₋ + 2) instead of 1 and 0 keep it finite where all are right.
    """
    read = np.array([raw.problem is None for raw in readings], np.bool_)
    x = np.array([field_string.logit(raw.probability) for raw in readings])[read]
    hit = right[read]
    target = np.where(hit, (hit.sum() + 1) / (hit.sum() + 2), 1 / ((~hit).sum() + 2))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[0] * x + parameters[1]
        error = 0.5 * (1 + np.tanh(z / 2)) - target
        value = float((np.logaddexp(0, z) - target * z).mean())
        return value, np.array([(error * x).mean(), error.mean()])

    # A confidence that falls while the probability rises would be a fault of the fields at hand.
    found = minimize(
        loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)]
    )
    return Confidence(float(found.x[0]), float(found.x[1]))


def out_of_fold(readings: Sequence[RecognizedField], right: Flags, parts: Sequence[Index]) -> list[float]:
    """Each field's confidence by the curve that was fitted to the other folds' fields."""
    found = [0.0] * len(readings)
    for part in parts:
        held = np.zeros(len(readings), np.bool_)
        held[part] = True
        rest = [raw for raw, out in zip(readings, held, strict=True) if not out]
        fitted = platt(rest, right[~held]) if any(raw.problem is None for raw in rest) else None
        for i in part:
            found[i] = served_confidence(field_string.confidence(readings[i].probability, fitted))
    return found


def nonfield_threshold(confidence: Floats, rate: float = NONFIELD_RATE) -> float:
    """The threshold that a share of `rate` of the pictures without a field would reach.

    Args:
        confidence: float [M] of such pictures; 0 where they are never accepted, which says nothing
            about how the others are distributed.
    """
    read = confidence[confidence > 0]
    return minimum_threshold(read, rate * len(confidence) / len(read)) if len(read) else 0.0


def uncertified_thresholds(
    score: Floats, wrong: Flags, least: float, rates: Sequence[float] = ERROR_RATES
) -> tuple[Threshold, ...]:
    """Per rate the smallest threshold at which the *counted* error stays below it: no certificate.

    A rate that no threshold reaches, since the surest fields are among the wrong ones, is left out.

    Args:
        score: float [N], 0 where a reading is never accepted.
        wrong: bool [N].
        least: no threshold is smaller.
        rates: the wanted error rates.
    """
    least = max(least, _LEAST)
    errors, count, usable = candidates(score, wrong, least)
    best = [(rate, np.flatnonzero(usable & (errors / count <= rate))) for rate in rates]
    return tuple(threshold_at(score, wrong, int(ks[-1]), rate, least) for rate, ks in best if len(ks))


def fields_needed(rate: float) -> int:
    """How many accepted fields without an error certify a rate: (1 − rate)ⁿ ≤ 5 %; 299 for 1 %."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-rate))


def explain_refusals(
    score: Floats, wrong: Flags, thresholds: Sequence[Threshold], least: float
) -> tuple[str, ...]:
    """One line for each of `ERROR_RATES` that got no threshold: why not."""
    errors, count, usable = candidates(score, wrong, max(least, _LEAST))
    lines = []
    for rate in ERROR_RATES:
        if any(entry.max_error == rate for entry in thresholds):
            continue
        line = f"{rate}: needs at least {fields_needed(rate)} accepted fields without an error, "
        above = int(count[usable].max(initial=0))
        if len(score) < fields_needed(rate):
            line += f"the calibration set has {len(score)}"
        elif above < fields_needed(rate):
            line += (
                f"{above} of the calibration set's {len(score)} lie above {least:.6f}, "
                "below which pictures that are no field would be accepted"
            )
        else:
            bound = np.where(usable, upper_bound(errors, count), 1.0)
            k = int(np.argmin(bound))
            line += (
                f"the calibration set's best are {count[k]} with {errors[k]} wrong: "
                f"at 95 % confidence an error of up to {bound[k]:.4f}"
            )
        lines.append(line)
    return tuple(lines)
