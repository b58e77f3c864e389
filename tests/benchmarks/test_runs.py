from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import runs
from pipeline.run import write_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two runs that differ in their seed, and one of other data."""
    for name, data, seed, accuracy in (
        ("a", "mnist", 0, 0.5),
        ("b", "mnist", 1, 0.75),
        ("c", "digits", 0, 0.25),
    ):
        train = {
            "data": {"name": data},
            "preset": "release",
            "config": {"seed": seed, "network": {"pooling": "average"}},
            "environment": {"machine": {"cores": 2}},
            "seconds": 3.25,
        }
        families = {"lenet5": {"accuracy": {"value": accuracy}}}
        write_json(tmp_path / name / "train.json", train)
        write_json(tmp_path / name / "verify.json", {"passed": True, "seconds": 1.5})
        write_json(tmp_path / name / "evaluate.json", {"families": families, "seconds": 1.0})
    return tmp_path


def test_runs_side_by_side(folder: Path) -> None:
    out = folder / "runs.json"
    runs.main(["a", "b", "c", "--folder", str(folder), "--out", str(out)])
    record = json.loads(out.read_text())
    assert list(record["runs"]) == ["a", "b", "c"]
    assert record["runs"]["a"] == {
        "data": "mnist",
        "preset": "release",
        "pooling": "average",
        "seed": 0,
        "accuracy": {"lenet5": {"value": 0.5}},
        "verified": True,
        "seconds": {"train": 3.25, "verify": 1.5, "evaluate": 1.0, "total": 5.8},
        "machine": {"cores": 2},
    }
    assert record["mean_over_seeds"] == {
        "mnist, release preset, average pooling": {"seeds": [0, 1], "lenet5": 0.625}
    }


def test_without_a_run(folder: Path) -> None:
    with pytest.raises(SystemExit):
        runs.main(["--folder", str(folder)])
