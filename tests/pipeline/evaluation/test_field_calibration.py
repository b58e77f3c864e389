import functools
import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from pipeline.evaluation import field_calibration
from pipeline.evaluation.field_calibration import (
    ReadSet,
    explain_refusals,
    platt,
    uncertified_thresholds,
)
from pipeline.evaluation.field_readings import RecognizedField
from pipeline.metrics import certification
from pipeline.metrics.calibration import (
    ERROR_RATES,
    accepted_needed,
    calibration_error,
    expected_error,
    interval,
    minimum_threshold,
    supported_thresholds,
    upper_bound,
)
from pipeline.metrics.certification import Scored
from serving.decoding import field_string
from serving.errors import CheckreaderError
from tests.support.field_readings import raw, sampled


def read_set(readings: Sequence[RecognizedField], right: np.ndarray) -> ReadSet:
    return ReadSet("own", readings, right)


def parts(count: int, folds: int = 5) -> list[np.ndarray]:
    return [np.arange(fold, count, folds) for fold in range(folds)]


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (0.5, -1.0), (2.0, 0.7)])
def test_platt_finds_the_curve(scale: float, offset: float) -> None:
    found = platt(*sampled(40_000, scale, offset))
    assert (found.scale, found.offset) == (pytest.approx(scale, rel=0.06), pytest.approx(offset, abs=0.06))


def test_platt_is_the_optimum() -> None:
    readings, right = sampled(300, 0.7, 0.3, 5)
    found = platt(readings, right)
    x = np.array([field_string.logit(one.probability) for one in readings])
    hits, misses = right.sum(), (~right).sum()
    target = np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))

    def loss(scale: float, offset: float) -> float:
        p = 1 / (1 + np.exp(-(scale * x + offset)))
        return -float((target * np.log(p) + (1 - target) * np.log(1 - p)).mean())

    best = loss(found.scale, found.offset)
    for ds, do in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)):
        assert loss(found.scale + ds, found.offset + do) > best


def test_platt_of_all_right_stays_finite() -> None:
    readings = [raw("1", p) for p in (0.5, 0.9, 1.0)] * 20
    found = platt(readings, np.ones(60, bool))
    assert math.isfinite(found.scale)
    assert 0.9 < field_string.confidence(0.9, found) < 1


def test_platt_never_falls() -> None:
    """Where the surest are wrong by chance, confidence does not depend on the probability at all."""
    readings, right = sampled(200, -1.0, 0.0, 2)
    assert platt(readings, right).scale == 0


def test_platt_looks_at_what_was_read_alone() -> None:
    readings, right = sampled(500, 1.0, 0.0)
    unread = [raw("", 0.0, problem="blank: no ink found")] * 100
    assert platt([*readings, *unread], np.append(right, np.zeros(100, bool))) == platt(readings, right)


def test_out_of_fold_leaves_the_fold_out() -> None:
    readings, right = sampled(400, 1.0, -0.5, 3)
    found = field_calibration.out_of_fold(readings, right, parts(400))
    for part in parts(400):
        rest = np.setdiff1d(np.arange(400), part)
        fitted = platt([readings[i] for i in rest], right[rest])
        expected = [field_string.confidence(readings[i].probability, fitted) for i in part]
        assert [found[i] for i in part] == pytest.approx(expected, rel=1e-6)


@given(st.sampled_from([0.05, 0.02, 0.01, 0.005]))
def test_needed_without_an_error(rate: float) -> None:
    n = accepted_needed(rate)
    assert (
        upper_bound(np.array([0]), np.array([n]))[0]
        <= rate
        < upper_bound(np.array([0]), np.array([n - 1]))[0]
    )


def test_a_percent_takes_299() -> None:
    assert [accepted_needed(rate) for rate in ERROR_RATES] == [59, 99, 149, 299, 598, 1497, 2995]


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None)
def test_upper_bound_is_clopper_pearson(case: tuple[int, int]) -> None:
    errors, count = case
    expected = binomtest(errors, count).proportion_ci(0.90, method="exact").high
    assert upper_bound(np.array([errors]), np.array([count]))[0] == pytest.approx(expected, abs=1e-9)


SETS = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 900), st.sampled_from([3, 40, 10_000]), st.sampled_from([0.0, 0.01, 0.3]))  # fmt: skip
LEAST = st.sampled_from([0.0, 0.5, 0.9])


