"""Probabilities → readings: which digit, how sure, and whether it may be booked unseen."""

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
    digit: int
    probability: float


class DigitPrediction(msgspec.Struct, frozen=True):
    """`reason` says why a reading is not accepted; `top` are the likeliest digits, best first."""

    digit: int
    confidence: float
    accepted: bool
    reason: str | None
    top: list[Choice]


def choose_threshold(thresholds: Sequence[Threshold], max_error: float = MAX_ERROR) -> Threshold:
    """The entry with the largest `max_error` that does not exceed the requested one.

    Raises:
        CheckreaderError: `max_error` is no share, or below what the calibration data supports.
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
    probabilities: npt.NDArray[np.float32], blank: npt.NDArray[np.bool_], bar: Threshold
) -> list[DigitPrediction]:
    """One reading for each row.

    Args:
        probabilities: float32 [N, 10], index = digit; of equals the lowest index wins.
        blank: bool [N], True where normalization found no ink.
        bar: what `threshold` chose.
    """
    # Stable, so that the lower of two equal digits comes first.
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :_TOP]
    result = []
    for row, best, empty in zip(probabilities, order.tolist(), blank.tolist(), strict=True):
        top = [Choice(digit, shortest_float(row[digit])) for digit in best]
        # Judged as it is shown, so that a client who compares for itself agrees.
        confidence = top[0].probability
        reason = BLANK if empty else rejection_reason(confidence, bar)
        result.append(DigitPrediction(best[0], confidence, reason is None, reason, top))
    return result


def classification(scores: npt.NDArray[np.floating[Any]], classes: int, labels: Sequence[str]) -> Array:
    """The best classes of each row in the words of Triton's classification extension.

    Args:
        scores: [N, K]; of equals the lowest index wins.
        classes: how many are wanted; K at most are returned.
        labels: of the K classes, or none.

    Returns:
        Object array [N, classes] of bytes, "value:index:label" or "value:index", best first.
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :classes]
    found = np.empty(order.shape, object)
    for row, best in enumerate(order.tolist()):
        for column, index in enumerate(best):
            label = f":{labels[index]}" if index < len(labels) else ""
            found[row, column] = f"{scores[row, index]:.6f}:{index}{label}".encode()
    return found


def rejection_reason(confidence: float, bar: Threshold) -> str | None:
    if confidence >= bar.threshold:
        return None
    shown = math.floor(confidence * 1000) / 1000  # down: 0.9299 is not "0.93, below 0.93"
    below = f"{bar.threshold:.6g}, the threshold for max_error {bar.max_error}"
    return f"unsure: confidence {shown:.3f} is below {below}"


def shortest_float(value: np.float32) -> float:
    """The float with the fewest digits that is still this float32: 0.998, not 0.9980000257492065."""
    return float(str(value))
