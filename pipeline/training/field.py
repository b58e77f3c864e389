"""Trains `lenet5-field` from scratch on drawn fields, or goes on from released weights.

    checkreader train --task field --data mnist --preset release --fonts FONTS --run field     # the released weights

The run's `train.json` says what it saw and what came out; `float.keras` holds
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

START: Final = "lenet5-field"  # of the released models, what a user's own fields go on from
_VALIDATION: Final = 1_000  # drawn fields, by other writers than those of the training
_PROCESSES: Final = 2  # that draw, beside the training


def train(
    run: Run, config: FieldTrainConfig, sampler: HandwritingSampler, data: dict[str, Any], preset: str
) -> dict[str, Any]:
    """Trains from scratch on drawn fields and writes `float.keras` and `train.json`.

    Args:
        run: where everything is written.
        config: what to train.
        sampler: who draws the fields to train on.
        data: names and checksums of what the sampler were made of, for the record.
        preset: the name that the config goes by, for the record.
    """
    validation = sampler.validation()(np.random.default_rng([config.seed, 7]), _VALIDATION)
    _seed(config)
    opening, rest = config.parts()
    model = lenet5_field.build(keras)
    stream = batch_stream(draw_blocks(sampler, config.seed, _PROCESSES), config)
    ctc.fit(model, opening, stream, validation)
    model = lenet5_field.fold(keras, model)
    ctc.fit(model, rest, stream, validation)
    stream.close()
    plain = _in_float(model)
    return write_record(
        run, plain, config, data, preset, {"validation_exact": ctc.accuracy(plain, validation)}
    )


def fine_tune(config: FieldTrainConfig, stream: Iterator[Batch]) -> Any:
    """A network that goes on from `config.start`, or the released weights, on the batches of `stream`."""
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
    """Where the fields fall apart, as the network to go on from sees them."""
    model = lenet5_field.build(keras, normalized=False)
    model.set_weights(_load_start(config).get_weights())
    seen = ctc.logits(model, [pixels for pixels, _ in items])
    return [
        recombine.cuts(pixels, labels, softmax(steps, axis=1), separators)
        for (pixels, labels), steps in zip(items, seen, strict=True)
    ]


def _in_float(model: Any) -> Any:
    """The same network computing in float32."""
    keras.mixed_precision.set_global_policy("float32")
    plain = lenet5_field.build(keras, normalized=False)
    plain.set_weights(model.get_weights())
    return plain


def released_weights() -> Path:
    """The released weights."""
    repository = Repository.open()
    artifact = next(a for a in repository.model(START).artifacts if a.runtime == "keras")
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