def drawn(seed: int, count: int, levels: int, error: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = np.ceil(rng.random(count) * levels) / levels
    score[rng.random(count) < 0.05] = 0.0
    return score, rng.random(count) < error * 2 * (1.05 - score)


@given(SETS, LEAST)
@settings(deadline=None)
def test_thresholds_are_monotone(case: tuple[int, int, int, float], least: float) -> None:
    score, wrong = drawn(*case)
    for found in (
        supported_thresholds(score, wrong, ERROR_RATES, least),
        uncertified_thresholds(score, wrong, least),
    ):
        rates = [entry.max_error for entry in found]
        assert rates == sorted(rates, reverse=True)
        assert [entry.threshold for entry in found] == sorted(entry.threshold for entry in found)
        assert [entry.accepted for entry in found] == sorted(
            (entry.accepted for entry in found), reverse=True
        )
        assert all(entry.threshold >= least and entry.error <= entry.max_error for entry in found)


@given(SETS, LEAST)
@settings(deadline=None)
def test_measured_by_brute_force(case: tuple[int, int, int, float], least: float) -> None:
    score, wrong = drawn(*case)
    found = {entry.max_error: entry for entry in uncertified_thresholds(score, wrong, least)}
    for rate in ERROR_RATES:
        shares = [
            float((score >= at).mean())
            for at in set(score)
            if at > 0 and at >= least and wrong[score >= at].mean() <= rate
        ]
        assert (rate in found) == bool(shares)
        if shares:
            entry = found[rate]
            accepted = score >= entry.threshold
            assert entry.accepted == pytest.approx(max(shares)) == pytest.approx(accepted.mean())
            assert entry.error == pytest.approx(wrong[accepted].mean())
            assert (entry.low, entry.high) == interval(int(wrong[accepted].sum()), int(accepted.sum()))


@given(SETS, LEAST)
@settings(deadline=None)
def test_certified_accepts_no_more_than_measured(case: tuple[int, int, int, float], least: float) -> None:
    score, wrong = drawn(*case)
    counted = {entry.max_error: entry.accepted for entry in uncertified_thresholds(score, wrong, least)}
    for entry in supported_thresholds(score, wrong, ERROR_RATES, max(least, 1e-6)):
        assert entry.accepted <= counted[entry.max_error]


@given(SETS, LEAST)
@settings(deadline=None)
def test_each_rate_has_a_threshold_of_its_own_or_a_smaller_one_or_a_reason(
    case: tuple[int, int, int, float], least: float
) -> None:
    score, wrong = drawn(*case)
    found = supported_thresholds(score, wrong, ERROR_RATES, max(least, 1e-6))
    lines = explain_refusals(score, wrong, found, least, ERROR_RATES, "field")
    smallest = min((entry.max_error for entry in found), default=1.0)
    assert [float(line.split(":")[0]) for line in lines] == [rate for rate in ERROR_RATES if rate < smallest]


def test_reasons() -> None:
    score, wrong = np.linspace(0.5, 1, 250), np.zeros(250, bool)
    explain = functools.partial(explain_refusals, rates=(0.05, 0.01), noun="digit")
    found = supported_thresholds(score, wrong, ERROR_RATES, 0.0)
    assert explain(score, wrong, found, 0.0) == (
        "0.01: needs at least 299 accepted digits without an error, the calibration set has 250",
    )
    assert explain(score, wrong, (), 0.9)[0] == (
        "0.05: needs at least 59 accepted digits without an error, 50 of the calibration set's 250 lie "
        "above 0.900000, below which pictures that are no digit would be accepted"
    )
    shown = np.where(score < 0.9, 0.0, score)
    (line, _) = explain(shown, wrong, (), 0.0, reach="show evidence of at least 7.841")
    assert "50 of the calibration set's 250 show evidence of at least 7.841, below which pictures" in line
    many, surest = np.linspace(0, 1, 400), np.arange(400) == 399
    assert explain(many, surest, supported_thresholds(many, surest, ERROR_RATES, 0.0), 0.0)[0] == (
        "0.01: needs at least 299 accepted digits without an error, the calibration set's best are 399 "
        "with 1 wrong: at 95 % confidence an error of up to 0.0118"
    )


def certain(count: int, wrong: int = 0, probability: float = 0.999) -> ReadSet:
    """Readings that are all as sure, of which some are wrong."""
    return read_set([raw("1", probability)] * count, np.arange(count) >= wrong)


def test_other_sets_may_contradict() -> None:
    """Two wrong ones of three are too many for chance, two of three hundred are not."""
    readings, right = sampled(3_000, 2.0, 2.0, 1)
    alone = field_calibration.fit(read_set(readings, right), parts(3_000))
    assert alone.thresholds
    for others, contradicted in ((certain(300, 2), False), (certain(3, 2), True)):
        fitted = field_calibration.fit(
            read_set(readings, right), parts(3_000), vetoes=[replace(others, name="cells")]
        )
        assert fitted.confidence == alone.confidence
        assert (fitted.thresholds == alone.thresholds) is not contradicted
        if contradicted:
            assert "cells contradicts: 2 of the 3 that the same threshold accepts are wrong" in str(
                fitted.refusals
            )
        else:
            counts = [(entry.name, entry.n, entry.accepted, entry.wrong) for entry in fitted.sets]
            bounds = len(fitted.thresholds)
            assert counts[bounds:] == [("cells", 300, 300, 2)] * bounds
            accepted = [round(entry.accepted * entry.n) for entry in fitted.thresholds]
            assert [count[2] for count in counts[:bounds]] == accepted


def test_floor_of_nonfields() -> None:
    """Those that are never accepted make the others rarer, and say nothing about their shape."""
    assert (
        field_calibration.nonfield_threshold(np.zeros(50))
        == field_calibration.nonfield_threshold(np.array([]))
        == 0.0
    )
    confidence = np.random.default_rng(0).beta(0.5, 8, 3_000)
    assert field_calibration.nonfield_threshold(confidence) == pytest.approx(
        minimum_threshold(confidence, 1 / 1_000)
    )
    half = field_calibration.nonfield_threshold(np.append(confidence, np.zeros(3_000)))
    assert half == pytest.approx(minimum_threshold(confidence, 2 / 1_000))
    assert 0 < half < minimum_threshold(confidence, 1 / 1_000)


def test_expected_error_is_that_of_digits() -> None:
    rng = np.random.default_rng(0)
    probabilities, labels = rng.dirichlet(np.full(10, 0.3), 700), rng.integers(0, 10, 700)
    expected = calibration_error(probabilities, labels)
    assert expected_error(probabilities.max(1), probabilities.argmax(1) == labels) == expected
    assert expected_error(np.full(10, 0.7), np.arange(10) < 7, 1) == pytest.approx(0)


def test_fit() -> None:
    readings, right = sampled(3_000, 2.0, 0.5, 1)
    readings[7] = raw("", 0.0, problem="blank: no ink found")
    right[7] = False
    rng = np.random.default_rng(0)
    others = {
        "noise": [raw("7", float(p)) for p in rng.beta(0.5, 8, 2_000)] + [raw("", 0.0)],
        "word": [raw("11", 0.9), raw("1", 0.99, problem="no digit read")],
    }
    found = field_calibration.fit(read_set(readings, right), parts(3_000), others)
    assert found.confidence == platt(readings, right)
    assert found.nonfields == 2_003
    assert found.highest["word"] == pytest.approx(field_string.confidence(0.9, found.confidence), rel=1e-6)
    assert 0 < found.floor < 1
    assert all(entry.threshold >= found.floor and entry.n == 3_000 for entry in found.thresholds)
    assert all(entry.high > entry.error for entry in found.thresholds)
    assert found.thresholds
    smallest = min(entry.max_error for entry in found.thresholds)
    assert len(found.refusals) == sum(rate < smallest for rate in ERROR_RATES)
    back = msgspec.convert(msgspec.to_builtins(found), field_calibration.FieldCalibration)
    assert back == found


def test_fit_takes_another_rate_of_nonfields() -> None:
    readings, right = sampled(300, 2.0, 0.5, 1)
    others = {"noise": [raw("7", float(p)) for p in np.random.default_rng(0).beta(0.5, 8, 2_000)]}
    strict, lax = (
        field_calibration.fit(read_set(readings, right), parts(300), others, rate).floor
        for rate in (1e-5, 1e-3)
    )
    assert lax < strict


def test_fit_counts_out_of_fold() -> None:
    """The thresholds are those of confidences that every field got from the others."""
    readings, right = sampled(1_000, 2.0, 1.0, 4)
    found = field_calibration.fit(read_set(readings, right), parts(1_000))
    score = np.array(field_calibration.out_of_fold(readings, right, parts(1_000)))
    certifying = Scored("own", score, ~right)
    assert found.thresholds == certification.thresholds(certifying, (), ERROR_RATES, 1e-6)
    assert found.measured == uncertified_thresholds(score, ~right, 0.0)
    assert found.floor == 0


def test_never_accepted_is_never_accepted() -> None:
    readings = [raw("1", 0.99)] * 400 + [raw("2", 0.999, problem="unsure: too many strings")] * 100
    found = field_calibration.fit(read_set(readings, np.arange(500) < 400), parts(500))
    assert found.measured[0].accepted == pytest.approx(0.8)
    assert found.measured[0].error == 0


def test_a_string_that_is_rejected_for_another_reason_counts_as_rejected() -> None:
    """Right or not: "1.250" may be read well and nobody knows what it means."""
    readings = [raw("1", 0.99)] * 400 + [raw("2", 0.999, problem="decimal point in doubt")] * 100
    found = field_calibration.fit(read_set(readings, np.ones(500, bool)), parts(500))
    assert {entry.accepted for entry in (*found.thresholds, *found.measured)} == {0.8}


@pytest.mark.parametrize(("rate", "count"), [(0.05, 20), (0.05, 140), (0.02, 50), (0.01, 100), (0.01, 700), (0.005, 1400)])  # fmt: skip
def test_measured_at_exactly_the_rate(rate: float, count: int) -> None:
    score, wrong = np.linspace(0.1, 0.9, count), np.arange(count) < round(rate * count)
    found = {entry.max_error: entry for entry in uncertified_thresholds(score, wrong, 0.0)}
    assert (found[rate].accepted, found[rate].error) == (1.0, rate)


def test_nothing_read() -> None:
    with pytest.raises(CheckreaderError, match="none of the 3 labeled fields could be read"):
        field_calibration.fit(read_set([raw("", 0.0, problem="blank")] * 3, np.zeros(3, bool)), parts(3, 3))
