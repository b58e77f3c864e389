"""The settings of training and quantization runs, as frozen dataclasses.

A config is recorded as JSON in the run, read back from there, and never changed.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final, Literal, get_args, get_type_hints

from pipeline.precision import fastest


@dataclasses.dataclass(frozen=True)
class Lenet5Options:
    """Options in which LeNet-5's descendants differ; the defaults fold (`pipeline.networks.folded`)."""

    pooling: Literal["average", "max"] = "average"
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    # "after": convolution → subsampling → activation, as in 1998; with average
    # pooling the two linear steps fold into one strided convolution.
    # "before": convolution → activation → subsampling, as is usual today.
    activate: Literal["after", "before"] = "after"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            option, allowed = getattr(self, field.name), choices(field.name)
            if option not in allowed:
                raise ValueError(f"{field.name}: {option!r} is not one of {', '.join(allowed)}")


def choices(option: str) -> tuple[str, ...]:
    """Returns the values that an option of `Lenet5Options` may have."""
    return get_args(get_type_hints(Lenet5Options)[option])


CLASSICAL: Final = Lenet5Options("max", "relu", "before")  # as LeNet-5 is built today; nothing folds


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; the defaults are the `release` preset's before its sources, teacher and defects."""

    data: str = "mnist"
    seed: int = 0
    network: Lenet5Options = Lenet5Options()
    epochs: int = 60
    batch: int = 256
    learning_rate: float = 4e-3  # AdamW's peak, cosine to 0
    weight_decay: float = 1e-3
    label_smoothing: float = 0.0
    averaging: float = 0.999  # momentum of the moving average of the weights
    affine: float = 1.0  # strength of the affine augmentation, 0 = off
    elastic: float = 0.5  # strength of the elastic augmentation, 0 = off
    pen: float = 0.0  # strength of the change of the pen's width, 0 = off
    anneal: float = 0.8  # share of the augmentation's strengths that is left at the end
    defects: float = 0.0  # share of the pictures with a line across, covered edges or hollow strokes
    nondigits: float = 0.15  # share of a batch that is no digit; its target is ten equal probabilities
    outliers: int = 16000  # pictures that are no digit: as many drawn for training as for validation
    unipen: float = 0.0  # share of a batch's digits that are UNIPEN's, where it lies beside MNIST
    invented: float = 0.0  # share that invented writers wrote, together with UNIPEN's
    distillation: float = 0.0  # share of the loss that comes from a teacher's probabilities, 0 = no teacher
    temperature: float = 1.0  # with a teacher: softens its probabilities and the student's
    # Drawings of each of UNIPEN's and of the invented digits and, with a teacher, distorted copies of all digits;
    # made once, and epochs take turns.
    passes: int = 30
    strategy: Literal["single", "mirrored"] = "single"

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> TrainConfig:
        """Returns the config that a run recorded."""
        return cls(**{**record, "network": Lenet5Options(**record["network"])})


@dataclasses.dataclass(frozen=True)
class QuantizeConfig:
    """Settings of one quantization run."""

    method: Literal["qat", "ptq"] = "qat"  # quantization-aware training, or post-training quantization
    prune: float = 0.0  # share of the weights set to zero, 0 = off
    cluster: int = 0  # distinct weights per layer, 0 = off
    steps: int = 1500
    batch: int = 256
    learning_rate: float = 1e-4
    calibration: int = 500  # training pictures that seed the activation ranges
    seed: int = 0


def train_preset(preset: str, data: str) -> TrainConfig:
    """Returns the config of a preset; small data sets take smaller batches and more epochs."""
    config = TrainConfig(data=data)
    if data != "mnist":
        config = dataclasses.replace(config, epochs=200, batch=64, averaging=0.995)
    else:
        config = dataclasses.replace(config, unipen=0.15, invented=0.15, nondigits=0.3)
        if preset == "release":  # a thousand pictures or so make no teacher
            config = dataclasses.replace(config, distillation=0.9, defects=0.3, outliers=50_000)
    if preset == "quick":
        epochs, outliers = (8, 3000) if data == "mnist" else (50, 1500)
        config = dataclasses.replace(config, averaging=0.99, epochs=epochs, outliers=outliers, passes=2)
    return config


