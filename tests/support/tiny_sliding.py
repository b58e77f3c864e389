"""Fits a network that slides to a few clean pictures, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from pipeline.networks import batching
from pipeline.networks.spec import Task
from serving.images.digit import tensor


def fit(
    keras: ModuleType,
    model: Any,
    task: Task,
    pictures: Sequence[np.ndarray],
    labels: Sequence[Sequence[int]],
    rounds: int,
) -> None:
    """Trains `model` for as many steps on batches of normalized pictures of one width, with their labels."""
    import tensorflow as tf

    blank = model.output_shape[-1] - 1
    batches = batching.make_batches(task, pictures)
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9

    @tf.function(
        input_signature=(
            tf.TensorSpec(task.image, tf.float32),
            tf.TensorSpec((None,), tf.int32),
            tf.SparseTensorSpec((None, None), tf.int32),
        )
    )
    def step(image, steps, truth):
        with tf.GradientTape() as tape:
            logits = model(image, training=True)
            each = tf.nn.ctc_loss(truth, logits, None, steps, logits_time_major=False, blank_index=blank)
            loss = tf.reduce_mean(each)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    rng = np.random.default_rng(1)
    for _ in range(rounds):
        batch = batches[rng.integers(len(batches))]
        rows = rng.choice(len(batch.numbers), min(8, len(batch.numbers)), replace=False)
        truth = tf.ragged.constant([labels[batch.numbers[row]] for row in rows], tf.int32)
        step(tensor(batch.pixels[rows]), batch.steps[rows].astype(np.int32), truth.to_sparse())
