"""Turns probabilities into digit predictions, and applies the threshold that accepts them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from serving.errors import CheckreaderError
from serving.manifest import Threshold
from serving.runtime.network import Array

MAX_ERROR = 0.01
BLANK = "blank: no ink found"
_TOP = 3


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


def choose_threshold(thresholds: Sequence[Threshold], max_error: float = MAX_ERROR) -> Threshold:
    """Chooses the entry with the largest `max_error` that does not exceed the requested one.

    Raises:
        CheckreaderError: `max_error` is not above 0 and at most 1, or below what the calibration data supports.
    """
    if not 0 < max_error <= 1:
        raise CheckreaderError(f"max_error must be above 0 and at most 1, got {max_error}")
    if not thresholds:
        raise CheckreaderError("this model has no thresholds: it does not say what may be accepted")
    smallest = min(entry.max_error for entry in thresholds)
    if max_error < smallest:
        raise CheckreaderError(
            f"max_error {max_error} is below {smallest}, the smallest that the calibration data supports"
        )
    return max(
        (entry for entry in thresholds if entry.max_error <= max_error), key=lambda entry: entry.max_error
    )


def digit_predictions(
    probabilities: npt.NDArray[np.float32],
    blank: npt.NDArray[np.bool_],
    threshold: Threshold,
    pages: Sequence[int],
) -> list[DigitPrediction]:
    """Predicts a digit from each row.

    Args:
        probabilities: float32 [N, 10], index = digit; of equals the lowest index wins.
        blank: bool [N], True where normalization found no ink.
        threshold: as `choose_threshold` gives it.
        pages: the number of the page that each row was read from.
    """
    # Stable, so that the lower of two equal digits comes first.
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :_TOP]
    predictions = []
    for row, best, empty, page in zip(probabilities, order.tolist(), blank.tolist(), pages, strict=True):
        top = [Choice(digit, shortest_float(row[digit])) for digit in best]
        # The rounded confidence is compared, so that a client who compares for itself agrees.
        confidence = top[0].probability
        reason = BLANK if empty else rejection_reason(confidence, threshold)
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


def rejection_reason(confidence: float, threshold: Threshold) -> str | None:
    """Returns why a prediction of that confidence is rejected, or None where it is accepted."""
    if confidence >= threshold.threshold:
        return None
    rounded = math.floor(confidence * 1000) / 1000  # down: 0.9299 is not "0.93, below 0.93"
    below = f"{threshold.threshold:.6g}, the threshold for max_error {threshold.max_error}"
    return f"unsure: confidence {rounded:.3f} is below {below}"


def shortest_float(number: np.float32) -> float:
    """Returns the float with the fewest digits that is still this float32: 0.998, not 0.9980000257492065."""
    return float(str(number))
