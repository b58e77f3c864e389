import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pipeline.evaluation import field
from pipeline.evaluation.field import error_reject, iou, measure
from pipeline.metrics.calibration import ERROR_RATES, apply_threshold
from pipeline.synthesis import nonfields
from serving.manifest import Threshold
from tests.support.field_readings import fields, raw

ROWS = [
    # label, reading, confidence
    ("1.250", "1.250", 0.99),
    ("12", "12", 0.9),
    ("777", "771", 0.95),  # wrong and sure
    ("404", "44", 0.2),
    ("9,5", "95", 0.6),  # digits right, separator not
    ("38", "308", 0.4),
    ("60", "", 0.0),
]
BAR = Threshold(0.01, 0.93, 0.0, 0.0, 0.1, 0.5, 100)


def record(**options: object) -> dict:
    labeled = fields([label for label, _, _ in ROWS])
    readings = [
        raw(read, sure / 2, sure, problem=None if read else "blank: no ink found") for _, read, sure in ROWS
    ]
    return measure(readings, labeled, **options)


def test_exact() -> None:
    found = record()
    expected = binomtest(3, 7).proportion_ci(0.95, method="exact")
    assert found["exact"] == {"value": 3 / 7, "low": pytest.approx(expected.low), "high": pytest.approx(expected.high), "n": 7}  # fmt: skip
    assert found["exact_written"]["value"] == 2 / 7
    assert (found["n"], found["unread"]) == (7, 1)
    assert found["data"]["n"] == 7
    json.dumps(found, allow_nan=False)


def test_digit_errors() -> None:
    found = record()
    rate = found["digit_error_rate"]
    assert (rate["substituted"], rate["missed"], rate["inserted"]) == (1, 3, 1)
    assert (rate["errors"], rate["digits"], rate["value"]) == (5, 18, 5 / 18)
    confusion = np.array(found["confusion"])
    assert confusion.shape == (10, 11)
    assert confusion.sum() == 18
    assert (confusion[7, 1], confusion[7, 7], confusion[0, 10], confusion[6, 10]) == (1, 2, 2, 1)
    assert found["inserted"] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]


def test_by_length() -> None:
    found = record()["by_length"]
    assert [(row["length"], row["n"], row["value"]) for row in found] == [
        (2, 4, 0.5),
        (3, 2, 0.0),
        (4, 1, 1.0),
    ]


def test_by_separators() -> None:
    found = record()["by_separators"]
    assert {name: (row["n"], row["value"]) for name, row in found.items()} == {
        "with": (2, 1.0),
        "without": (5, 0.2),
    }
    unknown = measure([raw("1")], fields(["1"]))
    assert list(unknown["by_separators"]) == ["unknown"]
    assert unknown["exact_written"] is None


def test_amounts_are_judged_where_labels_have_one() -> None:
    """Digits right and the amount wrong is a mistake, and the other way round none."""
    labeled = fields(["10000", "125", "7"], amounts=["100.00", "125", None])
    readings = [raw("10000", 0.9, amount="10000"), raw("125100", 0.8, amount="125.00"), raw("7", 0.7)]
    found = measure(readings, labeled)
    assert (found["exact"]["value"], found["amounts"]["value"], found["amounts"]["n"]) == (2 / 3, 0.5, 2)
    assert [row["text"] for row in found["worst"]] == ["10000"]
    assert "  amounts 50.00%" in field.summary(found)
    assert record()["amounts"] is None


def test_by_touching() -> None:
    """A gap of 0 touches; the order of the boxes does not matter."""
    apart = ((0.0, 0, 5, 9), (6.0, 0, 5, 9))
    touching = ((0.0, 0, 5, 9), (5.0, 0, 5, 9))
    backwards = ((6.0, 0, 5, 9), (0.0, 0, 5, 9))
    labeled = fields(["12"] * 5, [apart, touching, backwards, None, touching])
    boxes = [(0.0, 0.0, 5.0, 9.0)] * 2
    found = measure(
        [raw("12", boxes=boxes), raw("12", boxes=boxes), raw("13"), raw("12"), raw("13")], labeled
    )["by_touching"]
    assert {name: (row["n"], row["value"]) for name, row in found.items()} == {
        "apart": (2, 0.5),
        "touching": (2, 0.5),
        "unknown": (1, 1.0),
    }


def test_boxes() -> None:
    truth = ((0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 10.0, 10.0))
    labeled = fields(["12", "34", "5"], [truth, truth, None])
    half = [(0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 10.0, 4.0)]
    found = measure([raw("12", boxes=half), raw("35", boxes=half), raw("5", boxes=half[:1])], labeled)
    assert found["boxes"] == {"mean_iou": pytest.approx(0.7), "iou_50": 0.5, "fields": 1, "digits": 2}
    assert record()["boxes"] is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 1, 2, 2), 1 / 7),
        ((0, 0, 2, 2), (2, 0, 2, 2), 0.0),
        ((0, 0, 2, 2), (5, 5, 2, 2), 0.0),
        ((0, 0, 4, 4), (1, 1, 2, 2), 0.25),
        ((3, 3, 0, 0), (3, 3, 0, 0), 0.0),
    ],
)
def test_iou(one: tuple, other: tuple, expected: float) -> None:
    assert iou(one, other) == iou(other, one) == pytest.approx(expected)


