"""Calibrates a string's probability to a confidence, and finds the thresholds from which fields are accepted.

Both are fitted on labeled development fields; `evaluation.field` measures them.

- Confidence: a logistic curve over the log-odds of the decoder's probability (Platt: Probabilistic
  Outputs for Support Vector Machines, in Advances in Large Margin Classifiers, MIT Press 1999). The
  parameters that are released come from all fields. All counts, though, are out of fold: each field gets
  its confidence from parameters that were fitted without it.
- `thresholds` are certified by the walk of `pipeline.metrics.certification`, which other sets may contradict. Even
  without any error that takes 299 accepted fields for 1 %. A rate that the fields cannot support gets none, and
  `refusals` says why.
- `measured` is not certified: the smallest threshold at which the error counted on these same fields stays
  below the rate. Publications call it "accepted at 1 % error"; half of the time it is too optimistic on
  other fields, and no service may promise it.
- No threshold lies below the minimum threshold (`floor`), which rejects pictures that are no field: all but
  one in 1,000. One in 50,000, as for digits, would accept next to nothing: upside down, fields are digits again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np
from scipy.optimize import minimize

from pipeline.data.folds import Index
from pipeline.evaluation.field_readings import RecognizedField, calibrated, scores, served_confidence
from pipeline.metrics import certification
from pipeline.metrics.calibration import (
    ERROR_RATES,
    Flags,
    Floats,
    accepted_needed,
    candidates,
    minimum_threshold,
    threshold_at,
    upper_bound,
)
from pipeline.metrics.certification import Scored, ScoredSet
from serving.decoding import field_string
from serving.errors import CheckreaderError
from serving.manifest import Confidence, Threshold

NONFIELD_RATE: Final = 1 / 1_000
MIN_THRESHOLD: Final = 1e-6  # above the score 0 of fields that are never accepted


@dataclasses.dataclass(frozen=True)
class SetCount:
    """What the threshold of a bound accepts of a set of fields, and how many of these are wrong."""

    name: str
    n: int
    max_error: float
    accepted: int
    wrong: int


@dataclasses.dataclass(frozen=True)
class FieldCalibration:
    """The result of `fit`.

    Attributes:
        confidence: the calibration's parameters.
        floor: the minimum threshold.
        nonfields: how many pictures that are no field it was fitted on.
        highest: the highest confidence of each kind of such pictures.
        thresholds: certified.
        refusals: why other error rates have no threshold, one line each.
        measured: thresholds that are not certified.
        sets: what the certified thresholds accept of the development fields, out of fold, and of each other set.
    """

    confidence: Confidence
    floor: float
    nonfields: int
    highest: dict[str, float]
    thresholds: tuple[Threshold, ...]
    refusals: tuple[str, ...]
    measured: tuple[Threshold, ...]
    sets: tuple[SetCount, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class ReadSet:
    """A set of recognized fields with its name, and which are right, see `field_readings.correct`; bool [N]."""

    name: str
    recognized: Sequence[RecognizedField]
    right: Flags


def fit(
    development: ReadSet,
    parts: Sequence[Index],
    nonfields: Mapping[str, Sequence[RecognizedField]] | None = None,
    nonfield_rate: float = NONFIELD_RATE,
    vetoes: Sequence[ReadSet] = (),
) -> FieldCalibration:
    """Fits confidence, minimum threshold and thresholds.

    Args:
        development: the fields that certify.
        parts: the folds, of `labeled_fields.folds`.
        nonfields: by kind, some thousand recognized pictures that are no field, see
            `field_readings.recognize_nonfields`.
        nonfield_rate: the share of such pictures that may reach the minimum threshold.
        vetoes: sets that may contradict a threshold, and certify none.

    Raises:
        CheckreaderError: nothing was read, so that there is nothing to fit.
    """
    recognized, right = development.recognized, development.right
    if not any(field.problem is None for field in recognized):
        raise CheckreaderError(
            f"calibration: none of the {len(recognized)} labeled fields could be read: "
            "check that the pictures are dark writing on light paper, one field each"
        )
    confidence = platt(recognized, right)
    nonfield_scores = {
        kind: scores(calibrated(nonfield, confidence)) for kind, nonfield in (nonfields or {}).items()
    }
    min_threshold = nonfield_threshold(
        np.concatenate([np.zeros(0), *nonfield_scores.values()]), nonfield_rate
    )
    certifying = Scored(development.name, scores(recognized, out_of_fold(recognized, right, parts)), ~right)
    others = [
        Scored(veto.name, scores(calibrated(veto.recognized, confidence)), ~veto.right) for veto in vetoes
    ]
    least = max(min_threshold, MIN_THRESHOLD)
    thresholds = certification.thresholds(certifying, others, ERROR_RATES, least)
    return FieldCalibration(
        confidence,
        min_threshold,
        sum(map(len, nonfield_scores.values())),
        {kind: float(highest.max(initial=0.0)) for kind, highest in nonfield_scores.items()},
        thresholds,
        refusals(certifying, others, thresholds, least, "field", _turned_away(least, "field")),
        uncertified_thresholds(certifying.score, certifying.wrong, min_threshold),
        tuple(count_accepted(scored, entry) for scored in (certifying, *others) for entry in thresholds),
    )


def count_accepted(scored: ScoredSet, entry: Threshold) -> SetCount:
    """Counts what the threshold of a bound accepts of a set."""
    wrong, accepted = scored.counts(entry.threshold)
    return SetCount(scored.name, len(scored.score), entry.max_error, accepted, wrong)


def refusals(
    certifying: ScoredSet,
    others: Sequence[ScoredSet],
    thresholds: Sequence[Threshold],
    least: float,
    noun: str,
    reach: str,
) -> tuple[str, ...]:
    """Explains, one line each, why error rates have no threshold; a smaller rate certifies the larger.

    Args:
        certifying, others: as for `certification.walk`.
        thresholds: that it certified.
        least: no threshold is smaller.
        noun: what is accepted or not.
        reach: how those differ from others that reach `least`, in words.
    """
    lines = []
    for rate in ERROR_RATES:
        if all(entry.max_error > rate for entry in thresholds):
            first = next(certification.walk(certifying, others, rate, least), None)
            why = _shortage(certifying.score, rate, least, reach) if first is None else first.failure
            lines.append(f"{_needs(rate, noun)}{why}")
    return tuple(lines)


class Reading(Protocol):
    """A reading with its probability; one that has a problem is never accepted, however probable."""

    @property
    def probability(self) -> float: ...

    @property
    def problem(self) -> str | None: ...


def platt(recognized: Sequence[Reading], right: Flags) -> Confidence:
    """Fits Platt's curve: the likeliest scale ≥ 0 and offset.

    His targets (n₊ + 1)/(n₊ + 2) and 1/(n₋ + 2) instead of 1 and 0 keep it finite if all are right.
    """
    read = np.array([field.problem is None for field in recognized], np.bool_)
    log_odds = np.array([field_string.logit(field.probability) for field in recognized])[read]
    is_right = right[read]
    target = np.where(is_right, (is_right.sum() + 1) / (is_right.sum() + 2), 1 / ((~is_right).sum() + 2))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters[0] * log_odds + parameters[1]
        error = 0.5 * (1 + np.tanh(z / 2)) - target
        cross_entropy = float((np.logaddexp(0, z) - target * z).mean())
        return cross_entropy, np.array([(error * log_odds).mean(), error.mean()])

    # A confidence that falls while the probability rises would be a fault of the fields at hand.
    solution = minimize(
        loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)]
    )
    return Confidence(float(solution.x[0]), float(solution.x[1]))


def out_of_fold(recognized: Sequence[Reading], right: Flags, parts: Sequence[Index]) -> list[float]:
    """Returns each field's confidence by the curve that was fitted to the other folds' fields."""
    confidences = [0.0] * len(recognized)
    for part in parts:
        held_out = np.zeros(len(recognized), np.bool_)
        held_out[part] = True
        rest = [field for field, is_out in zip(recognized, held_out, strict=True) if not is_out]
        curve = platt(rest, right[~held_out]) if any(field.problem is None for field in rest) else None
        for i in part:
            confidences[i] = served_confidence(field_string.confidence(recognized[i].probability, curve))
    return confidences


def nonfield_threshold(confidence: Floats, rate: float = NONFIELD_RATE) -> float:
    """Returns the threshold that a share of `rate` of the pictures without a field would reach.

    Args:
        confidence: float [M] of such pictures; 0 for those that are never accepted, which do not count for
            the distribution of the others.
        rate: the share.
    """
    read = confidence[confidence > 0]
    return minimum_threshold(read, rate * len(confidence) / len(read)) if len(read) else 0.0


def uncertified_thresholds(
    score: Floats, wrong: Flags, min_threshold: float, rates: Sequence[float] = ERROR_RATES
) -> tuple[Threshold, ...]:
    """Finds for each rate the smallest threshold at which the *counted* error stays below it: no certificate.

    A rate that no threshold reaches, since the surest fields are among the wrong ones, is left out.

    Args:
        score: float [N], 0 for fields that are never accepted.
        wrong: bool [N].
        min_threshold: no threshold is smaller.
        rates: the error rates.
    """
    min_threshold = max(min_threshold, MIN_THRESHOLD)
    errors, count, usable = candidates(score, wrong, min_threshold)
    best = [(rate, np.flatnonzero(usable & (errors / count <= rate))) for rate in rates]
    return tuple(
        threshold_at(score, wrong, int(indices[-1]), rate, min_threshold)
        for rate, indices in best
        if len(indices)
    )


def explain_refusals(
    score: Floats,
    wrong: Flags,
    thresholds: Sequence[Threshold],
    min_threshold: float,
    rates: Sequence[float],
    noun: str,
    reach: str | None = None,
) -> tuple[str, ...]:
    """Explains, one line each, why some of the error rates have no supported threshold; a `noun` is what is read.

    `reach` says in words what turns away pictures that hold none, where that is not `min_threshold`.
    """
    least = max(min_threshold, MIN_THRESHOLD)
    errors, count, usable = candidates(score, wrong, least)
    bound = np.where(usable, upper_bound(errors, count), 1.0)
    lines = []
    for rate in rates:
        if any(entry.max_error <= rate for entry in thresholds):  # a smaller rate certifies the larger
            continue
        why = _shortage(score, rate, least, _turned_away(least, noun, reach))
        if why is None:
            k = int(np.argmin(bound))
            why = (
                f"the calibration set's best are {count[k]} with {errors[k]} wrong: "
                f"at 95 % confidence an error of up to {bound[k]:.4f}"
            )
        lines.append(f"{_needs(rate, noun)}{why}")
    return tuple(lines)


def _needs(rate: float, noun: str) -> str:
    return f"{rate}: needs at least {accepted_needed(rate)} accepted {noun}s without an error, "


def _turned_away(least: float, noun: str, reach: str | None = None) -> str:
    return f"{reach or f'lie above {least:.6f}'}, below which pictures that are no {noun} would be accepted"


def _shortage(score: Floats, rate: float, least: float, reach: str) -> str | None:
    """Says that a set is too small for a rate, or too few of it reach the least threshold; None = neither."""
    needed, above = accepted_needed(rate), int((score >= least).sum())
    if len(score) < needed:
        return f"the calibration set has {len(score)}"
    if above < needed:
        return f"{above} of the calibration set's {len(score)} {reach}"
    return None
