from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pipeline.config import FieldTrainConfig
from pipeline.data import labeled_fields
from pipeline.run import Run, sha256
from pipeline.synthesis.sampler import HandwritingSampler
from pipeline.tasks import field
from tests.support import tiny_field

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SAMPLER = HandwritingSampler(invented=2)
CONFIG = FieldTrainConfig(fields=256, views=1, batch=64, precision="float32", averaging=0.9)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field, "_NONFIELDS", 4)
    monkeypatch.setattr("pipeline.evaluation.cross_validation.FOLDS", 2)


@pytest.fixture
def own(tmp_path: Path) -> labeled_fields.Labeled:
    """Ten printed fields."""
    return tiny_field.written(tmp_path, 10)


def test_on_with_labeled_fields(own: labeled_fields.Labeled, tmp_path: Path) -> None:
    start = tiny_field.trained() / "float.keras"
    before = sha256(start)
    config = dataclasses.replace(CONFIG, fields=64, batch=16, learning_rate=1e-4, real=0.5, start=str(start))
    run = Run(tmp_path / "run")
    record = field.finetune(run, config, SAMPLER, SAMPLER.record(), own, "mine")
    assert run.require("train")["metrics"] == record["metrics"]
    assert sha256(start) == before
    assert record["data"]["own"]["sha256"] == own.sha256
    assert len(record["cross_validation"]["folds"]) == 2
    # The start reads such fields already, and small steps do not make it forget.
    assert record["metrics"]["exact"]["value"] > 0.5
    assert not record["calibration"]["thresholds"]
    assert record["calibration"]["nonfields"] == 4
