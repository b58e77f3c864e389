"""A field run's records for its report."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipeline.evaluation import evaluated_sets
from pipeline.report.field_run_data import FieldRunData
from pipeline.run import Run
from serving.errors import CheckreaderError
from tests.support.field_measures import evaluated


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "field")
    run.record("train", [], task="field", config={"seed": 0}, data={"name": "drawn"}, alphabet="0123456789.")
    return run


def test_what_was_evaluated_before_a_calibration_is_outdated(run: Run) -> None:
    run.record("export", [], data={}, refused={})
    evaluated_sets.keep(run, msgspec.to_builtins(evaluated("bank")))
    assert [entry.name for entry in FieldRunData.of(run).sets] == ["bank"]
    run.record("calibrate", [], families={})
    evaluated_sets.keep(run, msgspec.to_builtins(evaluated("cells")))
    run_data = FieldRunData.of(run)
    assert [entry.name for entry in run_data.sets] == ["cells"]
    assert run_data.outdated == ("bank",)
    assert run_data.alphabet.symbols == "0123456789."
    assert run_data.evaluate_command == "checkreader evaluate --run field --data FOLDER"


def test_before_it_is_exported(run: Run) -> None:
    with pytest.raises(
        CheckreaderError, match=r"export.json: not found: run `checkreader export --run field` first"
    ):
        FieldRunData.of(run)
