"""The settings of runs: presets, and that a record gives the config back."""

from __future__ import annotations

import dataclasses
import json

import pytest

from pipeline.config import (
    FieldTrainConfig,
    Lenet5Options,
    QuantizeConfig,
    TrainConfig,
    choices,
    field_preset,
    finetune_preset,
    quantize_preset,
    train_preset,
)


@pytest.mark.parametrize("name", ["digits", "mnist", "folder"])
def test_presets(name: str) -> None:
    quick, release = train_preset("quick", name), train_preset("release", name)
    assert quick.data == release.data == name
    assert quick.epochs < release.epochs
    assert release.batch == (256 if name == "mnist" else 64)
    assert (quick.seed, quick.strategy) == (0, "single")
    assert quantize_preset("quick").steps < quantize_preset("release").steps
    assert quantize_preset(None) == quantize_preset("release") == QuantizeConfig()


def test_config_goes_round() -> None:
    config = dataclasses.replace(
        TrainConfig(epochs=3), network=Lenet5Options("average", "tanh", "after"), seed=7
    )
    assert TrainConfig.from_json(json.loads(json.dumps(dataclasses.asdict(config)))) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 8


def test_a_field_config_goes_round() -> None:
    config = FieldTrainConfig(seed=3, start="weights.keras", real=0.5)
    assert FieldTrainConfig.from_json(json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_options_are_checked() -> None:
    assert choices("pooling") == ("average", "max")
    with pytest.raises(ValueError, match="activation: 'elu' is not one of relu, tanh, sigmoid"):
        Lenet5Options(activation="elu")


def test_the_opening_and_the_rest_are_the_whole() -> None:
    config = FieldTrainConfig(fields=1_000, opening=0.1, opening_rate=3e-3, learning_rate=1e-3)
    opening, rest = config.parts()
    assert (opening.fields, rest.fields) == (100, 900)
    assert (opening.learning_rate, rest.learning_rate) == (3e-3, 1e-3)


def test_field_presets() -> None:
    assert field_preset("release", 3) == FieldTrainConfig(seed=3)
    assert field_preset("quick", 0).fields < field_preset("release", 0).fields
    assert finetune_preset("quick", 0).views < finetune_preset("release", 0).views
    assert 0 < finetune_preset("release", 0).real < 1
