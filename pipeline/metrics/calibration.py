"""Fits calibrated probabilities and reject thresholds to logits.

Everything here is fitted on validation pictures; `evaluate` measures the result
on others.

- Temperature: one number that divides the logits, chosen by likelihood
  (Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017).
- Reject thresholds on the largest probability: for each wanted error rate the
  smallest threshold at which the upper end of the one-sided 95 % Clopper–Pearson
  interval of the error among the accepted digits stays below it (Geifman,
  El-Yaniv: Selective Classification for Deep Neural Networks, NeurIPS 2017).
  A rate that the validation set cannot support gets no threshold, and equal thresholds
  are listed once, under the smallest rate.
- The least evidence that there is a digit (`serving.decoding.thresholds.evidence`): rejects all but one in 100,000 pictures
  that are no digits. A digit with less is not accepted, whatever its probability.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax
from scipy.stats import beta

from serving.decoding.thresholds import distinct, evidence
from serving.manifest import Threshold

ERROR_RATES: Final = (0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001)
CONFIDENCE: Final = 0.95
NONDIGIT_RATE: Final = 1 / 100_000
_CURVE: Final = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0)  # least evidences
_MIN_THRESHOLD: Final = 1e-6  # above the score 0 of digits without evidence

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Point:
    """What a least evidence accepts on validation: the digits' share, the wrong ones' count, and the non-digits' count."""

    least_evidence: float
    accepted: float
    wrong: int
    nondigits: int


@dataclasses.dataclass(frozen=True)
class Calibration:
    """The result of `fit`: temperature, the least evidence against non-digits, thresholds."""

    temperature: float
    least_evidence: float | None  # None: no picture was there that is no digit
    nondigits: int  # pictures that are no digit, which it was fitted on
    above: int  # validation digits that reach it
    thresholds: tuple[Threshold, ...]
    curve: tuple[Point, ...]


def shortfall(count: int, above: int | None, least: float | None) -> str:
    """Says why no error rate is certified: how many digits count, and how many are needed.

    Args:
        count: validation digits.
        above: how many of them reach the least evidence; None = unknown.
        least: the least evidence.
    """
    rate = max(ERROR_RATES)
    reach = f"{count:,} pictures to choose by"
    if above is not None and least is not None:
        reach = (
            f"{above:,} of {count:,} pictures to choose by reach the least evidence, {least:.3f}, which turns away "
            "what is no digit"
        )
    return f"{reach}; max_error {rate} takes at least {accepted_needed(rate)} of them without an error"


def fit(logits: Floats, labels: Labels, nondigit_logits: Floats) -> Calibration:
    """Fits temperature, least evidence and thresholds.

    Args:
        logits: float [N, 10] of validation digits.
        labels: int [N].
        nondigit_logits: float [M, 10] of pictures that are no digit; M may be 0.
    """
    t = temperature(logits, labels)
    return fit_acceptance(softmax(logits / t, 1), labels, softmax(nondigit_logits / t, 1), t)


def fit_acceptance(
    probabilities: Floats, labels: Labels, nondigit_probabilities: Floats, temperature: float
) -> Calibration:
    """Fits least evidence and thresholds at a temperature; arguments as for `fit`, with probabilities for logits."""
    nondigits = evidence(nondigit_probabilities)
    least = tail_quantile(nondigits, NONDIGIT_RATE) if len(nondigits) else None
    shown, wrong = evidence(probabilities), probabilities.argmax(1) != labels
    return Calibration(
        temperature,
        least,
        len(nondigits),
        len(labels) if least is None else int((shown >= least).sum()),
        supported_thresholds(accepted_score(probabilities, least), wrong, ERROR_RATES, _MIN_THRESHOLD),
        curve(shown, wrong, nondigits),
    )


def accepted_score(probabilities: Floats, least_evidence: float | None) -> Floats:
    """Returns the largest probability of each row, [N]; 0 where the evidence is too little to be accepted."""
    score = probabilities.max(1)
    return (
        score if least_evidence is None else np.where(evidence(probabilities) >= least_evidence, score, 0.0)
    )


def curve(shown: Floats, wrong: Flags, nondigits: Floats) -> tuple[Point, ...]:
    """Counts what least evidences from 3 to 12 accept; `shown` [N] and `nondigits` [M] are evidences."""
    return tuple(
        Point(
            least,
            float((shown >= least).mean()),
            int((wrong & (shown >= least)).sum()),
            int((nondigits >= least).sum()),
        )
        for least in _CURVE
    )


