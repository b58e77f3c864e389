"""Turns probabilities into digit predictions, and holds the one rule by which readings are accepted.

A model certifies some bounds on the share of errors among the accepted, each with its threshold. `operating_point`
chooses among them for every caller: the service, the command, the Python interface, the page and the evaluation.

A digit has to show evidence, too, of being one: the mean of −ln p over the ten probabilities, the cross-entropy of the
uniform distribution, which training makes least for pictures that are no digit (Hendrycks, Mazeika, Dietterich: Deep Anomaly
Detection with Outlier Exposure, ICLR 2019). A scribble like a 7 may have a large probability; that nothing else is
nearly as unlikely as beside a written 7 gives it away.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from serving.errors import CheckreaderError
from serving.manifest import Model, Threshold
from serving.runtime.network import Array

# The wanted error bound where none is named, and the largest that stands in for it.
MAX_ERROR: Final = 0.01
LARGEST_DEFAULT: Final = 0.05
BLANK: Final = "blank: no ink found"
_NOTHING: Final = "nothing is accepted"
_TOP: Final = 3
_TINY: Final = 1e-38  # float32's smallest normal number, about


class Choice(msgspec.Struct, frozen=True):
    """A digit with its probability."""

    digit: int
    probability: float


class DigitPrediction(msgspec.Struct, frozen=True):
    """A recognized digit.

    `page` is the number of its page in the picture, from 1, `reason` says why it is not accepted, `top` are the
    likeliest digits, best first.
    """

    page: int
    digit: int
    confidence: float
    accepted: bool
    reason: str | None
    top: list[Choice]


@dataclass(frozen=True)
class OperatingPoint:
    """What is accepted at a wanted error bound; made by `operating_point`.

    Attributes:
        max_error: the wanted bound: the largest tolerated share of errors among the accepted.
        threshold: the certified bound that is applied, with its threshold; None: nothing is accepted.
        reason: why nothing is accepted; None where `threshold` is given.
        least_evidence: what a digit has to show, see `evidence`; None: nothing is asked for.
    """

    max_error: float
    threshold: Threshold | None
    reason: str | None
    least_evidence: float | None = None

    @property
    def applied_max_error(self) -> float | None:
        """The certified bound that is applied; None: nothing is accepted."""
        return None if self.threshold is None else self.threshold.max_error

    @property
    def bounds(self) -> dict[str, float | None]:
        """The wanted and the applied bound under the names that every answer gives them."""
        return {"max_error": self.max_error, "applied_max_error": self.applied_max_error}

    @property
    def least_confidence(self) -> float | None:
        """The lowest confidence that is accepted; None: nothing is accepted."""
        return None if self.threshold is None else self.threshold.threshold

    def __str__(self) -> str:
        applied = "none is applied" if self.threshold is None else f"{self.threshold.max_error} is applied"
        return f"max_error {self.max_error} is wanted, {applied}"


def point_of(model: Model, max_error: float | None = None) -> OperatingPoint:
    """Returns a model's operating point; argument and error as for `operating_point`."""
    return operating_point(model.thresholds, max_error, model.least_evidence)


def operating_point(
    thresholds: Sequence[Threshold], max_error: float | None = None, least_evidence: float | None = None
) -> OperatingPoint:
    """Applies the one rule for accepting: of the certified bounds the largest that is not above the wanted one.

    Args:
        thresholds: the model's, one for each certified bound.
        max_error: the wanted bound, above 0 and at most 1; None = `default_max_error`.
        least_evidence: the model's, of digits; None = nothing is asked for.

    Returns:
        The operating point; where no bound is that small, one at which nothing is accepted, with the reason.

    Raises:
        CheckreaderError: `max_error` is no such share.
    """
    wanted = default_max_error(thresholds) if max_error is None else max_error
    if not 0 < wanted <= 1:
        raise CheckreaderError(f"max_error must be above 0 and at most 1, got {wanted}")
    applicable = [entry for entry in thresholds if entry.max_error <= wanted]
    if applicable:
        return OperatingPoint(wanted, max(applicable, key=_bound), None, least_evidence)
    if not thresholds:
        return OperatingPoint(wanted, None, f"{_NOTHING}: this model certifies no error bound")
    *others, last = (f"{entry.max_error}" for entry in sorted(thresholds, key=_bound))
    certified = f"{', '.join(others)} and {last}" if others else last
    return OperatingPoint(
        wanted, None, f"{_NOTHING}: this model certifies max_error {certified}, none as low as {wanted}"
    )


