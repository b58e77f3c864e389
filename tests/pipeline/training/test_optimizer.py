from __future__ import annotations

import keras
import pytest

from pipeline.config import CheckTrainConfig
from pipeline.training.optimizer import averaged_adamw


def test_the_rate_rises_and_falls_and_the_model_holds_the_optimizer() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    config = CheckTrainConfig(learning_rate=0.01, warmup=0.1)
    optimizer = averaged_adamw(model, config, 100)
    assert model.optimizer is optimizer
    rates = []
    for step in (0, 10, 110):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0, 0.01, 0], abs=1e-6)
    assert optimizer.use_ema
