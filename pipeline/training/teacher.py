"""Builds and trains the teacher, a larger convolutional network whose probabilities LeNet-5 learns from.

Six 3×3 convolutions, about 290,000 parameters and 15 million multiply-accumulates a picture: 36 times
LeNet-5's. It computes in bfloat16 where the processor does, is never released and reads only digits.
Batch normalization (Ioffe, Szegedy, ICML 2015) costs more time than the convolutions where maps are
large, and is left out there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from pipeline.augmentation import digit
from pipeline.config import TrainConfig
from pipeline.data.digits import Dataset
from pipeline.networks.lenet5 import CLASSES, SIDE
from pipeline.run import replacing

# (channels, stride, padding, whether batch normalization follows)
CONVOLUTIONS: Final = (
    (32, 1, "same", False),  # [N, 28, 28, 32]
    (32, 2, "same", True),  # [N, 14, 14, 32]
    (64, 1, "same", False),
    (64, 2, "same", True),  # [N, 7, 7, 64]
    (128, 1, "same", True),
    (128, 1, "valid", True),  # [N, 5, 5, 128]
)
_WARMUP: Final = 200  # steps


def build() -> Any:
    """Builds a functional model `image` float32 [N, 28, 28, 1] → `logits` float32 [N, 10], bfloat16 between."""
    layers, half = keras.layers, keras.DTypePolicy("mixed_bfloat16")
    x = image = keras.Input((SIDE, SIDE, 1), name="image")
    for channels, stride, padding, normalize in CONVOLUTIONS:
        x = layers.Conv2D(
            channels,
            3,
            stride,
            padding,
            use_bias=not normalize,
            activation=None if normalize else "relu",
            kernel_initializer="he_normal",
            dtype=half,
        )(x)
        if normalize:
            x = layers.BatchNormalization(momentum=0.9, dtype=half)(x)
            x = layers.ReLU(dtype=half)(x)
    x = layers.Flatten(dtype=half)(x)
    x = layers.Dropout(0.5, seed=0, dtype=half)(x)
    x = layers.Dense(CLASSES, name="logits", dtype="float32")(x)
    return keras.Model(image, x, name="teacher")


def train(path: Path, config: TrainConfig, data: Dataset) -> Any:
    """Trains a teacher and writes it.

    Args:
        path: where to write the `.keras` file.
        config: epochs, batch, learning rate, weight decay and augmentation.
        data: only its training part is used.

    Returns:
        The trained model.
    """
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    model, steps = build(), digit.steps(data.train, config)
    warmup = min(_WARMUP, config.epochs * steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, config.epochs * steps - warmup, warmup_target=config.learning_rate, warmup_steps=warmup
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    model.fit(
        digit.stream(data.train, np.empty((0, SIDE, SIDE), np.uint8), config),
        epochs=config.epochs,
        steps_per_epoch=steps,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=_progress)],
        verbose=0,
        shuffle=False,
    )
    with replacing(path) as temporary:
        model.save(temporary)
    return model


def _progress(epoch: int, logs: dict[str, float]) -> None:
    print(f"teacher, epoch {epoch + 1}: loss {logs['loss']:.4f}", file=sys.stderr, flush=True)
