"""Trains `lenet5-field`: from scratch on drawn fields, or on with a user's own labeled ones.

    checkdigit train --task field --data mnist --preset release --fonts FONTS --run field     # the released weights
    checkdigit train --task field --data FOLDER --run mine     # goes on from the released weights, 5-fold report

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

from pipeline.field import cross_validation, fit, labeled, network, nonfields, reading, recombined
from pipeline.field.config import FieldTrainConfig
from pipeline.field.hands import Hands
from pipeline.field.labeled import Index, Labeled
from pipeline.field.stream import Batch, Item, drawn, endless, mixed
from pipeline.run import Run, replacing
from pipeline.train import WEIGHTS, undated
from serving.images.field import normalize_field
from serving.repository import Repository

START: Final = "lenet5-field"  # of the released models, what a user's own fields go on from
_VALIDATION: Final = 1_000  # drawn fields, by other writers than those of the training
_PROCESSES: Final = 2  # that draw, beside the training
_SEEN: Final = 2_000  # pictures that are no field, for the floor of the thresholds


def train(
    run: Run, config: FieldTrainConfig, hands: Hands, data: dict[str, Any], preset: str
) -> dict[str, Any]:
    """Trains from scratch on drawn fields and writes `float.keras` and `train.json`.

    Args:
        run: where everything is written.
        config: what to train.
        hands: who draws the fields to train on.
        data: names and checksums of what the hands were made of, for the record.
        preset: the name that the config goes by, for the record.
    """
    validation = hands.validation()(np.random.default_rng([config.seed, 7]), _VALIDATION)
    _seed(config)
    opening, rest = config.parts()
    model = network.build(keras)
    stream = endless(drawn(hands, config.seed, _PROCESSES), config)
    fit.fit(model, opening, stream, validation)
    model = network.folded(keras, model)
    fit.fit(model, rest, stream, validation)
    stream.close()
    plain = _in_float(model)
    return _record(run, plain, config, data, preset, {"validation_exact": fit.accuracy(plain, validation)})


def finetune(
    run: Run, config: FieldTrainConfig, hands: Hands, data: dict[str, Any], own: Labeled, preset: str
) -> dict[str, Any]:
    """Goes on from released weights with labeled fields, and cross-validates that.

    For each fold a network is trained on the others and reads the fold; thresholds come from these
    readings. The released network is trained on all.

    Args:
        run: where everything is written.
        config: what to train; `start` are the weights to go on from.
        hands: draw fields that are mixed in, lest the network forget what the labeled ones do not show.
        data: names and checksums, for the record.
        own: the labeled fields.
        preset: the name that the config goes by, for the record.
    """
    parts = labeled.folds(own, cross_validation.FOLDS, config.seed)
    items = [(normalize_field(own.picture(i)).pixels, own.classes(i)) for i in range(len(own))]
    places = _cuts(config, items, own.separators)
    synthetic = hands(np.random.default_rng([config.seed, 3]), config.fields)

    def gone_on(index: Index) -> Any:
        real = recombined.source([items[i] for i in index], [places[i] for i in index], config.recombined)
        return _gone_on(config, mixed(real, synthetic, config, own.separators))

    readings = []
    for part in parts:
        model = gone_on(np.setdiff1d(np.arange(len(own)), part))
        readings.append(reading.read(reading.reader(fit.probabilities(model)), own.take(part)))
    model = gone_on(np.arange(len(own)))
    others = nonfields.read(reading.reader(fit.probabilities(model)), _SEEN, config.seed, hands.field)
    report = cross_validation.report(own, parts, readings, config.seed, others)
    return _record(
        run,
        model,
        config,
        {**data, "own": own.record()},
        preset,
        {"exact": report["mean"]},
        calibration=report["calibration"],
        cross_validation=report,
    )


def _gone_on(config: FieldTrainConfig, stream: Iterator[Batch]) -> Any:
    _seed(config)
    model = network.build(keras, normalized=False)
    model.set_weights(_start(config).get_weights())
    fit.fit(model, config, stream, ())
    return _in_float(model)


def _start(config: FieldTrainConfig) -> Any:
    return keras.models.load_model(config.start or started(), compile=False)


def _cuts(
    config: FieldTrainConfig, items: Sequence[Item], separators: bool
) -> list[tuple[recombined.Cut, ...]]:
    """Where the fields fall apart, as the network to go on from sees them."""
    model = network.build(keras, normalized=False)
    model.set_weights(_start(config).get_weights())
    seen = fit.logits(model, [pixels for pixels, _ in items])
    return [
        recombined.cuts(pixels, labels, softmax(steps, axis=1), separators)
        for (pixels, labels), steps in zip(items, seen, strict=True)
    ]


def _in_float(model: Any) -> Any:
    """The same network computing in float32."""
    keras.mixed_precision.set_global_policy("float32")
    plain = network.build(keras, normalized=False)
    plain.set_weights(model.get_weights())
    return plain


def started() -> Path:
    """The released weights."""
    repository = Repository.open()
    artifact = next(a for a in repository.model(START).artifacts if a.runtime == "keras")
    repository.read(artifact.path, artifact.sha256)
    return repository.folder / artifact.path


def _seed(config: FieldTrainConfig) -> None:
    keras.utils.set_random_seed(config.seed)
    keras.mixed_precision.set_global_policy(config.precision)


def _record(
    run: Run,
    model: Any,
    config: FieldTrainConfig,
    data: dict[str, Any],
    preset: str,
    metrics: dict[str, Any],
    **content: Any,
) -> dict[str, Any]:
    with replacing(run / WEIGHTS) as temporary:
        model.save(temporary)
        undated(temporary)
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
