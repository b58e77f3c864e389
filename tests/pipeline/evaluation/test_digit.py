import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binomtest

from pipeline.evaluation import digit as evaluate
from pipeline.metrics.calibration import apply_threshold, calibration_error
from pipeline.records import Calibration
from pipeline.run import Run
from pipeline.synthesis import nondigits
from serving.decoding.thresholds import evidence
from serving.errors import CheckreaderError
from serving.manifest import Threshold

LEVELS = ((0.02, 0.6), (0.01, 0.7), (0.001, 0.95))


def level(max_error: float, threshold: float) -> Threshold:
    return Threshold(max_error, threshold, error=0.0, low=0.0, high=0.1, accepted=0.9, n=100)


CALIBRATION = Calibration(
    temperature=2.0, thresholds=[level(error, threshold) for error, threshold in LEVELS]
)


def answers(seed: int = 0, count: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a network that is mostly right, with the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    logits = rng.normal(0, 1, (count, 10))
    logits[np.arange(count), labels] += 3
    return softmax(logits, 1).astype(np.float32), labels


def test_accuracy() -> None:
    probabilities, labels = answers()
    right = sum(int(row.argmax() == label) for row, label in zip(probabilities, labels, strict=True))
    found = evaluate.accuracy(probabilities, labels, "mnist test")
    expected = binomtest(right, 500).proportion_ci(0.95, method="exact")
    assert (found["value"], found["n"], found["data"]) == (pytest.approx(right / 500), 500, "mnist test")
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))


def test_measure() -> None:
    probabilities, labels = answers()
    found = evaluate.measure(probabilities, labels, CALIBRATION, "digits")
    confusion = np.array(found["confusion"])
    for digit in range(10):
        guesses = probabilities[labels == digit].argmax(1)
        assert confusion[digit].tolist() == np.bincount(guesses, minlength=10).tolist()
    assert found["accuracy"]["value"] == pytest.approx(np.trace(confusion) / 500)
    assert found["temperature"] == 2.0
    assert [entry["max_error"] for entry in found["thresholds"]] == [0.02, 0.01, 0.001]


def test_calibration_error_before_and_after() -> None:
    """The files hold softmax(logits / T): what it was without T is computed back."""
    logits = np.random.default_rng(0).normal(0, 4, (800, 10))
    labels = np.random.default_rng(1).integers(0, 10, 800).astype(np.uint8)
    found = evaluate.measure(softmax(logits / 2.0, 1).astype(np.float32), labels, CALIBRATION, "digits")
    errors = found["calibration_error"]
    assert errors["before"] == pytest.approx(calibration_error(softmax(logits, 1), labels), abs=1e-5)
    assert errors["after"] == pytest.approx(calibration_error(softmax(logits / 2, 1), labels), abs=1e-5)
    assert errors["before"] > errors["after"]


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.floats(0, 1))
@settings(deadline=None, max_examples=40)
def test_apply(seed: int, count: int, threshold: float) -> None:
    probabilities, labels = answers(seed, count)
    entry = level(0.01, threshold)
    found = apply_threshold(entry, probabilities.max(1), probabilities.argmax(1) != labels)
    accepted = [i for i in range(count) if max(probabilities[i]) >= threshold]
    wrong = sum(int(probabilities[i].argmax()) != labels[i] for i in accepted)
    assert (found.max_error, found.threshold, found.n) == (0.01, threshold, count)
    assert found.accepted == pytest.approx(len(accepted) / count)
    assert found.error == pytest.approx(wrong / len(accepted) if accepted else 0)
    assert 0 <= found.low <= found.error <= found.high <= 1
    if not accepted:
        assert (found.low, found.high) == (0, 1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 2_000))
@settings(deadline=None, max_examples=20)
def test_error_reject_curve(seed: int, count: int) -> None:
    probabilities, labels = answers(seed, count)
    score, wrong = probabilities.max(1), probabilities.argmax(1) != labels
    rows = evaluate.error_reject(probabilities, labels)
    assert rows[0] == {"rejected": 0.0, "error": pytest.approx(wrong.mean())}
    assert [row["rejected"] for row in rows] == sorted(row["rejected"] for row in rows)
    for row in rows:
        kept = round(count * (1 - row["rejected"]))
        most_confident = np.sort(score)[::-1][:kept]
        assert row["error"] == pytest.approx(wrong[score >= most_confident[-1]].mean(), abs=1e-9)


