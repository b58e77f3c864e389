"""Everything a training of the field model can be told."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class FieldTrainConfig:
    """One training run; the defaults are the `release` preset's.

    A field that the generator made is seen `views` times, each time shaken a little differently: drawing one
    costs more than that.
    """

    seed: int = 0
    fields: int = 180_000  # synthetic fields drawn
    views: int = 4
    batch: int = 64
    learning_rate: float = 3e-3  # AdamW's peak, cosine to 0 after a warm-up
    warmup: float = 0.02  # share of the steps
    weight_decay: float = 1e-2
    averaging: float = 0.999  # momentum of the moving average of the weights
    precision: str = "mixed_bfloat16"  # of activations; weights stay float32
    real: float = 0.0  # share of a batch drawn from labelled real fields, to fine-tune on them
    start: str | None = None  # weights to start from

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> FieldTrainConfig:
        """The config recorded in a run."""
        return cls(**value)


def field_preset(preset: str, seed: int) -> FieldTrainConfig:
    """The config that a preset's name stands for."""
    config = FieldTrainConfig(seed=seed)
    return dataclasses.replace(config, fields=16_000, averaging=0.995) if preset == "quick" else config


def finetune_preset(preset: str, seed: int) -> FieldTrainConfig:
    """The config for going on from released weights with labeled fields."""
    views = 1 if preset == "quick" else 6
    return FieldTrainConfig(
        seed, fields=8_000, views=views, learning_rate=5e-4, averaging=0.99, real=0.5, weight_decay=1e-2
    )
