import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest

from pipeline.metrics import calibration
from pipeline.metrics.calibration import ERROR_RATES, calibration_error, interval, supported_thresholds
from serving.decoding.thresholds import evidence
from serving.manifest import Threshold


def thresholds(probabilities: np.ndarray, labels: np.ndarray, minimum: float) -> tuple[Threshold, ...]:
    return supported_thresholds(probabilities.max(1), probabilities.argmax(1) != labels, ERROR_RATES, minimum)


def sampled(temperature: float, count: int = 40_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose labels were drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, 10))
    gumbel = rng.gumbel(size=logits.shape)
    return logits, (logits / temperature + gumbel).argmax(1)


@pytest.mark.parametrize("true", [0.4, 1.0, 2.5])
def test_temperature_is_found(true: float) -> None:
    assert calibration.temperature(*sampled(true)) == pytest.approx(true, rel=0.03)


def test_temperature_is_the_optimum() -> None:
    logits, labels = sampled(1.7, 500, 3)

    def loss(t: float) -> float:
        return -log_softmax(logits / t, axis=1)[np.arange(len(labels)), labels].mean()

    best = minimize_scalar(loss, bracket=(0.3, 1.7, 6), tol=1e-12)
    found = calibration.temperature(logits, labels)
    assert found == pytest.approx(best.x, rel=1e-3)
    assert calibration.temperature(logits * 4, labels) == pytest.approx(4 * found, rel=1e-3)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None)
def test_interval_is_clopper_pearson(case: tuple[int, int]) -> None:
    errors, count = case
    expected = binomtest(errors, count).proportion_ci(0.95, method="exact")
    assert interval(errors, count) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_interval_of_nothing() -> None:
    assert interval(0, 0) == (0.0, 1.0)


def brute(score: np.ndarray, wrong: np.ndarray, least: float) -> dict[float, tuple[int, int]]:
    """Per rate (accepted, errors) of the largest admissible acceptance, one candidate at a time."""
    best: dict[float, tuple[int, int]] = {}
    for candidate in set(score):
        if candidate < least:
            continue
        accepted = score >= candidate
        errors, count = int(wrong[accepted].sum()), int(accepted.sum())
        # a one-sided 95 % bound is the upper end of the two-sided 90 % interval
        upper = binomtest(errors, count).proportion_ci(0.90, method="exact").high
        for rate in ERROR_RATES:
            if upper <= rate and count > best.get(rate, (0, 0))[0]:
                best[rate] = (count, errors)
    return best


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 1_200),
    levels=st.sampled_from([2, 7, 40, 10_000]),
    error=st.sampled_from([0.0, 0.002, 0.02, 0.3]),
    least=st.sampled_from([0.0, 0.6, 0.9, 1.0]),
)
@settings(deadline=None, max_examples=25)
def test_thresholds_by_brute_force(seed: int, count: int, levels: int, error: float, least: float) -> None:
    """Few levels make many ties; errors are likelier at low scores."""
    rng = np.random.default_rng(seed)
    score = 0.5 + np.ceil(rng.random(count) * levels) / levels / 2
    wrong = rng.random(count) < error * 2 * (1.05 - score) * 4
    probabilities = np.repeat(((1 - score) / 9)[:, None], 10, 1)
    probabilities[:, 3] = score
    labels = np.where(wrong, 4, 3)
    found = thresholds(probabilities, labels, least)
    expected = brute(score, wrong, least)
    # A rate at which a smaller one accepts as many has the same threshold, which is listed under the smaller.
    smallest = {
        count: min(rate for rate in expected if expected[rate] == count) for count in expected.values()
    }
    assert [entry.max_error for entry in found] == sorted(smallest.values(), reverse=True)
    for entry in found:
        accepted = score >= entry.threshold
        assert (accepted.sum(), wrong[accepted].sum()) == expected[entry.max_error]
        assert entry.accepted == pytest.approx(accepted.mean())
        assert entry.error == pytest.approx(wrong[accepted].mean())
        assert (entry.low, entry.high) == interval(int(wrong[accepted].sum()), int(accepted.sum()))
        assert entry.n == count
        assert entry.threshold >= least


def certain(count: int, score: float = 0.99) -> tuple[np.ndarray, np.ndarray]:
    probabilities = np.full((count, 10), (1 - score) / 9)
    probabilities[:, 0] = score
    return probabilities, np.zeros(count, int)


def test_shortfall_names_the_pictures_that_count() -> None:
    assert calibration.shortfall(1_980, 75, 7.52) == (
        "75 of 1,980 pictures to choose by reach the least evidence, 7.520, which turns away what is no digit; "
        "max_error 0.05 takes at least 59 of them without an error"
    )
    assert calibration.shortfall(20, None, None) == (
        "20 pictures to choose by; max_error 0.05 takes at least 59 of them without an error"
    )


@pytest.mark.parametrize(
    ("count", "supported"),
    [(58, 0), (59, 1), (98, 1), (99, 2), (148, 2), (149, 3), (298, 3), (299, 4), (2994, 6), (2995, 7)],
)
def test_rates_without_support_are_absent(count: int, supported: int) -> None:
    """Without an error n pictures support rate r where (1 − r)ⁿ ≤ 5 %."""
    found = thresholds(*certain(count), 0.0)
    assert tuple(entry.max_error for entry in found) == ERROR_RATES[:supported][-1:]


