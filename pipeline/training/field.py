"""Trains `lenet5-field` from scratch on drawn fields, or fine-tunes released weights.

    checkreader train --task field --data mnist --preset release --fonts FONTS --run field     # the released weights

The run's `train.json` records settings, data and results; `float.keras` holds
the averaged weights with batch normalization folded in, pixels → logits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from scipy.special import softmax

from pipeline.augmentation import recombine
from pipeline.augmentation.field import Batch, batch_stream, draw_blocks
from pipeline.config import FieldTrainConfig
from pipeline.networks import lenet5_field
from pipeline.run import WEIGHTS, Run, replacing
from pipeline.synthesis.sampler import HandwritingSampler, Item
from pipeline.training import ctc
from pipeline.training.digit import remove_timestamps
from serving.repository.store import Repository

START: Final = "lenet5-field"  # the released model that fine-tuning starts from


def train(
    run: Run,
    config: FieldTrainConfig,
    sampler: HandwritingSampler,
    data: dict[str, Any],
    preset: str,
    *,
    validation: int = 1_000,
    processes: int = 2,
    recalibration: int = ctc.RECALIBRATION,
) -> dict[str, Any]:
    """Trains from scratch on drawn fields and writes `float.keras` and `train.json`.

    Args:
        run: where everything is written.
        config: the settings.
        sampler: draws the fields to train on.
        data: names and checksums of the sampler's sources, for the record.
        preset: the config's name, for the record.
        validation: number of fields to validate on, by other writers than those of the training.
        processes: that draw while the network trains.
        recalibration: see `ctc.fit`.

    Returns:
        The run's record: config, data, validation metrics.
    """
    held_out = sampler.validation()(np.random.default_rng([config.seed, 7]), validation)
    _seed(config)
    opening, rest = config.parts()
    model = lenet5_field.build(keras)
    stream = batch_stream(draw_blocks(sampler, config.seed, processes), config)
    ctc.fit(model, opening, stream, held_out, recalibration)
    model = lenet5_field.fold(keras, model)
    ctc.fit(model, rest, stream, held_out, recalibration)
    stream.close()
    plain = _in_float(model)
    return write_record(run, plain, config, data, preset, {"validation_exact": ctc.accuracy(plain, held_out)})


def fine_tune(config: FieldTrainConfig, stream: Iterator[Batch]) -> Any:
    """Fine-tunes the network of `config.start`, or the released one, on the batches of `stream`; returns it."""
    _seed(config)
    model = lenet5_field.build(keras, normalized=False)
    model.set_weights(_load_start(config).get_weights())
    ctc.fit(model, config, stream, ())
    return _in_float(model)


def _load_start(config: FieldTrainConfig) -> Any:
    return keras.models.load_model(config.start or released_weights(), compile=False)


def cuts(
    config: FieldTrainConfig, items: Sequence[Item], separators: bool
) -> list[tuple[recombine.Cut, ...]]:
    """Finds where the fields can be cut, with the network that fine-tuning starts from."""
    model = lenet5_field.build(keras, normalized=False)
    model.set_weights(_load_start(config).get_weights())
    outputs = ctc.logits(model, [pixels for pixels, _ in items])
    return [
        recombine.cuts(pixels, text, softmax(steps, axis=1), separators)
        for (pixels, text), steps in zip(items, outputs, strict=True)
    ]


def _in_float(model: Any) -> Any:
    """Returns the same network computing in float32."""
    keras.mixed_precision.set_global_policy("float32")
    plain = lenet5_field.build(keras, normalized=False)
    plain.set_weights(model.get_weights())
    return plain


def released_weights() -> Path:
    """Returns the path of the released weights, checked against the manifest."""
    repository = Repository.open()
    artifact = next(file for file in repository.model(START).artifacts if file.runtime == "keras")
    repository.read(artifact.path, artifact.sha256)
    return repository.folder / artifact.path


def _seed(config: FieldTrainConfig) -> None:
    keras.utils.set_random_seed(config.seed)
    keras.mixed_precision.set_global_policy(config.precision)


def write_record(
    run: Run,
    model: Any,
    config: FieldTrainConfig,
    data: dict[str, Any],
    preset: str,
    metrics: dict[str, Any],
    **content: Any,
) -> dict[str, Any]:
    """Writes `float.keras` and `train.json`; returns the record."""
    with replacing(run / WEIGHTS) as temporary:
        model.save(temporary)
        remove_timestamps(temporary)
    return run.record(
        "train",
        [WEIGHTS],
        task="field",
        preset=preset,
        config=dataclasses.asdict(config),
        data=data,
        metrics=metrics,
        **{"calibration": None, **content},
    )
