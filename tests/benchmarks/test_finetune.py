from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest

from benchmarks import finetune
from pipeline.config import finetune_preset
from tests.support import tiny_field

RECORD = {
    "config": {"seed": 0},
    "data": {"own": {"fields": 3}},
    "seconds": 1.5,
    "environment": {"machine": {"cores": 2}},
    "metrics": {"exact": {"value": 0.5}},
    "cross_validation": {"folds": [1, 2], "pooled": {"exact": {"value": 0.5}, "worst": ["12.50"]}},
}


def test_no_readings_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fine-tuning itself takes minutes; tests/pipeline/tasks has it in little."""
    (tmp_path / "fields").mkdir()
    labeled = tiny_field.written(tmp_path / "fields", 3)
    trained = mock.create_autospec(finetune.finetune, return_value=json.loads(json.dumps(RECORD)))
    monkeypatch.setattr(finetune, "finetune", trained)
    file = tmp_path / "finetune.json"
    finetune.main([str(tmp_path / "fields"), "--out", str(file)])
    assert trained.call_args.args[1] == finetune_preset("release", 0)
    assert trained.call_args.args[4].sha256 == labeled.sha256
    record = json.loads(file.read_text())
    assert "12.50" not in file.read_text()
    assert {key: record[key] for key in ("config", "data", "seconds", "folds")} == {
        "config": {"seed": 0},
        "data": {"own": {"fields": 3}},
        "seconds": 1.5,
        "folds": [1, 2],
    }
    assert record["pooled"] == {"exact": {"value": 0.5}}
