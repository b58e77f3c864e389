"""The stage `train` of a field run: from scratch, and on with labeled fields."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.config import FieldTrainConfig, field_preset, finetune_preset
from pipeline.data import labeled_fields
from pipeline.networks import lenet5_field
from pipeline.run import Run
from pipeline.synthesis.sampler import HandwritingSampler
from pipeline.training import field
from serving.errors import CheckreaderError
from tests.support import tiny_field

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SAMPLER = HandwritingSampler(invented=2)
CONFIG = FieldTrainConfig(fields=256, views=1, batch=64, precision="float32", averaging=0.9)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field, "_VALIDATION", 4)
    monkeypatch.setattr(field, "_PROCESSES", 1)
    monkeypatch.setattr("pipeline.training.ctc._RECALIBRATION", 2)


@pytest.fixture
def own(tmp_path: Path) -> labeled_fields.Labeled:
    """Ten printed fields."""
    return tiny_field.written(tmp_path, 10)


def test_from_scratch(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    record = field.train(run, CONFIG, SAMPLER, SAMPLER.record(), "mine")
    assert run.require("train") == record
    assert (record["task"], record["preset"], record["calibration"]) == ("field", "mine", None)
    assert FieldTrainConfig.from_json(record["config"]) == CONFIG
    model = keras.models.load_model(run / "float.keras", compile=False)
    assert model(np.zeros((1, 32, 64, 1), np.float32)).shape == (1, 13, lenet5_field.CLASSES)
    assert keras.mixed_precision.global_policy().name == "float32"


def test_no_released_weights_to_go_on_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHECKREADER_MODELS", str(tmp_path))
    with pytest.raises(CheckreaderError, match="no models in"):
        field.released_weights()


def test_the_opening_and_the_rest_are_the_whole() -> None:
    config = FieldTrainConfig(fields=1_000, opening=0.1, opening_rate=3e-3, learning_rate=1e-3)
    opening, rest = config.parts()
    assert (opening.fields, rest.fields) == (100, 900)
    assert (opening.learning_rate, rest.learning_rate) == (3e-3, 1e-3)


def test_presets() -> None:
    assert field_preset("release", 3) == FieldTrainConfig(seed=3)
    assert field_preset("quick", 0).fields < field_preset("release", 0).fields
    assert finetune_preset("quick", 0).views < finetune_preset("release", 0).views
    assert 0 < finetune_preset("release", 0).real < 1