def test_nothing_above_the_floor() -> None:
    assert thresholds(*certain(5_000, 0.9), 0.95) == ()


def test_all_accepted_takes_the_floor() -> None:
    """Where every validation digit passes, the threshold is the floor, not the lowest digit by chance."""
    found = thresholds(*certain(5_000, 0.9), 0.6)
    assert [(entry.max_error, entry.threshold) for entry in found] == [(ERROR_RATES[-1], 0.6)]
    assert {entry.accepted for entry in found} == {1.0}


@pytest.mark.parametrize("scale", [0.3, 0.8])
@pytest.mark.parametrize("count", [2_000, 100_000])
def test_floor_continues_an_exponential_tail(scale: float, count: int) -> None:
    """Log-odds that are exponentially distributed reach scale·ln(50,000) once in 50,000."""
    odds = -scale * np.log((np.arange(count) + 0.5) / count)
    least = calibration.minimum_threshold(1 / (1 + np.exp(-odds)), 1 / 50_000)
    assert np.log(least / (1 - least)) == pytest.approx(scale * np.log(50_000), rel=0.05)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_floor_is_a_probability_in_any_order(scores: list[float]) -> None:
    least = calibration.minimum_threshold(np.array(scores), 1 / 50_000)
    assert 0 <= least <= 1
    assert calibration.minimum_threshold(np.array(scores[::-1]), 1 / 50_000) == least


def test_floor_without_pictures() -> None:
    assert calibration.minimum_threshold(np.array([]), 1 / 50_000) == 0.0


def test_fit_without_nondigits() -> None:
    logits, labels = sampled(1.0, 3_000)
    found = calibration.fit(logits, labels, np.empty((0, 10)))
    assert (found.least_evidence, found.nondigits, found.above) == (None, 0, 3_000)


def test_fit() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 4_000)
    logits = rng.normal(0, 1, (4_000, 10))
    logits[np.arange(4_000), labels] += 4.5
    others = rng.normal(0, 1, (300, 10))
    found = calibration.fit(logits, labels, others)
    t = found.temperature
    assert t == calibration.temperature(logits, labels)
    probabilities, nondigits = softmax(logits / t, 1), evidence(softmax(others / t, 1))
    assert found.nondigits == 300
    assert found.least_evidence == pytest.approx(
        calibration.tail_quantile(nondigits, calibration.NONDIGIT_RATE)
    )
    shown, wrong = evidence(probabilities), logits.argmax(1) != labels
    assert found.above == (shown >= found.least_evidence).sum() < 4_000
    score = calibration.accepted_score(probabilities, found.least_evidence)
    assert ((score == 0) == (shown < found.least_evidence)).all()
    assert found.thresholds == supported_thresholds(score, wrong, ERROR_RATES, 1e-6)
    for point in found.curve:
        accepted = shown >= point.least_evidence
        assert point.accepted == pytest.approx(accepted.mean())
        assert point.wrong == wrong[accepted].sum()
        assert point.nondigits == (nondigits >= point.least_evidence).sum()


def test_errors_without_evidence_cost_no_threshold() -> None:
    """Digits that evidence turns away may be wrong with any probability."""
    likely = np.full((4_000, 10), 1e-5)
    likely[:, :2] = 0.9, 0.09992
    unlike, _ = certain(300, 0.92)
    probabilities = np.concatenate([likely, unlike])
    labels = np.repeat([0, 1], [4_000, 300])
    nondigits, _ = certain(100, 0.93)
    assert calibration.fit_acceptance(probabilities, labels, nondigits, 1.0).thresholds
    assert calibration.fit_acceptance(probabilities, labels, np.empty((0, 10)), 1.0).thresholds == ()


def test_calibration_error() -> None:
    probabilities, labels = certain(300, 0.8)
    labels[:60] = 1  # 80 % right at 80 % confidence, in every bin alike
    order = np.random.default_rng(0).permutation(300)
    assert calibration_error(probabilities, labels, bins=1) == pytest.approx(0)
    assert calibration_error(probabilities, np.zeros(300, int)) == pytest.approx(0.2)
    assert calibration_error(probabilities, np.ones(300, int)) == pytest.approx(0.8)
    assert calibration_error(probabilities, labels[order], bins=1) == pytest.approx(0)
    assert calibration_error(probabilities, np.sort(labels), bins=300) == pytest.approx(0.8 * 0.2 * 2)
    assert calibration_error(probabilities[:3], labels[:3], bins=15) == pytest.approx(0.8)


def test_calibration_error_of_calibrated_logits() -> None:
    logits, labels = sampled(2.0, 20_000)
    before, after = (calibration_error(softmax(logits / t, 1), labels) for t in (1.0, 2.0))
    assert after < 0.015 < 0.05 < before


def test_reliability() -> None:
    score = np.array([0.05, 0.951, 0.96, 1.0, 0.55])
    bins = calibration.reliability(score, np.array([False, True, True, False, True]))
    assert [entry["n"] for entry in bins] == [1, 1, 3]
    assert [entry["accuracy"] for entry in bins] == pytest.approx([0, 1, 2 / 3])
    assert all(entry["low"] <= entry["accuracy"] <= entry["high"] for entry in bins)
