"""Which digit, how sure, and whether to believe it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.decoding.thresholds import (
    BLANK,
    choose_threshold,
    classification,
    digit_predictions,
    rejection_reason,
    shortest_float,
)
from serving.errors import CheckreaderError
from serving.manifest import Threshold


def entry(max_error: float, value: float) -> Threshold:
    return Threshold(max_error, value, 0.0, 0.0, 0.1, 0.9, 100)


THRESHOLDS = [entry(0.01, 0.93), entry(0.001, 0.99), entry(0.1, 0.5)]


def row(**probabilities: float) -> np.ndarray:
    """`row(d7=0.9)`: one row of ten."""
    out = np.zeros((1, 10), np.float32)
    for name, value in probabilities.items():
        out[0, int(name[1:])] = value
    return out


def read(probabilities: np.ndarray, max_error: float = 0.01, blank: bool = False):
    (reading,) = digit_predictions(
        probabilities, np.array([blank]), choose_threshold(THRESHOLDS, max_error), [1]
    )
    return reading


@pytest.mark.parametrize(
    ("max_error", "expected"),
    [(0.001, 0.99), (0.005, 0.99), (0.01, 0.93), (0.0999, 0.93), (0.1, 0.5), (1, 0.5)],
)
def test_largest_entry_that_does_not_exceed(max_error: float, expected: float) -> None:
    assert choose_threshold(THRESHOLDS, max_error).threshold == expected


def test_below_what_the_data_supports() -> None:
    with pytest.raises(CheckreaderError, match=r"0\.0001 is below 0\.001, the smallest that the calibration"):
        choose_threshold(THRESHOLDS, 0.0001)


@pytest.mark.parametrize("max_error", [0, -1, 1.01, float("nan"), float("inf")])
def test_no_share(max_error: float) -> None:
    with pytest.raises(CheckreaderError, match="above 0 and at most 1"):
        choose_threshold(THRESHOLDS, max_error)


def test_without_thresholds_nothing_can_be_accepted() -> None:
    with pytest.raises(CheckreaderError, match="no thresholds"):
        choose_threshold([])


def test_accepted() -> None:
    reading = read(row(d7=0.95, d1=0.03, d2=0.02))
    assert (reading.digit, reading.confidence, reading.accepted, reading.reason) == (7, 0.95, True, None)
    assert [(choice.digit, choice.probability) for choice in reading.top] == [(7, 0.95), (1, 0.03), (2, 0.02)]


def test_at_the_threshold() -> None:
    assert read(row(d7=0.93, d1=0.07)).accepted


def test_unsure() -> None:
    reading = read(row(d7=0.412, d1=0.4))
    assert not reading.accepted
    assert reading.reason == "unsure: confidence 0.412 is below 0.93, the threshold for max_error 0.01"


def test_just_below_does_not_read_as_equal() -> None:
    assert "confidence 0.929 is below 0.93" in (read(row(d7=0.92999)).reason or "")


def test_blank_is_never_accepted() -> None:
    reading = read(row(d1=1.0), blank=True)
    assert (reading.digit, reading.accepted, reading.reason) == (1, False, BLANK)


def test_lowest_index_wins_a_tie() -> None:
    reading = read(row(d8=0.4, d3=0.4, d5=0.2))
    assert [choice.digit for choice in reading.top] == [3, 8, 5]


@given(st.lists(st.floats(0, 1, width=32), min_size=10, max_size=10))
def test_agrees_with_argmax(values: list[float]) -> None:
    probabilities = np.array([values], np.float32)
    reading = read(probabilities)
    assert reading.digit == probabilities.argmax()
    assert np.float32(reading.confidence) == probabilities.max()
    assert reading.accepted == (reading.confidence >= 0.93)


def test_rejection_reason() -> None:
    assert rejection_reason(0.93, THRESHOLDS[0]) is None
    assert rejection_reason(0.5, THRESHOLDS[0]) == (
        "unsure: confidence 0.500 is below 0.93, the threshold for max_error 0.01"
    )


def test_classification() -> None:
    scores = np.array([[0.1, 0.7, 0.2], [0.4, 0.2, 0.4]], np.float32)
    labels = ["zero", "one"]
    assert classification(scores, 2, labels).tolist() == [
        [b"0.700000:1:one", b"0.200000:2"],
        [b"0.400000:0:zero", b"0.400000:2"],
    ]
    assert classification(scores, 9, []).shape == (2, 3)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_shortest_float_is_the_same_float32(number: float) -> None:
    assert np.float32(shortest_float(np.float32(number))) == np.float32(number)


def test_shortest_float_is_short() -> None:
    assert repr(shortest_float(np.float32(0.998))) == "0.998"