def quantize_preset(preset: str | None, data: str = "mnist") -> QuantizeConfig:
    """Returns the quantization config that goes with a training preset; small data sets take smaller batches."""
    config = QuantizeConfig(steps=600) if preset == "quick" else QuantizeConfig()
    return config if data == "mnist" else dataclasses.replace(config, batch=64)


@dataclasses.dataclass(frozen=True)
class FieldTrainConfig:
    """Settings of one field training run; the defaults are the `release` preset's.

    Training sees a drawn field `views` times, each time distorted differently, since drawing a new one costs
    more. Batch normalization is needed at the start and takes two thirds of a step's time, so it is folded into
    the weights after the opening.
    """

    seed: int = 0
    fields: int = 1_000_000  # synthetic fields drawn
    views: int = 3
    batch: int = 64
    opening: float = 0.1  # share of the fields that are seen with batch normalization
    opening_rate: float = 3e-3  # AdamW's peak there
    learning_rate: float = 1.2e-3  # and after it, each time cosine to 0 after a warm-up
    warmup: float = 0.02  # share of the steps
    weight_decay: float = 1e-2
    averaging: float = 0.999  # momentum of the moving average of the weights
    precision: str = dataclasses.field(default_factory=fastest)  # of activations; weights stay float32
    real: float = 0.0  # share of the batches that hold labeled real fields, for fine-tuning
    recombined: float = 0.0  # share of the real fields that are parts of two, side by side
    retained: float = 0.0  # share of the weights at the start in those at the end, on drawn fields
    # Path of the weights to fine-tune, None = the released ones; of a training on drawn fields the checksum of the
    # weights that it began with, None = from scratch.
    start: str | None = None

    def parts(self) -> tuple[FieldTrainConfig, FieldTrainConfig]:
        """Returns the configs of the opening and of the rest."""
        first = round(self.fields * self.opening)
        opening = dataclasses.replace(self, fields=first, learning_rate=self.opening_rate)
        return opening, dataclasses.replace(self, fields=self.fields - first)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> FieldTrainConfig:
        """Returns the config that a run recorded."""
        return cls(**record)


def field_preset(preset: str, seed: int) -> FieldTrainConfig:
    """Returns the config of a preset for training from scratch."""
    config = FieldTrainConfig(seed=seed)
    if preset == "quick":
        return dataclasses.replace(config, fields=16_000, views=4, opening=0.6, averaging=0.995)
    return config


def further_preset(preset: str, seed: int) -> FieldTrainConfig:
    """Returns the config of a preset for training released weights further on drawn fields, without an opening.

    The mean of the weights before and after reads what is new nearly as well as those after, and loses nothing of the
    rest (Wortsman et al. 2022, Robust fine-tuning of zero-shot models).
    """
    fields, averaging = (8_000, 0.995) if preset == "quick" else (56_000, 0.998)
    return FieldTrainConfig(
        seed, fields=fields, views=4, opening=0.0, learning_rate=6e-4, averaging=averaging, retained=0.5
    )


def micr_preset(preset: str, seed: int) -> FieldTrainConfig:
    """Returns the config of a preset for training `lenet5-micr`, whose lines are four times as long as fields."""
    config = FieldTrainConfig(seed=seed, fields=60_000, batch=32, opening=0.4)
    if preset == "quick":
        return dataclasses.replace(config, fields=10_000, views=4, opening=0.6, averaging=0.99)
    return config


@dataclasses.dataclass(frozen=True)
class CheckTrainConfig:
    """Settings of one training of `check-fields`; the defaults are the `release` preset's."""

    seed: int = 0
    views: int = 4  # of each check, made once
    steps: int = 5_000
    batch: int = 32
    learning_rate: float = 3e-3  # AdamW's peak, cosine to 0 after a warm-up
    warmup: float = 0.04  # share of the steps
    weight_decay: float = 1e-2
    averaging: float = 0.995  # momentum of the moving average of the weights
    precision: str = dataclasses.field(default_factory=fastest)  # of activations; weights stay float32


def check_preset(preset: str, seed: int) -> CheckTrainConfig:
    """Returns the config of a preset for training `check-fields`."""
    config = CheckTrainConfig(seed=seed)
    return dataclasses.replace(config, views=3, steps=600, averaging=0.98) if preset == "quick" else config


def finetune_preset(preset: str, seed: int) -> FieldTrainConfig:
    """Returns the config of a preset for fine-tuning released weights on labeled fields."""
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
