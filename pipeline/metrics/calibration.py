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
- No threshold lies below the minimum threshold, which rejects all but one in 50,000 pictures that are no digits.
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

from serving.decoding.thresholds import distinct
from serving.manifest import Threshold

ERROR_RATES: Final = (0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001)
CONFIDENCE: Final = 0.95
NONDIGIT_RATE: Final = 1 / 50_000
_CURVE: Final = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Point:
    """What a threshold accepts on validation: the digits' share, the wrong ones' count, and the non-digits' count."""

    threshold: float
    accepted: float
    wrong: int
    nondigits: int


@dataclasses.dataclass(frozen=True)
class Calibration:
    """The result of `fit`: temperature, the minimum threshold against non-digits, thresholds."""

    temperature: float
    floor: float  # the minimum threshold
    nondigits: int  # pictures that are no digit, which the floor was fitted on
    above: int  # validation digits that reach the floor
    thresholds: tuple[Threshold, ...]
    curve: tuple[Point, ...]


def shortfall(count: int, above: int | None, minimum: float | None) -> str:
    """Says why no error rate is certified: how many digits count, and how many are needed.

    Args:
        count: validation digits.
        above: how many of them reach the minimum threshold; None = unknown.
        minimum: the minimum threshold.
    """
    rate = max(ERROR_RATES)
    reach = f"{count:,} pictures to choose by"
    if above is not None and minimum is not None:
        reach = (
            f"{above:,} of {count:,} pictures to choose by reach the minimum confidence, {minimum:.6f}, which turns away "
            "what is no digit"
        )
    return f"{reach}; max_error {rate} takes at least {accepted_needed(rate)} of them without an error"


def fit(logits: Floats, labels: Labels, nondigit_logits: Floats) -> Calibration:
    """Fits temperature, minimum threshold and thresholds.

    Args:
        logits: float [N, 10] of validation digits.
        labels: int [N].
        nondigit_logits: float [M, 10] of pictures that are no digit; M may be 0.
    """
    t = temperature(logits, labels)
    nondigits = confidence(nondigit_logits, t)
    minimum = minimum_threshold(nondigits)
    probabilities = softmax(logits / t, 1)
    score, wrong = probabilities.max(1), probabilities.argmax(1) != labels
    return Calibration(
        t,
        minimum,
        len(nondigits),
        int((score >= minimum).sum()),
        thresholds(probabilities, labels, minimum),
        curve(score, wrong, nondigits),
    )


def curve(score: Floats, wrong: Flags, nondigit_score: Floats) -> tuple[Point, ...]:
    """Counts what thresholds from 0.5 to 0.9999 accept; arguments are confidences [N], [N] and [M]."""
    return tuple(
        Point(
            threshold,
            float((score >= threshold).mean()),
            int((wrong & (score >= threshold)).sum()),
            int((nondigit_score >= threshold).sum()),
        )
        for threshold in _CURVE
    )


def confidence(logits: Floats, temperature: float) -> Floats:
    """Returns the largest probability per row; [N]."""
    return np.asarray(softmax(logits / temperature, axis=1).max(axis=1, initial=0.0))


def temperature(logits: Floats, labels: Labels) -> float:
    """Finds the temperature that maximizes the likelihood of the labels."""
    rows = np.arange(len(labels))

    def loss(log_t: float) -> float:
        return -float(log_softmax(logits / np.exp(log_t), axis=1)[rows, labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def minimum_threshold(nondigit_confidence: Floats, rate: float = NONDIGIT_RATE) -> float:
    """Estimates the threshold that a share of `rate` of such pictures would reach.

    That share is rarer than the pictures at hand can show, so the highest hundredth of their log-odds is
    continued as an exponential tail (peaks over threshold: Pickands, Annals of Statistics 3, 1975).
    """
    count = len(nondigit_confidence)
    if not count:
        return 0.0
    odds = np.sort(logit(np.clip(nondigit_confidence, 1e-12, 1 - 1e-12)))[::-1]
    tail = max(1, count // 100)
    start = odds[min(tail, count - 1)]
    scale = float((odds[:tail] - start).mean())
    return float(expit(start + scale * max(0.0, np.log(tail / (count * rate)))))


def thresholds(probabilities: Floats, labels: Labels, minimum: float) -> tuple[Threshold, ...]:
    """Finds a threshold for each of `ERROR_RATES` that the digits can support.

    Args:
        probabilities: float [N, 10] of validation digits.
        labels: int [N].
        minimum: no threshold is smaller.
    """
    return supported_thresholds(probabilities.max(1), probabilities.argmax(1) != labels, ERROR_RATES, minimum)


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
