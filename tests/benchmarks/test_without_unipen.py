"""What a run without UNIPEN reads, and runs that say nothing of that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import without_unipen
from pipeline.run import Run
from serving.errors import CheckreaderError

ROWS = [{"name": "mnist test", "service": {}}, {"name": "unipen", "service": {}}]


def recorded(folder: Path, sources: int, rows: list) -> Run:
    run = Run(folder)
    run.record("train", [], preset="quick", config={"seed": 3}, data={}, sources=[{}] * sources)
    run.record("evaluate", [], domains=rows)
    return run


def test_measure(tmp_path: Path) -> None:
    recorded(tmp_path / "run", 1, ROWS)
    out = tmp_path / "out.json"
    without_unipen.main([str(tmp_path / "run"), "--out", str(out)])
    record = json.loads(out.read_text())
    assert (record["preset"], record["seed"], record["domains"]) == ("quick", 3, ROWS)


@pytest.mark.parametrize(
    ("sources", "rows", "message"),
    [(3, ROWS, "trained with UNIPEN"), (1, ROWS[:1], "evaluated without UNIPEN")],
)
def test_other_runs(tmp_path: Path, sources: int, rows: list, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        without_unipen.measure(recorded(tmp_path, sources, rows))
