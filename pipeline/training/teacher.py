"""Builds and trains the teacher, larger networks whose averaged logits LeNet-5 learns from.

Each of two networks with other seeds is a residual one (He and others, Deep Residual Learning for Image Recognition,
2016) of about 310,000 parameters; together they take 39.5 million multiply-accumulates a picture, 95 times LeNet-5's. They
compute in bfloat16 where the processor does, are never released and read only digits.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from pipeline import precision, progress
from pipeline.augmentation import digit
from pipeline.config import TrainConfig
from pipeline.data.mixture import Mixture
from pipeline.networks.lenet5 import CLASSES, SIDE
from pipeline.run import replacing
from pipeline.training import checkpoint

SEEDS: Final = (0, 1)
STEM: Final = 16  # channels, [N, 28, 28, 16]
STAGES: Final = (48, 96)  # channels, [N, 14, 14, 48] and [N, 7, 7, 96]
_WARMUP: Final = 200  # steps


def build() -> Any:
    """Builds a functional model `image` float32 [N, 28, 28, 1] → `logits` float32 [N, 10], between in the fastest precision."""
    layers, fast = keras.layers, keras.DTypePolicy(precision.fastest())

    def convolve(x: Any, channels: int, stride: int = 1) -> Any:
        x = layers.Conv2D(
            channels, 3, stride, "same", use_bias=False, kernel_initializer="he_normal", dtype=fast
        )(x)
        return layers.BatchNormalization(momentum=0.9, dtype=fast)(x)

    def rectify(x: Any) -> Any:
        return layers.ReLU(dtype=fast)(x)

    x = image = keras.Input((SIDE, SIDE, 1), name="image")
    # Batch normalization costs more time than the convolution on the largest maps, and is left out there.
    x = layers.Conv2D(STEM, 3, padding="same", activation="relu", kernel_initializer="he_normal", dtype=fast)(
        x
    )
    for channels in STAGES:
        x = rectify(convolve(x, channels, 2))
        x = rectify(layers.Add(dtype=fast)([x, convolve(rectify(convolve(x, channels)), channels)]))
    x = layers.Flatten(dtype=fast)(x)  # where a stroke lies tells a 6 from a 9
    x = layers.Dropout(0.5, seed=0, dtype=fast)(x)
    x = layers.Dense(CLASSES, name="logits", dtype="float32")(x)
    return keras.Model(image, x, name="teacher")


def multiply_accumulates(model: Any) -> int:
    """Counts the multiply-accumulates of a picture in the convolutions and dense layers of a model."""
    count = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            places = int(np.prod(layer.output.shape[1:-1], dtype=int))
            count += places * int(np.prod(layer.kernel.shape))
    return count


def train(path: Path, config: TrainConfig, mixture: Mixture, saved: Callable[[], None] = lambda: None) -> Any:
    """Trains one network and writes it; goes on after the last finished epoch where one was interrupted.

    Args:
        path: where to write the `.keras` file; the checkpoint lies beside it.
        config: epochs, batch, seed, learning rate, weight decay and augmentation.
        mixture: what to train on.
        saved: called after each checkpoint.

    Returns:
        The trained model.
    """
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    model, steps = build(), digit.steps(mixture, config)
    warmup = min(_WARMUP, config.epochs * steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, config.epochs * steps - warmup, warmup_target=config.learning_rate, warmup_steps=warmup
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    model.optimizer.build(model.trainable_variables)
    # The path names everything else that decides the training.
    state, settings = path.with_suffix(".npz"), repr(config)
    epoch = checkpoint.restore(state, model, settings)
    model.fit(
        digit.stream(mixture, np.empty((0, SIDE, SIDE), np.uint8), config, epoch),
        initial_epoch=epoch,
        epochs=config.epochs,
        steps_per_epoch=steps,
        callbacks=[_Progress(config, steps), checkpoint.Checkpoints(state, settings, saved)],
        verbose=0,
        shuffle=False,
    )
    with replacing(path) as temporary:
        model.save(temporary)
    state.unlink(missing_ok=True)
    return model


def load(
    folder: Path, config: TrainConfig, mixture: Mixture, saved: Callable[[], None] = lambda: None
) -> list[Any]:
    """Loads the networks from a folder; trains those that it lacks, each with a seed of `SEEDS`."""
    models = []
    for seed in SEEDS:
        path = folder / f"network-{seed}.keras"
        models.append(
            keras.models.load_model(path, compile=False)
            if path.exists()
            else train(path, dataclasses.replace(config, seed=seed), mixture, saved)
        )
    return models


def logits(models: list[Any]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function of images float32 [N, 28, 28, 1] that computes the networks' averaged logits, float32 [N, 10]."""

    @tf.function
    def average(images: tf.Tensor) -> tf.Tensor:
        return tf.add_n([model(images, training=False) for model in models]) / len(models)

    return average  # type: ignore[no-any-return]


class _Progress(keras.callbacks.Callback):
    """Says how far a network's training is."""

    def __init__(self, config: TrainConfig, steps: int) -> None:
        super().__init__()
        self.name, self.config, self.steps, self.epoch = f"teacher {config.seed}", config, steps, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        progress.note(
            f"{self.name}: epoch {self.epoch + 1} of {self.config.epochs}, step {batch + 1} of {self.steps}"
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        print(f"{self.name}, epoch {epoch + 1}: loss {logs['loss']:.4f}", file=sys.stderr, flush=True)
