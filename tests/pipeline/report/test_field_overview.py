"""The head of a field run's report and the chapter that compares the sets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from pipeline.records import CrossValidation, TrainRecord
from pipeline.report import field_overview
from pipeline.report.field_run_data import FieldRunData
from pipeline.report.html import Table, Text
from pipeline.run import Run
from tests.support.field_measures import POINT, evaluated, measures


@pytest.fixture
def run_data(tmp_path: Path) -> FieldRunData:
    run = Run(tmp_path / "field")
    run.record("train", [], task="field", config={"seed": 0}, data={"name": "drawn"})
    return FieldRunData(run, run.read(TrainRecord), (evaluated("bank"), evaluated("cells")), ())


def test_the_sentences_are_the_numbers(run_data: FieldRunData) -> None:
    bank, cells = field_overview.sentences(run_data)
    assert bank == (
        "Of bank it reads 87.5% (95 % interval 43.8%–96.3%) of 40 fields exactly; at the threshold for at most 2.0% errors "
        "20 are accepted, 1 of them wrong."
    )
    assert cells.startswith("Of cells it reads")


def test_what_is_missing_is_said_with_its_command(run_data: FieldRunData) -> None:
    nothing = dataclasses.replace(run_data, sets=(), outdated=("checks",))
    evaluate, outdated = field_overview.sentences(nothing)
    assert "`checkreader evaluate --run field --data FOLDER` does that" in evaluate
    assert "Left out" in outdated
    assert "checks" in outdated
    uncertified = dataclasses.replace(run_data, sets=(evaluated(thresholds=[]),))
    assert (
        "`checkreader calibrate --run field --data FOLDER` certifies one"
        in field_overview.sentences(uncertified)[-1]
    )
    (block,) = field_overview.chapter(nothing).blocks
    assert isinstance(block, Text)
    assert "`checkreader evaluate --run field --data FOLDER`" in block.text


def test_cross_validation_is_a_set_of_its_own(run_data: FieldRunData) -> None:
    train = msgspec.structs.replace(
        run_data.train, cross_validation=CrossValidation(measures(nonfields=None))
    )
    tuned = dataclasses.replace(run_data, train=train)
    assert "cross-validation reads 87.5%" in field_overview.sentences(tuned)[-1]
    table = next(block for block in field_overview.chapter(tuned).blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == ["bank", "bank", "cells", "cells", "bank, cross-validated"]
    assert [row[-1] for row in table.rows] == ["7 of 1,000"] * 4 + [""]


@pytest.mark.parametrize(
    ("bounds", "applied"),
    [
        ((0.05, 0.02, 0.01, 0.005), 0.01),
        ((0.05, 0.02), 0.02),
        ((0.005, 0.002), 0.005),
        ((0.1,), None),
        ((), None),
    ],
)
def test_the_default_is_the_service_s(bounds: tuple[float, ...], applied: float | None) -> None:
    points = measures(thresholds=[{**POINT, "max_error": bound} for bound in bounds]).thresholds
    point = field_overview.default_point(points)
    assert (point and point.max_error) == applied
