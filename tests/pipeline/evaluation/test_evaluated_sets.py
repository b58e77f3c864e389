"""The records of all sets that a run was evaluated on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipeline.evaluation import evaluated_sets
from pipeline.run import Run
from serving.errors import CheckreaderError
from tests.support.field_measures import evaluated


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "field")
    run.record("export", [], data={}, refused={})
    return run


def keep(run: Run, name: str, **changes: object) -> None:
    """Keeps a record of `evaluate`, which holds more than is kept."""
    evaluated_sets.keep(run, {**msgspec.to_builtins(evaluated(name, **changes)), "seconds": 1.0})


def test_each_set_is_kept(run: Run) -> None:
    assert evaluated_sets.load(run) == []
    keep(run, "bank")
    keep(run, "cells", n=7)
    assert [(entry.name, entry.families["lenet5-field"].n) for entry in evaluated_sets.load(run)] == [
        ("bank", 40),
        ("cells", 7),
    ]


def test_measured_again_it_takes_the_place_of_the_one_before(run: Run) -> None:
    keep(run, "bank")
    keep(run, "cells")
    keep(run, "bank", n=41)
    sets = {entry.name: entry.families["lenet5-field"].n for entry in evaluated_sets.load(run)}
    assert sets == {"bank": 41, "cells": 40}


def test_the_basis_tells_later_exports_and_calibrations(run: Run) -> None:
    keep(run, "bank")
    (entry,) = evaluated_sets.load(run)
    assert entry.basis == evaluated_sets.basis(run)
    run.record("calibrate", [], families={})
    assert entry.basis != evaluated_sets.basis(run)
    keep(run, "bank")
    (entry,) = evaluated_sets.load(run)
    assert entry.basis == evaluated_sets.basis(run)
    run.record("export", [], data={}, refused={"onnx_int8": "no"})
    assert entry.basis != evaluated_sets.basis(run)


def test_a_broken_file_is_named_and_replaced(run: Run) -> None:
    (run / evaluated_sets.FILE).write_text("{")
    with pytest.raises(
        CheckreaderError,
        match=r"evaluated.json: not valid JSON .* `checkreader evaluate --run field --data FOLDER`",
    ):
        evaluated_sets.load(run)
    (run / evaluated_sets.FILE).write_text('{"bank": {}}')
    with pytest.raises(CheckreaderError, match=r"evaluated.json: not a record of this version"):
        evaluated_sets.load(run)
    (run / evaluated_sets.FILE).write_text("[1]")
    keep(run, "bank")
    assert [entry.name for entry in evaluated_sets.load(run)] == ["bank"]
