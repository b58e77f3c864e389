"""Confidence out of fold by group, and thresholds that groups certify."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.labeled_lines import LabeledLines
from pipeline.evaluation import micr_calibration
from pipeline.evaluation.micr_readings import LineReading
from serving.errors import CheckreaderError

REFUSED = "fits no layout"


def lines(groups: int, each: int = 2) -> LabeledLines:
    names = tuple(str(number // each) for number in range(groups * each))
    return LabeledLines("own", (), ("1",) * len(names), names, "")


def readings(labeled: LabeledLines, right: np.ndarray, served: bool = True) -> list[LineReading]:
    """Surer where right, and each a little less sure than the one before."""
    return [
        LineReading("1", 0.99 - 0.0001 * number - 0.5 * (not is_right), None, None if served else REFUSED)
        for number, is_right in enumerate(right)
    ]


def counts(fitted: micr_calibration.MicrCalibration, rate: float) -> dict[str, tuple[int, int]]:
    return {entry.name: (entry.accepted, entry.wrong) for entry in fitted.sets if entry.max_error == rate}


def test_180_groups_certify_2_percent_at_best() -> None:
    labeled = lines(180)
    right = np.ones(360, bool)
    right[::40] = False
    fitted = micr_calibration.fit(labeled, readings(labeled, right), right)
    smallest = min(entry.max_error for entry in fitted.thresholds)
    assert smallest == 0.02
    accepted, wrong = counts(fitted, smallest)["groups"]
    assert (accepted, wrong) == (179, 0)
    assert counts(fitted, smallest)["lines"] == counts(fitted, smallest)["lines, by the service"]
    assert fitted.refusals[0] == (
        "0.01: needs at least 299 accepted groups without an error, the calibration set has 180"
    )
    assert [line.partition(":")[0] for line in fitted.refusals] == ["0.01", "0.005", "0.002", "0.001"]


def test_a_sure_misreading_makes_its_group_wrong() -> None:
    """The other line of the group is right and surer: it does not save the group."""
    labeled = lines(180)
    right = np.ones(360, bool)
    right[320:] = False  # unsure
    sure = readings(labeled, right)
    right[[1, 3, 5]] = False
    fitted = micr_calibration.fit(labeled, sure, right)
    assert fitted.thresholds == ()
    assert any(
        line.startswith("0.02: ") and "3 of the surest 149 are wrong" in line for line in fitted.refusals
    )


def test_lines_that_the_service_never_accepts_certify_nothing() -> None:
    """They are counted beside, right or wrong."""
    labeled = lines(2000, 1)
    right = np.ones(2000, bool)
    sure = readings(labeled, right, served=False)
    assert micr_calibration.fit(labeled, sure, right).thresholds == ()
    for number in range(0, 2000, 4):
        sure[number] = LineReading("1", sure[number].probability)
    right[[1001, 1002, 1003]] = False
    fitted = micr_calibration.fit(labeled, sure, right)
    accepted, wrong = counts(fitted, 0.01)["groups, by the service"]
    assert 299 <= accepted <= 500
    assert wrong == 0
    assert counts(fitted, 0.01)["groups"][1] == 3


def test_each_line_s_confidence_comes_from_other_groups() -> None:
    """Whether a group is right changes the confidence of others, and never its own."""
    labeled = lines(20)
    right = np.random.default_rng(0).random(40) < 0.7
    sure = readings(labeled, np.ones(40, bool))
    changed = right.copy()
    changed[:2] = ~changed[:2]
    before, after = (micr_calibration.out_of_fold(labeled, sure, flags, 0) for flags in (right, changed))
    assert before[:2] == after[:2]
    assert before[2:] != after[2:]


def test_nothing_read() -> None:
    labeled = lines(6)
    unread = [LineReading("", 0.0, "blank", "blank")] * 12
    with pytest.raises(CheckreaderError, match="own: none of the 12 labeled lines could be read"):
        micr_calibration.fit(labeled, unread, np.zeros(12, bool))
