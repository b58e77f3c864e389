"""Chapter 4: training curves, reliability and the notes on losses and thresholds."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from pipeline.records import Calibration
from pipeline.report import chapter4_quality
from pipeline.report.html import Text
from pipeline.run import Run
from serving.manifest import Threshold
from tests.support import tiny_run


def test_history_where_there_is_none(tmp_path: Path) -> None:
    assert chapter4_quality.history(tmp_path, "train", "epoch_loss") == []


def test_history(finished: Run) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (
            len(chapter4_quality.history(finished / "tensorboard", "train", "epoch_loss"))
            == tiny_run.TRAIN.epochs
        )
        assert chapter4_quality.history(finished / "tensorboard", "train", "nothing") == []


def test_equal_and_missing_thresholds_are_explained() -> None:
    thresholds = [Threshold(rate, 0.999, 0.9, 0.0, 0.0, rate, 1_000) for rate in (0.02, 0.01, 0.005)]
    note = chapter4_quality.thresholds_note(Calibration(least_evidence=7.5182, thresholds=thresholds))
    assert (
        "Evidence of at least 7.52 is asked for, too, which turns away all but one in 100,000 pictures"
        in note
    )
    assert note.endswith("For 0.2%, 0.1% too few validation digits are read surely enough without an error.")


@pytest.mark.parametrize(
    ("mistakes", "sentence"),
    [
        ({}, "There was none."),
        ({(1, 8): 1, (9, 3): 1}, "No mistake happened twice."),
        ({(4, 9): 7, (9, 3): 1}, "The most frequent: 4 read as 9, 7 times."),
        ({(4, 9): 7, (9, 3): 7}, "The most frequent: 4 read as 9 and 9 read as 3, 7 times each."),
    ],
)
def test_the_most_frequent_mistake(mistakes: dict[tuple[int, int], int], sentence: str) -> None:
    confusion = 30 * np.eye(10, dtype=np.intp)
    for place, count in mistakes.items():
        confusion[place] = count
    assert chapter4_quality.most_frequent_mistake(confusion) == sentence


def test_without_thresholds_there_is_no_table() -> None:
    (block,) = chapter4_quality.thresholds_table([], Calibration(least_evidence=7.5, thresholds=[]))
    assert isinstance(block, Text)
    assert block.text.startswith("No threshold is certified, so nothing is accepted without a human.")
    assert "Evidence of" not in block.text
    assert "too few validation digits are read surely enough" in block.text


def test_why_the_loss_cannot_reach_zero() -> None:
    assert chapter4_quality.loss_note({"distillation": 0.0, "nondigits": 0.0}) == ""
    note = chapter4_quality.loss_note({"distillation": 0.9, "nondigits": 0.15})
    assert "ten equal probabilities, and for 90% of it a teacher's" in note
