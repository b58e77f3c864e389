"""Differences of two formats, the bounds on them, and their tables."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.export.formats import Bound
from pipeline.verification import agreement
from pipeline.verification.agreement import Predictions, compare, violations
from serving.runtime.network import softmax

LSB = Bound("reference", "lsb", 1, 0.9998)


def int8(name: str, *rows: list[int]) -> Predictions:
    logits = np.array(rows, np.int8)
    return Predictions(name, softmax(logits.astype(np.float32)), logits)


def test_the_lowest_index_wins_a_tie() -> None:
    assert int8("a", [0, 7, 7]).digits.tolist() == [1]


def test_differences_do_not_wrap_around() -> None:
    assert compare(int8("a", [127, 0]), int8("b", [-128, 0]))["lsb"] == 255


def test_disagreements_are_listed_with_both_logits() -> None:
    pair = compare(int8("a", [5, 4], [1, 2], [6, 5]), int8("b", [5, 4], [1, 2], [5, 6]))
    assert pair["top1"] == pytest.approx(2 / 3)
    assert pair["disagreements"] == [{"picture": 2, "digits": [0, 1], "logits": [[6, 5], [5, 6]]}]


def test_floats_list_their_probabilities() -> None:
    left, right = np.array([[0.6, 0.4]], np.float32), np.array([[0.25, 0.75]], np.float32)
    pair = compare(Predictions("a", left), Predictions("b", right))
    assert pair["lsb"] is None
    assert pair["probability"] == pytest.approx(0.35)
    assert pair["disagreements"][0]["probabilities"][1] == [0.25, 0.75]


NEAR = {"picture": 9, "digits": [1, 0], "logits": [[5, 6], [6, 6]]}


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({}, []),
        ({"lsb": 2}, ["b against a: differs by 2 LSB at the logits, allowed 1"]),
        (
            {"top1": 0.9997, "disagreements": [NEAR, NEAR]},
            ["b against a: 2 answers differ, top-1 agreement 99.970%, required 99.98%"],
        ),
        ({"top1": 0.9972, "disagreements": [NEAR]}, []),  # one of 355: no less can be seen there
    ],
)
def test_violations(change: dict, lines: list[str]) -> None:
    pair = {"left": "a", "right": "b", "lsb": 1, "probability": 0.5, "top1": 0.9998, "disagreements": []}
    assert violations({**pair, **change}, LSB) == lines


def test_probabilities_are_bounded_where_the_table_says_so() -> None:
    pair = {"left": "a", "right": "b", "lsb": None, "probability": 2e-5, "top1": 1.0, "disagreements": []}
    assert violations(pair, Bound("keras", "probability", None, 0.999)) == []
    assert violations(pair, Bound("keras", "probability", 1e-5, 0.999)) == [
        "b against a: differs by 2e-05 in a probability, allowed 1e-05"
    ]


@pytest.mark.parametrize(("logits", "near"), [([[4, 6], [7, 6]], True), ([[3, 6], [7, 6]], False)])
def test_only_near_ties_may_be_answered_differently(logits: list, near: bool) -> None:
    entry = {"picture": 9, "digits": [1, 0], "logits": logits}
    pair = {"left": "a", "right": "b", "lsb": 1, "probability": 0, "top1": 1.0, "disagreements": [entry]}
    broken = violations(pair, LSB)
    assert broken == [] if near else "picture 9 is read as 0 instead of 1, with 3 LSB" in broken[0]


def rows(*best: int) -> np.ndarray:
    return np.eye(12, dtype=np.float32)[list(best)] * 0.9 + np.float32(0.1 / 12)


def test_disagreements_name_the_field_and_its_step() -> None:
    places = np.array([[4, 0], [4, 1], [2, 0]])
    left = Predictions("a", rows(1, 1, 5), None, places, ((1,), (5,)), np.array([0.8, 0.9]))
    right = Predictions("b", rows(1, 7, 5), None, places, ((1, 7), (5,)), np.array([0.4, 0.9]))
    pair = compare(left, right)
    assert (pair["strings"], pair["sure"]) == (0.5, {"fields": 2, "other": 1})
    assert compare(right, left)["sure"] == {"fields": 1, "other": 0}  # a doubtful field may be read otherwise
    (entry,) = pair["disagreements"]
    assert (entry["picture"], entry["step"], entry["digits"]) == (4, 1, [1, 7])


@pytest.mark.parametrize(("others", "count"), [(1, 0), (2, 1)])  # one is no less than can be seen
def test_strings_are_bounded_but_for_one(others: int, count: int) -> None:
    pair = {"left": "a", "right": "b", "lsb": 1, "probability": 0.1, "top1": 1.0, "disagreements": []}
    pair |= {"strings": 0.5, "sure": {"fields": 300, "other": others}}
    lines = violations(pair, Bound("reference", "lsb", 1, 0.999, 0.999))
    assert len(lines) == count
    assert all("2 of 300 fields that are read with a probability of 0.7" in line for line in lines)


def test_a_step_away_from_a_tie_is_broken() -> None:
    entry = {"picture": 9, "step": 3, "digits": [1, 0], "logits": [[3, 6], [7, 6]]}
    pair = {"left": "a", "right": "b", "lsb": 1, "probability": 0.1, "top1": 1.0, "disagreements": [entry]}
    (line,) = violations(
        pair | {"strings": 1.0, "sure": {"fields": 9, "other": 0}}, Bound("reference", "lsb", 1, 0.999, 0.999)
    )
    assert "picture 9, step 3, is read as 0 instead of 1" in line


def record(passed: bool, **fields: object) -> dict:
    """A record of `verify` with one bounded pair."""
    pair = compare(int8("reference", [5, 4], [1, 2]), int8("onnx_int8", [5, 4], [1, 3]))
    bound = {"against": "reference", "unit": "lsb", "largest": 1, "top1": 0.9998, "strings": None}
    return {
        "pictures": 2,
        "pairs": [pair],
        "judged": [{"format": "onnx_int8", "bound": bound, "passed": passed}],
        "refused": {"c": "TANH is not computed"},
        "broken": [] if passed else ["onnx_int8 against reference: differs"],
        "passed": passed,
        **fields,
    }


def test_summary() -> None:
    text = agreement.summary(record(True))
    assert text.startswith("Agreement over 2 pictures")
    assert "LSB ≤ 1, top-1 ≥ 99.98%" in text
    assert "not compared: c: TANH is not computed" in text
    assert text.endswith("all bounds hold")
    broken = agreement.summary(record(False))
    assert "BROKEN" in broken
    assert broken.endswith("broken: onnx_int8 against reference: differs\n1 bounds are broken")


def test_explanation_names_the_first_layer() -> None:
    row = {"layer": "c1", "difference": 0.5, "range": 10.0, "relative": 0.05, "tolerance": 0.02}
    drift = {"left": "a", "right": "b", "layers": [row], "first": "c1"}
    assert agreement.explanation(drift).endswith("a and b drift apart in c1")
    assert agreement.explanation({**drift, "first": None}).endswith("a and b do not drift apart")
