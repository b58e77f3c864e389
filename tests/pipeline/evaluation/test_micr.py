"""Readings of lines are compared by line, symbol, group and country, and a symbol that the crop cuts is forgiven."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.data.labeled_lines import LabeledLines
from pipeline.evaluation import micr
from pipeline.evaluation.micr_readings import LineReading
from serving.manifest import Threshold

WHOLE = np.full((40, 200), 255, np.uint8)
CUT = WHOLE.copy()
CUT[10:30, :3] = 0
POINT = Threshold(0.02, 0.5, 0.0, 0.0, 0.0, 1.0, 10)


def measured(
    texts: list[str],
    readings: list[str | LineReading],
    pictures: list[np.ndarray],
    groups: str,
    confidence: list[float] | None = None,
) -> dict[str, Any]:
    labeled = LabeledLines("lines", (), tuple(texts), tuple(groups), "")
    lines = [text if isinstance(text, LineReading) else LineReading(text, 1.0) for text in readings]
    outcomes = micr.compare(labeled, pictures, lines)
    return micr.measure(labeled, lines, outcomes, confidence or [1.0] * len(lines), [POINT])


def test_lines_symbols_and_groups() -> None:
    answer = measured(["A12A", "A12A", "C3C", "0"], ["A12A", "A13A", "C3", "0"], [WHOLE] * 4, "aabb")
    assert (answer["exact"]["value"], answer["exact"]["n"]) == (0.5, 4)
    assert answer["symbol_errors"] == pytest.approx(2 / 12)
    assert answer["exact_by_group"] == 0.5
    assert answer["groups"] == 2
    assert answer["confusions"] == [
        {"symbol": "2", "read": "3", "count": 1},
        {"symbol": "C", "read": "", "count": 1},
    ]


@pytest.mark.parametrize(
    ("picture", "text", "read", "exact"),
    [
        (CUT, "C12", "12", 1.0),  # a symbol at a cut edge: in the label, or in the reading alone, or another
        (CUT, "12", "C12", 1.0),
        (CUT, "C12", "B12", 1.0),
        (CUT, "12C", "12", 0.0),  # the other edge cuts nothing
        (WHOLE, "C12", "12", 0.0),
        (CUT, "C12", "2", 0.0),
    ],
)
def test_a_symbol_that_the_edge_cuts_is_forgiven(
    picture: np.ndarray, text: str, read: str, exact: float
) -> None:
    answer = measured([text], [read], [picture], "a")
    assert answer["exact"]["value"] == exact
    assert answer["strictly_exact"] == 0
    assert answer["forgiven"] == exact
    assert len(answer["confusions"]) == 1 - exact


def test_by_the_layout_of_the_label_and_by_what_could_not_be_read() -> None:
    us, part = "A021000021A123456789C0101", "B0000012345B"
    problem = "no MICR line found: no row of symbols of one height"
    unread = LineReading("", 0.0, problem, problem)
    answer = measured([us, us, part], [us, unread, part], [WHOLE] * 3, "abc")
    assert answer["by_country"]["us"]["value"] == 0.5
    assert answer["by_country"][micr.NO_LAYOUT]["n"] == 1
    assert answer["unread"] == {"no MICR line found": 1}


def test_what_thresholds_accept() -> None:
    refused = LineReading("13", 1.0, None, "fits no layout")
    unsure = LineReading("12", 1.0, "unsure", "unsure")
    answer = measured(
        ["12"] * 5, ["12", refused, unsure, "12", "13"], [WHOLE] * 5, "aabbc", [0.9, 0.8, 0.8, 0.4, 0.4]
    )
    counts = {entry["name"]: (entry["accepted"], entry["wrong"], entry["n"]) for entry in answer["sets"]}
    assert counts == {
        "lines": (2, 1, 5),
        "groups": (1, 1, 3),
        "lines, by the service": (1, 0, 5),
        "groups, by the service": (1, 0, 3),
    }
    (entry,) = answer["thresholds"]
    assert (entry["accepted"], entry["error"]) == (0.4, 0.5)


def test_a_summary_says_what_was_read_and_accepted() -> None:
    text = micr.summary(measured(["12"], ["12"], [WHOLE], "a"))
    assert text.startswith("100.00% of 1 lines exact (0 with a cut symbol forgiven), 0.00% symbol errors")
    assert "  max_error 0.02 accepts 1 of 1 groups, by the service: 0 wrong" in text.splitlines()
