"""Everything a training of the field model can be told."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class FieldTrainConfig:
    """One training run; the defaults are the `release` preset's.

    A field that the generator made is seen `views` times, each time shaken a little differently: drawing one
    costs more than that. Batch normalization is needed to begin with and takes two thirds of a step's time, so
    it is folded into the weights after the opening.
    """

    seed: int = 0
    fields: int = 1_000_000  # synthetic fields drawn
    views: int = 3
    batch: int = 64
    opening: float = 0.1  # share of the fields that are seen with batch normalization
    opening_rate: float = 3e-3  # AdamW's peak there
    learning_rate: float = 1.2e-3  # and behind it, each time cosine to 0 after a warm-up
    warmup: float = 0.02  # share of the steps
    weight_decay: float = 1e-2
    averaging: float = 0.999  # momentum of the moving average of the weights
    precision: str = "mixed_bfloat16"  # of activations; weights stay float32
    real: float = 0.0  # share of the batches that hold labeled real fields, to fine-tune on them
    recombined: float = 0.0  # share of those that are parts of two, side by side
    start: str | None = None  # weights to start from

    def parts(self) -> tuple[FieldTrainConfig, FieldTrainConfig]:
        """The opening, and what follows it."""
        first = round(self.fields * self.opening)
        opening = dataclasses.replace(self, fields=first, learning_rate=self.opening_rate)
        return opening, dataclasses.replace(self, fields=self.fields - first)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> FieldTrainConfig:
        """The config recorded in a run."""
        return cls(**value)


def field_preset(preset: str, seed: int) -> FieldTrainConfig:
    """The config that a preset's name stands for."""
    config = FieldTrainConfig(seed=seed)
    if preset == "quick":
        return dataclasses.replace(config, fields=16_000, views=4, opening=0.6, averaging=0.995)
    return config


def finetune_preset(preset: str, seed: int) -> FieldTrainConfig:
    """The config for going on from released weights with labeled fields."""
    views, averaging = (1, 0.99) if preset == "quick" else (8, 0.995)
    return FieldTrainConfig(
        seed,
        fields=8_000,
        views=views,
        learning_rate=5e-4,
        averaging=averaging,
        real=0.5,
        recombined=0.5,
    )