def test_error_reject_of_useful_confidence() -> None:
    rows = evaluate.error_reject(*answers(0, 5_000))
    errors = [row["error"] for row in rows]
    assert rows[-1]["rejected"] == pytest.approx(0.2)
    assert errors[-1] < errors[0] / 2


def shown(scores: list[float], ink: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    probabilities = np.zeros((len(scores), 10), np.float32)
    probabilities[:, 4] = scores
    images = np.zeros((len(scores), 28, 28, 1), np.float32)
    images[np.array(ink), 14, 14, 0] = 1 / 255
    return probabilities, images


def test_nondigits_without_evidence_are_not_accepted() -> None:
    """Of two with the same probability the one whose others are all alike shows less."""
    probabilities, images = shown([0.9] * 10, [True] * 10)
    others = [0, 1, 2, 3, 5, 6, 7, 8, 9]
    probabilities[:5, others] = 0.1 / 9
    probabilities[5:, others] = 1e-4
    probabilities[5:, 9] = 0.1 - 8e-4
    least = float(evidence(probabilities).mean())
    calibration = Calibration(thresholds=[level(0.01, 0.5)], least_evidence=least)
    assert evaluate.nondigits_accepted(probabilities, images, calibration)["accepted"] == 5


def test_nondigits_accepted() -> None:
    scores = [0.99, 0.69, 0.7, 0.2, 0.1, 0.1, 0.1, 0.1, 0.65, 0.8]
    found = evaluate.nondigits_accepted(*shown(scores, [False] + [True] * 9), CALIBRATION)
    assert (found["n"], found["accepted"], found["threshold"]) == (10, 2, 0.7)  # at max_error 0.01
    kinds = list(nondigits.KINDS)
    assert list(found["highest"]) == kinds
    assert found["highest"][kinds[0]] == pytest.approx(0.65)  # the blank one counts for nothing
    assert found["highest"][kinds[1]] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("levels", "threshold", "accepted"),
    [
        ([], None, 0),
        ([(0.1, 0.5)], None, 0),
        ([(0.02, 0.9)], 0.9, 4),
        ([(0.005, 0.9), (0.001, 0.99)], 0.9, 4),
    ],
)
def test_non_digits_at_the_default_of_the_service(levels, threshold: float | None, accepted: int) -> None:
    """1 %, else the smallest bound up to 5 %; without such a one nothing is accepted."""
    calibration = Calibration(thresholds=[level(error, threshold) for error, threshold in levels])
    found = evaluate.nondigits_accepted(*shown([0.95] * 4 + [0.5] * 6, [True] * 10), calibration)
    assert (found["threshold"], found["accepted"]) == (threshold, accepted)


def test_evaluates_what_was_exported(tmp_path) -> None:
    with pytest.raises(CheckreaderError, match=r"export.json: not found: run `checkreader export --run"):
        evaluate.evaluate(Run(tmp_path), None, "digits", {})


def test_summary() -> None:
    probabilities, labels = answers()
    family = evaluate.measure(probabilities, labels, CALIBRATION, "digits test")
    family["nondigits"] = {"accepted": 3, "n": 1_000}
    domain = {"name": "unipen", "service": {"lenet5": {"value": 0.995}, "lenet5-int8": {"value": 0.99}}}
    lines = evaluate.summary({"families": {"lenet5": family}, "domains": [domain]}).splitlines()
    assert len(lines) == 5
    assert lines[-1] == "  unipen through the service: lenet5 99.50%, lenet5-int8 99.00%"
    assert lines[0].startswith(f"lenet5: {family['accuracy']['value']:.2%} (")
    assert lines[0].endswith(
        "of 500 digits test pictures; calibration error "
        f"{family['calibration_error']['before']:.2%} → {family['calibration_error']['after']:.2%}; "
        "non-digits accepted 3 of 1,000"
    )
    assert lines[2].startswith("  max_error 1.0%: threshold 0.7000 accepts ")