def temperature(logits: Floats, labels: Labels) -> float:
    """Finds the temperature that maximizes the likelihood of the labels."""
    rows = np.arange(len(labels))

    def loss(log_t: float) -> float:
        return -float(log_softmax(logits / np.exp(log_t), axis=1)[rows, labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def tail_quantile(values: Floats, rate: float) -> float:
    """Estimates what a share of `rate` of such values exceeds.

    That share is rarer than the values at hand can show, so the highest hundredth of them is continued as an
    exponential tail (peaks over threshold: Pickands, Annals of Statistics 3, 1975).

    Args:
        values: float [M], M ≥ 1.
        rate: the share.
    """
    ordered = np.sort(values)[::-1]
    tail = max(1, len(ordered) // 100)
    start = ordered[min(tail, len(ordered) - 1)]
    scale = float((ordered[:tail] - start).mean())
    return float(start + scale * max(0.0, np.log(tail / (len(ordered) * rate))))


def minimum_threshold(nondigit_confidence: Floats, rate: float) -> float:
    """Estimates the threshold that a share of `rate` of such pictures would reach, by the tail of their log-odds."""
    if not len(nondigit_confidence):
        return 0.0
    return float(expit(tail_quantile(logit(np.clip(nondigit_confidence, 1e-12, 1 - 1e-12)), rate)))


def supported_thresholds(
    score: Floats, wrong: Flags, rates: Sequence[float], minimum: float
) -> tuple[Threshold, ...]:
    """Finds a threshold for each error rate that readings can support, and none for the others.

    Args:
        score: float [N], the confidence of each reading.
        wrong: bool [N].
        rates: the wanted error rates.
        minimum: no threshold is smaller.

    Returns:
        Per supported rate the smallest threshold at which the upper end of the one-sided 95 %
        Clopper–Pearson interval of the error among the accepted stays below it; equal ones once, for the smallest rate.
    """
    errors, count, usable = candidates(score, wrong, minimum)
    upper = upper_bound(errors, count)
    best = [(rate, np.flatnonzero(usable & (upper <= rate))) for rate in rates]
    return distinct(threshold_at(score, wrong, int(ks[-1]), rate, minimum) for rate, ks in best if len(ks))


def accepted_needed(rate: float) -> int:
    """Returns how many accepted readings without an error certify a rate: (1 − rate)ⁿ ≤ 5 %; 299 for 1 %."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-rate))


def candidates(score: Floats, wrong: Flags, minimum: float) -> tuple[Labels, Labels, Flags]:
    """Counts the errors among the k+1 most confident readings, for each k.

    Returns:
        int [N] errors and int [N] accepted readings, and bool [N], True where a threshold of at
        least `minimum` accepts exactly these.
    """
    order = np.argsort(-score, kind="stable")
    # Equal scores are accepted together, so only the last of a tie can be a threshold.
    last = np.append(score[order][1:] < score[order][:-1], True)[: len(score)]
    return np.cumsum(wrong[order]), np.arange(1, len(score) + 1), last & (score[order] >= minimum)


def threshold_at(score: Floats, wrong: Flags, k: int, rate: float, minimum: float) -> Threshold:
    """Returns the threshold that accepts the k+1 most confident readings, with its error rate on them."""
    order = np.argsort(-score, kind="stable")
    errors, count = int(wrong[order[: k + 1]].sum()), k + 1
    threshold = max(minimum, float(score[order[k]])) if count < len(score) else minimum
    low, high = interval(errors, count)
    return Threshold(rate, threshold, errors / count, low, high, count / len(score), len(score))


def apply_threshold(entry: Threshold, score: Floats, wrong: Flags) -> Threshold:
    """Measures a stored threshold on other readings; a score of 0 is never accepted."""
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


def upper_bound(errors: Labels, count: Labels, level: float = CONFIDENCE) -> Floats:
    """Computes the upper end of the one-sided Clopper–Pearson interval; [N]."""
    bound = beta.ppf(level, errors + 1, np.maximum(count - errors, 1))
    return np.where(errors >= count, 1.0, bound)


def interval(errors: int, count: int, level: float = CONFIDENCE) -> tuple[float, float]:
    """Computes the two-sided Clopper–Pearson interval of a rate (Biometrika 26, 1934)."""
    if count == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, errors, count - errors + 1)) if errors else 0.0
    high = float(beta.ppf(1 - tail, errors + 1, count - errors)) if errors < count else 1.0
    return low, high


def calibration_error(probabilities: Floats, labels: Labels, bins: int = 15) -> float:
    """Computes the expected calibration error over equally filled bins of the largest probability."""
    return expected_error(probabilities.max(1), probabilities.argmax(1) == labels, bins)


def expected_error(score: Floats, right: Flags, bins: int = 15) -> float:
    """Computes the expected calibration error over equally filled bins of any probability of being right; both [N]."""
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(len(part) * abs(score[part].mean() - right[part].mean()) for part in parts) / len(score))


def reliability(score: Floats, right: Flags, bins: int = 10) -> list[dict[str, float]]:
    """Returns confidence and accuracy, with its 95 % interval, of the bins of equal width that hold any reading.

    Args:
        score: float [N], the confidences.
        right: bool [N].
        bins: how many bins there are.
    """
    place = np.minimum((score * bins).astype(int), bins - 1)
    filled = []
    for number in np.unique(place):
        in_bin = place == number
        hits, count = int(right[in_bin].sum()), int(in_bin.sum())
        low, high = interval(hits, count)
        filled.append(
            {
                "confidence": float(score[in_bin].mean()),
                "accuracy": hits / count,
                "low": low,
                "high": high,
                "n": count,
            }
        )
    return filled