def default_max_error(thresholds: Sequence[Threshold]) -> float:
    """Returns the wanted bound where none is named: `MAX_ERROR`, else the smallest certified one above it.

    A bound above `LARGEST_DEFAULT` is applied only where it is named.
    """
    smallest = min((entry.max_error for entry in thresholds), default=MAX_ERROR)
    return smallest if MAX_ERROR < smallest <= LARGEST_DEFAULT else MAX_ERROR


def distinct(thresholds: Iterable[Threshold]) -> tuple[Threshold, ...]:
    """Lists equal thresholds once, under the smallest bound that they certify; the order stays."""
    smallest: dict[float, Threshold] = {}
    for entry in thresholds:
        known = smallest.setdefault(entry.threshold, entry)
        smallest[entry.threshold] = min(known, entry, key=_bound)
    return tuple(smallest.values())


def _bound(entry: Threshold) -> float:
    return entry.max_error


def evidence(probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Computes the evidence that there is a digit, float64 [N], in nats: ln 10 at least, and more the surer it is.

    Args:
        probabilities: float32 [N, 10].
    """
    return np.asarray(-np.log(np.maximum(probabilities.astype(np.float64), _TINY)).mean(1))


def digit_predictions(
    probabilities: npt.NDArray[np.float32],
    blank: npt.NDArray[np.bool_],
    point: OperatingPoint,
    pages: Sequence[int],
) -> list[DigitPrediction]:
    """Predicts a digit from each row.

    Args:
        probabilities: float32 [N, 10], index = digit; of equals the lowest index wins.
        blank: bool [N], True where normalization found no ink.
        point: what is accepted.
        pages: the number of the page that each row was read from.
    """
    # Stable, so that the lower of two equal digits comes first.
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :_TOP]
    evidences: list[float] = evidence(probabilities).tolist()
    predictions = []
    for row, best, empty, shown, page in zip(
        probabilities, order.tolist(), blank.tolist(), evidences, pages, strict=True
    ):
        top = [Choice(digit, shortest_float(row[digit])) for digit in best]
        # The rounded confidence is compared, so that a client who compares for itself agrees.
        confidence = top[0].probability
        reason = BLANK if empty else rejection_reason(confidence, point) or _unlike(shown, point)
        predictions.append(DigitPrediction(page, best[0], confidence, reason is None, reason, top))
    return predictions


def classification(scores: npt.NDArray[np.floating[Any]], classes: int, labels: Sequence[str]) -> Array:
    """Lists the best classes of each row as Triton's classification extension writes them.

    Args:
        scores: [N, K]; of equals the lowest index wins.
        classes: how many to return; K at most are.
        labels: of the K classes, or none.

    Returns:
        Object array [N, classes] of bytes, "value:index:label" or "value:index", best first.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :classes]
    entries = np.empty(order.shape, object)
    for row, best in enumerate(order.tolist()):
        for column, index in enumerate(best):
            label = f":{labels[index]}" if index < len(labels) else ""
            entries[row, column] = f"{scores[row, index]:.6f}:{index}{label}".encode()
    return entries


def rejection_reason(confidence: float, point: OperatingPoint) -> str | None:
    """Returns why a prediction of that confidence is rejected, or None where it is accepted."""
    threshold = point.threshold
    if threshold is None:
        return point.reason
    if confidence >= threshold.threshold:
        return None
    rounded = math.floor(confidence * 1000) / 1000  # down: 0.9299 is not "0.93, below 0.93"
    below = f"{threshold.threshold:.6g}, the threshold for max_error {threshold.max_error}"
    return f"unsure: confidence {rounded:.3f} is below {below}"


def _unlike(shown: float, point: OperatingPoint) -> str | None:
    """Returns why a picture with that evidence is rejected, or None where it is accepted."""
    if point.least_evidence is None or shown >= point.least_evidence:
        return None
    rounded = math.floor(shown * 1000) / 1000
    return f"unlike a digit: evidence {rounded:.3f} is below {point.least_evidence:.6g}"


def shortest_float(number: np.float32) -> float:
    """Returns the float with the fewest digits that is still this float32: 0.998, not 0.9980000257492065."""
    return float(str(number))