def test_worst() -> None:
    """The most confident mistake first; with labeled marks a lost one is a mistake."""
    found = record()["worst"]
    assert [row["text"] for row in found] == ["777", "9,5", "38", "404", "60"]
    assert found[0] == {"file": "2.png", "text": "777", "read": "771", "confidence": 0.95, "probability": 0.475, "problem": None}  # fmt: skip
    assert found[-1]["problem"] == "blank: no ink found"
    many = measure([raw("2")] * 60, fields(["1"] * 60))
    assert len(many["worst"]) == field.WORST == 40
    assert "worst" not in field.anonymized(many)
    assert field.anonymized(many)["exact"] == many["exact"]


def test_confidence_from_elsewhere() -> None:
    found = record(confidence=[0.5, 0.6, 0.1, 0.2, 0.3, 0.4, 0.9], seed=3)
    assert (found["confidence"], found["seed"]) == ("out-of-fold", 3)
    assert [row["text"] for row in found["worst"]] == ["38", "9,5", "404", "777", "60"]
    assert (record()["confidence"], record()["seed"]) == ("reader", None)


def test_calibration_error() -> None:
    right = [raw("1", 0.4, 0.75)] * 3 + [raw("2", 0.4, 0.75)]
    found = measure(right * 30, fields(["1"] * 120))["calibration_error"]
    assert found["before"] > found["after"]


def test_measured_and_stored_thresholds() -> None:
    found = record(thresholds=[BAR])
    (entry,) = found["thresholds"]
    assert (entry["accepted"], entry["error"], entry["n"]) == (2 / 7, 0.5, 7)
    assert [(row["max_error"], row["accepted"]) for row in found["measured"]] == [
        (rate, pytest.approx(1 / 7)) for rate in ERROR_RATES
    ]
    assert record()["thresholds"] == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.floats(0, 1))
def test_apply(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    score, wrong = np.round(rng.random(count), 2), rng.random(count) < 0.3
    found = apply_threshold(Threshold(0.01, threshold, 0, 0, 1, 1, 1), score, wrong)
    accepted = [i for i in range(count) if score[i] >= threshold and score[i] > 0]
    assert found.accepted == pytest.approx(len(accepted) / count)
    assert found.error == pytest.approx(sum(wrong[accepted]) / len(accepted) if accepted else 0)
    assert found.low <= found.error <= found.high


@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_error_reject(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    score, wrong = rng.permutation(count) / count, rng.random(count) < 0.3
    rows = error_reject(score, wrong)
    assert (rows[0]["accepted"], rows[0]["error"]) == (1.0, pytest.approx(wrong.mean()))
    assert [row["threshold"] for row in rows] == sorted(row["threshold"] for row in rows)
    for row in rows:
        accepted = score >= row["threshold"]
        assert row["accepted"] == pytest.approx(accepted.mean()) == pytest.approx(1 - row["rejected"])
        assert row["error"] == pytest.approx(wrong[accepted].mean())


def test_evaluates_through_the_reader() -> None:
    """Every picture is read once, in order; those that are no field are counted apart."""
    labeled = fields([str(i % 10) for i in range(100)])
    seen: list[np.ndarray] = []

    def reader(pictures):
        seen.extend(pictures)
        return [raw(str((int(picture[0, 0]) - 150) % 10), 0.97) for picture in pictures]

    found = field.evaluate(reader, labeled, [BAR])
    assert found["exact"]["value"] == 1.0
    assert len(seen) == 100 + field.NONFIELDS
    assert found["nonfields"]["n"] == found["nonfields"]["accepted"] == 1_000
    assert found["nonfields"]["threshold"] == 0.93
    assert found["nonfields"]["highest"] == dict.fromkeys(nonfields.KINDS, 0.97)
    json.dumps(found)


@pytest.mark.parametrize(
    ("thresholds", "accepted"),
    [
        ([], 0),
        ([Threshold(0.1, 0.1, 0, 0, 1, 1, 9)], 0),
        ([Threshold(0.05, 0.93, 0, 0, 1, 1, 9)], 5),
        ([BAR], 5),
        ([Threshold(0.01, 0.0, 0, 0, 1, 1, 9)], 9),
    ],
)
def test_nonfields_accepted(thresholds: list[Threshold], accepted: int) -> None:
    """Without an operating point nothing passes, and what has a problem never does."""

    def reader(pictures):
        return [raw("7", 0.95), raw("7", 0.95, problem="blank: no ink found"), raw("7", 0.5)][: len(pictures)]

    def patient(pictures):
        return [one for start in range(0, len(pictures), 3) for one in reader(pictures[start : start + 3])]

    found = field.nonfields_accepted(patient, thresholds, 13)
    assert (found["n"], found["accepted"]) == (13, accepted)


def test_summary() -> None:
    found = record(thresholds=[BAR])
    found["nonfields"] = {"accepted": 3, "n": 1_000}
    lines = field.summary(found).splitlines()
    assert lines[0].startswith(
        "some: 42.86% (9.90%–81.59%) of 7 strings exact; digit errors 27.78% of 18 (1 misread, 3 missed"
    )
    assert lines[1].startswith("  with marks 28.57%")
    assert "  by length: 2 50.0% of 4, 3 0.0% of 2, 4 100.0% of 1" in lines
    assert "  marks: with 100.0% of 2, without 20.0% of 5" in lines
    assert not any(line.startswith("  digits:") for line in lines)  # no boxes, nothing known
    assert any(
        line.startswith("  stored threshold for max_error 1.0%: 28.6% accepted, error 50.00%")
        for line in lines
    )
    assert lines[-1] == "  pictures that are no field: 3 of 1,000 accepted"
