"""Trains LeNet-5 in float, Keras 3.

    checkreader train                                     # embedded digits, half a minute
    checkreader train --data mnist --preset quick         # about a minute on two cores, ≥ 99.2 %
    checkreader train --data mnist --preset release       # the released weights, ≥ 99.5 %: a teacher first, half an hour
    checkreader train --data mnist --preset release --distillation 0       # without the teacher

The run's `train.json` records settings, data and results; `float.keras` holds
the averaged weights, pixels → logits. Every epoch ends with a checkpoint, and
`--resume` ends with the same weights as a run without an interruption.
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
from pipeline.training import distillation
from serving.errors import CheckreaderError
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
        data: its training part is trained on; its validation part chooses temperature and thresholds.
        resume: continue from the run's last checkpoint, which must be of the same config.
        preset: the config's name, for the record.
        data_dir: where `data` was read, so that later stages find it again.
        callbacks: further Keras callbacks, called after the checkpoint of each epoch is written.

    Returns:
        The run's record: config, data, calibration, validation metrics.
    """
    outliers = nondigits.pictures(config.outliers if config.nondigits else 0, config.seed)
    transfer = distillation.load(config, data) if config.distillation else None
    with _strategy(config.strategy).scope():
        keras.utils.set_random_seed(config.seed)
        tf.config.experimental.enable_op_determinism()
        model = lenet5.build(keras, config.network)
        steps = digit.steps(data.train, config)
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
        epoch = _restore(run / CHECKPOINT, model, config) if resume else 0
        model.fit(
            distillation.stream(transfer, outliers, config, epoch)
            if transfer
            else digit.stream(data.train, outliers, config, epoch),
            initial_epoch=epoch,
            epochs=config.epochs,
            steps_per_epoch=steps,
            callbacks=[
                _Progress(data.validation, epoch, config.epochs, steps),
                _Checkpoints(run / CHECKPOINT, config),
                keras.callbacks.TensorBoard(run / "tensorboard", write_graph=False),
                *callbacks,
            ],
            verbose=0,
            shuffle=False,  # the stream has its own order
        )
        model.optimizer.finalize_variable_values(model.trainable_variables)
    trained = lenet5.build(keras, config.network)  # without the optimizer's state
    trained.set_weights(model.get_weights())
    logits = predict(trained, data.validation.images)
    others = predict(trained, nondigits.pictures(config.outliers, config.seed + nondigits.VALIDATION))
    fitted = calibration.fit(logits, data.validation.labels, others)
    with replacing(run / WEIGHTS) as temporary:
        trained.save(temporary)
        remove_timestamps(temporary)
    (run / CHECKPOINT).unlink()
    return run.record(
        "train",
        [WEIGHTS],
        preset=preset,
        config=dataclasses.asdict(config),
        data_dir=str(data_dir.resolve()) if data_dir else None,
        data=data.record(),
        calibration=msgspec.to_builtins(fitted),
        metrics={"validation_accuracy": _accuracy(logits, data.validation)},
    )


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


class _Checkpoints(keras.callbacks.Callback):
    """Writes all variables of model and optimizer after each epoch, atomically."""

    def __init__(self, path: Path, config: TrainConfig) -> None:
        super().__init__()
        self.path, self.config = path, config

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        arrays = {f"v{i}": variable.numpy() for i, variable in enumerate(_variables(self.model))}
        with replacing(self.path) as temporary:
            np.savez(temporary, config=repr(self.config), epoch=epoch + 1, **arrays)


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _restore(path: Path, model: Any, config: TrainConfig) -> int:
    """Restores a checkpoint; returns the number of its epochs, 0 if there is no checkpoint."""
    if not path.exists():
        return 0
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            if str(file["config"]) != repr(config):
                raise CheckreaderError(
                    f"{path}: written with another config: train without --resume, or with the config it names"
                )
            for i, variable in enumerate(_variables(model)):
                variable.assign(file[f"v{i}"])
            return int(file["epoch"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckreaderError(f"{path}: damaged checkpoint ({error}): train without --resume") from None


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
