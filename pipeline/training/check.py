"""Trains `check-fields`, which finds the fields of a check, on labeled checks.

    checkreader draw-checks 5000 checks --seed 11
    checkreader train --task check --data checks --preset release

Cross-entropy with the share of each part that a field covers, so that a probability of a half is a field's edge.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Sequence
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from pipeline import progress
from pipeline.augmentation import check as augmentation
from pipeline.augmentation.check import FlatCheck, View
from pipeline.config import CheckTrainConfig
from pipeline.data.labeled_checks import LabeledChecks
from pipeline.metrics.boxes import share_of_overlap
from pipeline.networks.check_fields import NETWORK
from pipeline.run import WEIGHTS, Run, replacing
from pipeline.training import checkpoint, ctc
from pipeline.training.digit import remove_timestamps
from pipeline.training.optimizer import averaged_adamw
from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.recognition.check_locator import FIELDS, find_boxes, grid

_VALIDATION: Final = 0.05  # share of the checks, the last ones
_LEAST: Final = 20  # checks
RECALIBRATION: Final = 40  # batches that batch normalization's statistics are measured on
CHECKPOINT_STEPS: Final = 250  # between two checkpoints
_LINES: Final = 10  # of progress


def train(
    run: Run,
    config: CheckTrainConfig,
    labeled: LabeledChecks,
    preset: str,
    resume: bool = False,
    *,
    recalibration: int = RECALIBRATION,
    every: int = CHECKPOINT_STEPS,
) -> dict[str, Any]:
    """Trains from scratch and writes `float.keras` and `train.json`.

    Args:
        run: where everything is written.
        config: the settings.
        labeled: the checks; the last twentieth is validated on.
        preset: the config's name, for the record.
        resume: go on from the run's last checkpoint, which must be of the same config and checks.
        recalibration: batches to measure batch normalization's statistics on at the end.
        every: steps between two checkpoints.

    Returns:
        The run's record: config, data, and the share of each field's boxes on validation that overlap the label's by half.

    Raises:
        CheckreaderError: too few checks, a picture that cannot be read, or a checkpoint of other settings.
    """
    if len(labeled) < _LEAST:
        raise CheckreaderError(
            f"{labeled.name}: {len(labeled)} checks, at least {_LEAST} are needed: `checkreader draw-checks` draws more"
        )
    state = run / "checkpoint-check.npz"
    if not resume:
        state.unlink(missing_ok=True)
    stopwatch = run.stopwatch("train", goes_on=resume)
    flats = []
    for number, check in enumerate(labeled.checks, 1):
        progress.note(f"read checks: {number:,} of {len(labeled):,}")
        pixels = decode(check.file.read_bytes())
        flats.append(augmentation.flatten(pixels, check.corners, check.places))
    held_out = max(1, round(len(flats) * _VALIDATION))
    pool = _views(flats[:-held_out], config)
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy(config.precision)
    schedule = checkpoint.Schedule(state, repr((config, labeled.record(), NETWORK)), every, stopwatch.save)
    model = _fit(config, pool, schedule, recalibration)
    keras.mixed_precision.set_global_policy("float32")
    plain = NETWORK.build(keras, NETWORK.classes, normalized=False)
    plain.set_weights(model.get_weights())
    with replacing(run / WEIGHTS) as temporary:
        plain.save(temporary)
        remove_timestamps(temporary)
    record = run.record(
        "train",
        [WEIGHTS],
        seconds=stopwatch.seconds(),
        preset=preset,
        config=dataclasses.asdict(config),
        data=labeled.record(),
        metrics={"validation_overlaps": overlaps(plain, flats[-held_out:])},
        task="check",
        calibration=None,
    )
    state.unlink(missing_ok=True)
    stopwatch.path.unlink(missing_ok=True)
    return record


def overlaps(model: Any, checks: Sequence[FlatCheck]) -> dict[str, float]:
    """Measures on checks with known corners the share of each field's boxes that overlap the label's by half."""
    hits: dict[str, list[bool]] = {field: [] for field in FIELDS}
    for check in checks:
        image = augmentation.plain(check)[None, ..., None].astype(np.float32) / np.float32(255)
        boxes, _ = find_boxes(grid(np.asarray(tf.nn.softmax(model(image, training=False)))[0]))
        for field in FIELDS:
            if field in check.places:
                box = boxes.get(field)
                hits[field].append(box is not None and share_of_overlap(box, check.places[field]) >= 0.5)
    return {field: float(np.mean(hit)) for field, hit in hits.items() if hit}


def _views(flats: Sequence[FlatCheck], config: CheckTrainConfig) -> list[View]:
    pool: list[View] = []
    for number, flat in enumerate(flats):
        progress.note(f"draw views: check {number + 1:,} of {len(flats):,}")
        pool += augmentation.views(flat, config.views, [config.seed, 5, number])
    return pool


def _fit(
    config: CheckTrainConfig,
    pool: Sequence[View],
    schedule: checkpoint.Schedule,
    recalibration: int,
) -> Any:
    """Trains; returns the averaged weights' model with batch normalization folded in."""
    model = NETWORK.build(keras, NETWORK.classes)
    optimizer = averaged_adamw(model, config, config.steps)
    start = checkpoint.restore(schedule.path, model, schedule.settings)
    step = _train_step(model, optimizer)
    stream = augmentation.batches(pool, config.batch, config.seed, start)
    running, recent = 0.0, 0
    bar = tqdm(total=config.steps, initial=start, unit="batch", disable=None, leave=False)
    for done, (image, target) in enumerate(itertools.islice(stream, config.steps - start), start + 1):
        running += float(step(tf.constant(image), tf.constant(target)))
        recent += 1
        bar.update()
        progress.note(f"train: step {done:,} of {config.steps:,}")
        if done % max(1, config.steps // _LINES) == 0:
            tqdm.write(f"train, {done / config.steps:.0%}: loss {running / recent:.4f}", file=sys.stderr)
            running, recent = 0.0, 0
        if done % schedule.every == 0:
            checkpoint.save(schedule.path, model, schedule.settings, done)
            schedule.saved()
    bar.close()
    optimizer.finalize_variable_values(model.trainable_variables)
    first = augmentation.batches(pool, config.batch, config.seed)
    ctc.recalibrate(model, (image for image, _ in itertools.islice(first, recalibration)))
    return NETWORK.fold(keras, model)


def _train_step(model: Any, optimizer: Any) -> Any:
    @tf.function
    def step(image: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = tf.cast(model(image, training=True), tf.float32)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return step
