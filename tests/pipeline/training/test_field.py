"""The stage `train` of a field run: from scratch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.config import FieldTrainConfig
from pipeline.networks import lenet5_field
from pipeline.run import Run
from pipeline.synthesis.sampler import HandwritingSampler, Item
from pipeline.training import field
from serving.errors import CheckreaderError

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@dataclasses.dataclass(frozen=True)
class Repeating(HandwritingSampler):
    """Draws a few fields and repeats them; thousands are shuffled before the first batch."""

    def __call__(self, rng: np.random.Generator, count: int) -> list[Item]:
        items = super().__call__(rng, min(count, 8))
        return [items[index % len(items)] for index in range(count)]


SAMPLER = Repeating(invented=2)
CONFIG = FieldTrainConfig(fields=256, views=1, batch=64, precision="float32", averaging=0.9)


def test_from_scratch(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    record = field.train(
        run, CONFIG, SAMPLER, SAMPLER.record(), "mine", validation=4, processes=1, recalibration=2
    )
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
