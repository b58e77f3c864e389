"""The walk that certifies bounds: by brute force, and whether its promise holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from pipeline.metrics.calibration import ERROR_RATES, accepted_needed
from pipeline.metrics.certification import STEP, Scored, ScoredGroups, thresholds, walk

SETS = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 900), st.sampled_from([3, 40, 10_000]), st.sampled_from([0.0, 0.005, 0.2]))  # fmt: skip


def drawn(seed: int, count: int, levels: int, error: float) -> Scored:
    rng = np.random.default_rng(seed)
    score = np.ceil(rng.random(count) * levels) / levels
    score[rng.random(count) < 0.05] = 0.0
    return Scored(f"set {seed}", score, rng.random(count) < error * 2 * (1.05 - score))


def passes(scored: Scored, others: list[Scored], rate: float, threshold: float) -> bool:
    accepted = scored.score >= threshold
    errors = int(scored.wrong[accepted].sum())
    if binomtest(errors, int(accepted.sum())).proportion_ci(0.90, method="exact").high > rate:
        return False
    for other in others:
        accepted = other.score >= threshold
        errors, count = int(other.wrong[accepted].sum()), int(accepted.sum())
        if errors and 1 - binom.cdf(errors - 1, count, rate) <= 0.05 + 1e-12:
            return False
    return True


@given(SETS, st.lists(SETS, max_size=2), st.sampled_from([1e-6, 0.3, 0.8]))
@settings(deadline=None)
def test_by_brute_force(
    case: tuple[int, int, int, float], cases: list[tuple[int, int, int, float]], minimum: float
) -> None:
    scored, others = drawn(*case), [drawn(*other) for other in cases]
    certified = {entry.max_error: entry for entry in thresholds(scored, others, ERROR_RATES, minimum)}
    surest = sorted(scored.score, reverse=True)
    expected = {}
    for rate in ERROR_RATES:
        count = accepted_needed(rate)
        while count <= len(surest) and surest[count - 1] >= minimum:
            if not passes(scored, others, rate, surest[count - 1]):
                break
            expected[rate] = surest[count - 1]
            count += STEP
    smallest = {threshold: min(rate for rate in expected if expected[rate] == threshold) for threshold in expected.values()}  # fmt: skip
    assert {entry.threshold: rate for rate, entry in certified.items()} == smallest
    for entry in certified.values():
        accepted = scored.score >= entry.threshold
        assert entry.accepted == pytest.approx(accepted.mean())
        assert entry.error == pytest.approx(scored.wrong[accepted].mean())


def test_steps_go_on_until_one_fails() -> None:
    score, wrong = np.linspace(1, 0.1, 500), np.zeros(500, bool)
    wrong[[320, 330]] = True
    steps = list(walk(Scored("own", score, wrong), (), 0.01, 1e-6))
    assert [step.failure is None for step in steps[:4]] == [True, True, True, False]
    assert steps[3].failure == "1 of the surest 329 are wrong: at 95 % confidence an error of up to 0.0143"
    (five, one) = thresholds(Scored("own", score, wrong), (), (0.05, 0.01), 1e-6)
    assert (one.accepted, one.error) == (319 / 500, 0.0)
    assert (five.accepted, five.error) == (499 / 500, 2 / 499)


def test_a_contradiction_ends_the_walk() -> None:
    own = Scored("own", np.linspace(1, 0.1, 500), np.zeros(500, bool))
    cells = Scored("cells", np.array([0.9, 0.5, 0.49, 0.0]), np.array([False, True, True, True]))
    steps = list(walk(own, [cells], 0.05, 1e-6))
    failures = [step for step in steps if step.failure]
    assert failures[0].failure == "cells contradicts: 2 of the 3 that the same threshold accepts are wrong"
    (entry,) = thresholds(own, [cells], (0.05,), 1e-6)
    assert entry.threshold > 0.49 >= failures[0].threshold


def test_too_few_readings_have_no_step() -> None:
    score = np.linspace(1, 0.1, 58)
    assert not list(walk(Scored("own", score, np.zeros(58, bool)), (), 0.05, 1e-6))
    assert not list(walk(Scored("own", np.repeat(score, 9), np.zeros(522, bool)), (), 0.05, 0.99))


def test_the_promise_holds() -> None:
    """Readings that are all as likely to be wrong as the bound allows are certified in one of twenty cases at most."""
    rng = np.random.default_rng(0)
    certified = sum(
        bool(thresholds(Scored("own", rng.random(400), rng.random(400) < 0.05), (), (0.05,), 1e-6))
        for _ in range(1_000)
    )
    assert 20 <= certified <= 65  # the first step passes by chance in 4.8 %


def test_a_group_counts_once_and_is_wrong_if_any_accepted_reading_is() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.0, 0.5])
    wrong = np.array([False, True, False, False, True, True])
    groups = ScoredGroups("checks", Scored("lines", score, wrong), np.array([0, 0, 1, 1, 1, 2]))
    assert groups.score.tolist() == [0.9, 0.7, 0.5]
    assert groups.counts(0.9) == (0, 1)
    assert groups.counts(0.8) == (1, 1)
    assert groups.counts(0.6) == (1, 2)  # what is never accepted makes no group wrong
    assert groups.counts(0.5) == (2, 3)


@given(SETS, st.integers(1, 300), st.sampled_from(ERROR_RATES))
@settings(deadline=None)
def test_groups_by_brute_force(case: tuple[int, int, int, float], count: int, rate: float) -> None:
    readings = drawn(*case)
    members = np.random.default_rng(0).integers(0, count, len(readings.score))
    groups = np.unique(members, return_inverse=True)[1]
    surest = sorted((max(readings.score[groups == group]) for group in range(groups.max() + 1)), reverse=True)
    steps = list(walk(ScoredGroups("groups", readings, groups), (), rate, 1e-6))
    needed = accepted_needed(rate)
    expected = [score for score in surest[needed - 1 :: STEP] if score >= 1e-6]
    assert [step.threshold for step in steps] == expected
    for step in steps:
        accepted = readings.score >= step.threshold
        wrong, all_groups = set(groups[accepted & readings.wrong]), set(groups[accepted])
        high = binomtest(len(wrong), len(all_groups)).proportion_ci(0.90, method="exact").high
        assert (step.failure is None) == (high <= rate)
