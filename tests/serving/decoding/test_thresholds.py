"""Which digit, how sure, and whether to believe it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.decoding.thresholds import (
    BLANK,
    classification,
    default_max_error,
    digit_predictions,
    distinct,
    evidence,
    operating_point,
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
        probabilities, np.array([blank]), operating_point(THRESHOLDS, max_error), [1]
    )
    return reading


def test_evidence() -> None:
    """The cross-entropy of the uniform distribution: ln 10 without any, more the less likely the other digits are."""
    rows = np.full((3, 10), 0.1, np.float32)
    rows[1] = 0.01
    rows[1, 3] = 0.91
    rows[2] = row(d3=1.0)
    assert evidence(rows)[:2] == pytest.approx([math.log(10), -(9 * math.log(0.01) + math.log(0.91)) / 10])
    assert evidence(rows)[2] > 70
    assert np.isfinite(evidence(rows)).all()


def test_a_probability_without_evidence_is_not_accepted() -> None:
    probabilities = np.full((1, 10), 0.005, np.float32)
    probabilities[0, 7] = 0.955
    shown = float(evidence(probabilities)[0])

    def read(least: float | None):
        (reading,) = digit_predictions(
            probabilities, np.array([False]), operating_point(THRESHOLDS, 0.01, least), [1]
        )
        return reading

    assert read(None).accepted
    assert read(shown).accepted
    rejected = read(8.25)
    assert (rejected.digit, rejected.accepted) == (7, False)
    assert rejected.reason == "unlike a digit: evidence 4.773 is below 8.25"


@pytest.mark.parametrize(
    ("max_error", "expected"),
    [(0.001, 0.99), (0.005, 0.99), (0.01, 0.93), (0.0999, 0.93), (0.1, 0.5), (1, 0.5)],
)
def test_largest_entry_that_does_not_exceed(max_error: float, expected: float) -> None:
    point = operating_point(THRESHOLDS, max_error)
    assert point.threshold is not None
    assert point.threshold.threshold == expected
    assert (point.max_error, point.reason) == (max_error, None)


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ([], "nothing is accepted: this model certifies no error bound"),
        ([0.1], "nothing is accepted: this model certifies max_error 0.1, none as low as 0.0001"),
        (
            [0.05, 0.03],
            "nothing is accepted: this model certifies max_error 0.03 and 0.05, none as low as 0.0001",
        ),
        (
            [0.05, 0.02, 0.03],
            "nothing is accepted: this model certifies max_error 0.02, 0.03 and 0.05, none as low as 0.0001",
        ),
    ],
)
def test_below_all_bounds_nothing_is_accepted_and_the_reason_names_them(
    bounds: list[float], reason: str
) -> None:
    point = operating_point([entry(bound, 0.5) for bound in bounds], 0.0001)
    assert (point.threshold, point.applied_max_error, point.reason) == (None, None, reason)
    assert rejection_reason(1.0, point) == reason


@pytest.mark.parametrize("max_error", [0, -1, 1.01, float("nan"), float("inf")])
def test_no_share(max_error: float) -> None:
    with pytest.raises(CheckreaderError, match="above 0 and at most 1"):
        operating_point(THRESHOLDS, max_error)


@pytest.mark.parametrize(
    ("bounds", "wanted", "applied"),
    [
        ([], 0.01, None),
        ([0.01], 0.01, 0.01),
        ([0.002], 0.01, 0.002),
        ([0.05, 0.002, 0.005], 0.01, 0.005),
        ([0.05, 0.03], 0.03, 0.03),
        ([0.02, 0.05], 0.02, 0.02),
        ([0.05], 0.05, 0.05),
        ([0.1, 0.051], 0.01, None),
    ],
)
def test_the_default_is_one_percent_or_the_smallest_above_it_up_to_five(
    bounds: list[float], wanted: float, applied: float | None
) -> None:
    point = operating_point([entry(bound, 0.9) for bound in bounds])
    assert point.bounds == {"max_error": wanted, "applied_max_error": applied}


BOUNDS = st.floats(1e-6, 1)
MODELS = st.lists(st.builds(entry, BOUNDS, st.floats(0, 1)), max_size=6, unique_by=lambda one: one.max_error)


@given(MODELS)
def test_naming_the_default_is_leaving_it_out(thresholds: list[Threshold]) -> None:
    assert operating_point(thresholds, default_max_error(thresholds)) == operating_point(thresholds)


@given(MODELS, BOUNDS, BOUNDS)
def test_a_larger_bound_applies_no_smaller_one(thresholds: list[Threshold], one: float, other: float) -> None:
    small, large = sorted((one, other))
    applied = [operating_point(thresholds, bound).applied_max_error or 0.0 for bound in (small, large)]
    assert applied == sorted(applied)
    assert applied[0] <= small
    assert applied[1] <= large


@given(MODELS, BOUNDS, st.floats(0, 1))
def test_a_reading_is_accepted_where_a_listed_bound_is_applied_and_reached(
    thresholds: list[Threshold], max_error: float, confidence: float
) -> None:
    """The rule, written the other way round."""
    point = operating_point(thresholds, max_error)
    listed = [one for one in thresholds if one.max_error <= max_error]
    reason = rejection_reason(confidence, point)
    if not listed:
        assert reason == point.reason
        assert all(str(one.max_error) in reason for one in thresholds)
    else:
        (nearest,) = (one for one in listed if one.max_error == max(other.max_error for other in listed))
        assert (reason is None) == (confidence >= nearest.threshold)
        assert point.applied_max_error == nearest.max_error


@given(st.lists(st.builds(entry, BOUNDS, st.sampled_from([0.5, 0.9, 0.99])), max_size=8))
def test_equal_thresholds_are_listed_once_under_the_smallest_bound(thresholds: list[Threshold]) -> None:
    listed = distinct(thresholds)
    assert len({one.threshold for one in listed}) == len(listed)
    for one in thresholds:
        (kept,) = (other for other in listed if other.threshold == one.threshold)
        assert kept in thresholds
        assert kept.max_error <= one.max_error


def test_listing_keeps_the_order() -> None:
    equal = [entry(0.02, 0.9), entry(0.01, 0.9), entry(0.005, 0.95), entry(0.002, 0.95), entry(0.001, 0.99)]
    assert [one.max_error for one in distinct(equal)] == [0.01, 0.002, 0.001]


def test_the_operating_point_in_a_line() -> None:
    assert str(operating_point(THRESHOLDS, 0.02)) == "max_error 0.02 is wanted, 0.01 is applied"
    assert str(operating_point([])) == "max_error 0.01 is wanted, none is applied"


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
    point = operating_point(THRESHOLDS, 0.02)
    assert rejection_reason(0.93, point) is None
    assert rejection_reason(0.5, point) == (
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
