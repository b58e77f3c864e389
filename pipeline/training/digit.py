"""Trains LeNet-5 in float, Keras 3.

    checkreader train                                     # embedded digits, half a minute
    checkreader train --data mnist --preset quick         # a minute or two on two cores, ≥ 99.2 %
    checkreader train --data mnist --preset release --resume       # the released weights, ≥ 99.5 %: a teacher first
    checkreader train --data mnist --preset release --distillation 0       # without the teacher

The run's `train.json` records settings, data and results; `float.keras` holds
the averaged weights, pixels → logits. Every epoch ends with a checkpoint, and
`--resume` ends with the same weights as a run without an interruption; the teacher and what is stored of it
go on where they were in any case.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import keras
import msgspec
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from pipeline import progress
from pipeline.augmentation import digit
from pipeline.config import TrainConfig
from pipeline.data.digits import Dataset, Split
from pipeline.metrics import calibration
from pipeline.networks import lenet5
from pipeline.run import WEIGHTS, Run, replacing
from pipeline.synthesis import nondigits
from pipeline.training import checkpoint, distillation, sources
from serving.images.digit import tensor

CHECKPOINT: Final = "checkpoint.npz"


def train(
    run: Run,
    config: TrainConfig,
    data: Dataset,
    resume: bool = False,
    preset: str | None = None,
    data_dir: Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Trains one network and writes `float.keras` and `train.json`.

    Args:
        run: where everything is written.
        config: the settings.
        data: its training part is trained on, with the other sources of the config's shares; its validation part
            chooses temperature and thresholds, together with UNIPEN's.
        resume: continue from the run's last checkpoint, which must be of the same config.
        preset: the config's name, for the record.
        data_dir: where `data` was read and UNIPEN may lie, so that later stages find them again.
        callbacks: further Keras callbacks, called after the checkpoint of each epoch is written.

    Returns:
        The run's record: config, data, calibration, validation metrics.
    """
    stopwatch = run.stopwatch("train", goes_on=resume)
    mixture = sources.load(config, data, data_dir, stopwatch.save)
    if len(mixture.sources) > 1:
        print(mixture.summary(), file=sys.stderr, flush=True)
    progress.note("draw pictures that are no digits")
    outliers = nondigits.pictures(config.outliers if config.nondigits else 0, config.seed)
    transfer = distillation.load(config, data, mixture, stopwatch.save) if config.distillation else None
    settings = repr((config, data.record(), mixture.record()))
    with _strategy(config.strategy).scope():
        keras.utils.set_random_seed(config.seed)
        tf.config.experimental.enable_op_determinism()
        model = lenet5.build(keras, config.network)
        steps = digit.steps(mixture, config)
        model.compile(
            optimizer=keras.optimizers.AdamW(
                keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * steps),
                weight_decay=config.weight_decay,
                use_ema=True,
                ema_momentum=config.averaging,
                ema_overwrite_frequency=None,
                name="adamw",
            ),
            loss=distillation.loss(config)
            if transfer
            else keras.losses.CategoricalCrossentropy(from_logits=True),
        )
        model.optimizer.build(model.trainable_variables)
        epoch = checkpoint.restore(run / CHECKPOINT, model, settings) if resume else 0
        model.fit(
            distillation.stream(transfer, outliers, config, epoch)
            if transfer
            else digit.stream(mixture, outliers, config, epoch),
            initial_epoch=epoch,
            epochs=config.epochs,
            steps_per_epoch=steps,
            callbacks=[
                _Progress(mixture.validation, epoch, config.epochs, steps),
                checkpoint.Checkpoints(run / CHECKPOINT, settings, stopwatch.save),
                keras.callbacks.TensorBoard(run / "tensorboard", write_graph=False),
                *callbacks,
            ],
            verbose=0,
            shuffle=False,  # the stream has its own order
        )
        model.optimizer.finalize_variable_values(model.trainable_variables)
    trained = lenet5.build(keras, config.network)  # without the optimizer's state
    trained.set_weights(model.get_weights())
    logits = predict(trained, mixture.validation.images)
    others = predict(trained, nondigits.pictures(config.outliers, config.seed + nondigits.VALIDATION))
    fitted = calibration.fit(logits, mixture.validation.labels, others)
    with replacing(run / WEIGHTS) as temporary:
        trained.save(temporary)
        remove_timestamps(temporary)
    teacher = {"teacher": distillation.accuracies(data, mixture)} if transfer else {}
    (run / CHECKPOINT).unlink()
    record = run.record(
        "train",
        [WEIGHTS],
        seconds=stopwatch.seconds(),
        preset=preset,
        config=dataclasses.asdict(config),
        data_dir=str(data_dir.resolve()) if data_dir else None,
        data=data.record(),
        sources=mixture.record(),
        calibration=msgspec.to_builtins(fitted),
        metrics={
            "validation_accuracy": _accuracy(logits, mixture.validation),
            "sources": {
                name: _accuracy(predict(trained, split.images), split)
                for name, split in mixture.validations.items()
            },
            **teacher,
        },
    )
    stopwatch.path.unlink(missing_ok=True)
    return record


def predict(model: Any, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Computes logits float32 [N, 10] of pictures uint8 [N, 28, 28]."""
    if not len(images):
        return np.zeros((0, lenet5.CLASSES), np.float32)
    return np.asarray(model.predict(tensor(images), batch_size=1024, verbose=0))


def _accuracy(logits: npt.NDArray[np.float32], split: Split) -> float:
    return float((logits.argmax(1) == split.labels).mean())


def _strategy(name: str) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy() if name == "mirrored" else tf.distribute.get_strategy()


class _Progress(keras.callbacks.Callback):
    """Shows progress, and the validation accuracy of the averaged weights, which are the ones to be saved."""

    def __init__(self, validation: Split, epoch: int, epochs: int, steps: int) -> None:
        super().__init__()
        self.validation = validation
        self.bar = tqdm(total=epochs * steps, initial=epoch * steps, unit="step", disable=None, leave=False)

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self.bar.update()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        progress.note(f"train: epoch {epoch + 1} of {self.params['epochs']}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        current = [variable.numpy() for variable in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        accuracy = _accuracy(predict(self.model, self.validation.images), self.validation)
        for variable, weights in zip(self.model.trainable_variables, current, strict=True):
            variable.assign(weights)
        logs["val_accuracy"] = accuracy
        line = f"epoch {epoch + 1}: loss {logs['loss']:.4f}, validation accuracy {accuracy:.2%}"
        tqdm.write(line, file=sys.stderr)

    def on_train_end(self, logs: dict[str, float]) -> None:
        self.bar.close()


def remove_timestamps(path: Path) -> None:
    """Rewrites a `.keras` file without time and memory addresses, so that equal weights are equal bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(members["metadata.json"])
    del metadata["date_saved"]
    members["metadata.json"] = json.dumps(metadata).encode()
    members["config.json"] = re.sub(rb', "shared_object_id": [0-9]+', b"", members["config.json"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
