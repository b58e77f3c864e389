"""Fits a field network to fields with CTC, and looks at what it reads. Keras 3."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from pipeline.augmentation.field import Batch, pad
from pipeline.config import FieldTrainConfig
from pipeline.networks import lenet5_field
from pipeline.synthesis.sampler import Item
from serving.decoding.ctc import SEPARATOR

_LINES: Final = 20  # of progress in a training
_RECALIBRATION: Final = 60  # batches that batch normalization's statistics are measured on anew

Weights = list[npt.NDArray[np.float32]]


def fit(model: Any, config: FieldTrainConfig, stream: Iterator[Batch], validation: Sequence[Item]) -> None:
    """Trains `model` in place; it ends with the averaged weights.

    Args:
        model: of `network.build`.
        config: what to train.
        stream: endless batches, see `stream`.
        validation: fields for the progress lines alone; none = no such lines.
    """
    total = max(1, config.fields * config.views // config.batch)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, total, warmup_target=config.learning_rate, warmup_steps=max(1, int(config.warmup * total))
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        clipnorm=5.0,
        use_ema=True,
        ema_momentum=config.averaging,
        ema_overwrite_frequency=None,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(model.trainable_variables)
    step = _step(model, optimizer)
    running, recent = 0.0, 0
    bar = tqdm(total=total, unit="batch", disable=None, leave=False)
    for done, batch in enumerate(itertools.islice(stream, total), 1):
        running += float(step(*_tensors(batch)))
        recent += 1
        bar.update()
        if validation and (done % max(1, total // _LINES) == 0 or done == total):
            exact = _averaged(model, optimizer, lambda: accuracy(model, validation))
            tqdm.write(
                f"{done / total:4.0%}: loss {running / recent:.4f}, exact strings on validation {exact:.2%}",
                file=sys.stderr,
            )
            running, recent = 0.0, 0
    bar.close()
    optimizer.finalize_variable_values(model.trainable_variables)
    _recalibrate(model, itertools.islice(stream, _RECALIBRATION))


def _averaged(model: Any, optimizer: Any, look: Callable[[], float]) -> float:
    """What `look` finds while the model has the averaged weights."""
    current = [variable.numpy() for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    found = look()
    for variable, value in zip(model.trainable_variables, current, strict=True):
        variable.assign(value)
    return found


def _tensors(batch: Batch) -> tuple[tf.Tensor, ...]:
    return tuple(map(tf.constant, (batch.image, batch.steps, batch.labels, batch.separators)))


def _step(model: Any, optimizer: Any) -> Any:
    def loss(logits: tf.Tensor, steps: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        # TensorFlow refuses empty strings, whose only path is blank throughout: they get a label for show.
        empty = labels[:, 0] < 0
        shown = tf.concat([tf.where(empty, 0, labels[:, 0])[:, None], labels[:, 1:]], 1)
        sparse = tf.sparse.from_dense(shown + 1)
        sparse = tf.SparseTensor(sparse.indices, sparse.values - 1, sparse.dense_shape)
        each = tf.nn.ctc_loss(
            sparse, logits, None, steps, logits_time_major=False, blank_index=lenet5_field.BLANK
        )
        seen = tf.sequence_mask(steps, tf.shape(logits)[1], tf.float32)
        nothing = -tf.reduce_sum(seen * tf.nn.log_softmax(logits)[..., lenet5_field.BLANK], 1)
        return tf.reduce_mean(tf.where(empty, nothing, each))

    @tf.function(
        input_signature=(
            tf.TensorSpec((None, lenet5_field.HEIGHT, None, 1), tf.float32),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((), tf.bool),
        )
    )
    def step(image: tf.Tensor, steps: tf.Tensor, labels: tf.Tensor, separators: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            said = tf.cast(model(image, training=True), tf.float32)
            said = tf.cond(separators, lambda: said, lambda: _without_separators(said))
            value = loss(said, steps, labels)
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return value

    return step


def _without_separators(logits: tf.Tensor) -> tf.Tensor:
    """The same with the separator's probability given to the blank: summed over wherever one may stand."""
    digits, rest = logits[..., :SEPARATOR], logits[..., SEPARATOR:]
    blank = tf.reduce_logsumexp(rest, -1, keepdims=True)
    return tf.concat([digits, tf.fill(tf.shape(blank), -1e9), blank], -1)


def _recalibrate(model: Any, stream: Iterator[Batch]) -> None:
    """Measures batch normalization's means and variances for the weights as they now are."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    sums: list[list[npt.NDArray[np.float64]]] = []
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    count = 0
    for batch in stream if norms else ():
        model(batch.image, training=True)
        now = [[norm.moving_mean.numpy(), norm.moving_variance.numpy()] for norm in norms]
        sums = (
            [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(sums, now, strict=True)]
            if sums
            else now
        )
        count += 1
    for norm, before, total in zip(norms, momentum, sums, strict=True):
        norm.momentum = before
        norm.moving_mean.assign(total[0] / count)
        norm.moving_variance.assign(total[1] / count)


def logits(
    model: Any, pixels: Sequence[npt.NDArray[np.uint8]], size: int = 64
) -> list[npt.NDArray[np.float32]]:
    """What the network says of each field, in the order given: float32 [steps, 12]."""
    order = np.argsort([field.shape[1] for field in pixels], kind="stable")
    answers: list[npt.NDArray[np.float32]] = [np.zeros((0, lenet5_field.CLASSES), np.float32)] * len(pixels)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        batch = pad([(pixels[i], ()) for i in rows], None)
        out = model(batch.image, training=False).numpy().astype(np.float32)
        for row, i in enumerate(rows):
            answers[i] = out[row, : batch.steps[row]]
    return answers


def probabilities(model: Any) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]:
    """The network as a function: float32 [N, 32, W, 1] → softmax of its logits, float32 [N, T, 12]."""
    run = tf.function(
        lambda image: tf.nn.softmax(tf.cast(model(image, training=False), tf.float32)),
        input_signature=(tf.TensorSpec((None, lenet5_field.HEIGHT, None, 1), tf.float32),),
    )
    return lambda image: np.asarray(run(image))


def greedy(steps: npt.NDArray[np.float32]) -> tuple[int, ...]:
    """The labels of the likeliest path, [T, 12] → labels; a quick look, not the decoder."""
    best = steps.argmax(1)
    kept = best[np.append(True, best[1:] != best[:-1])] if len(best) else best
    return tuple(int(label) for label in kept if label != lenet5_field.BLANK)


def accuracy(model: Any, items: Sequence[Item]) -> float:
    """Share of fields whose digits are all right, separators unread."""
    answers = logits(model, [pixels for pixels, _ in items])
    return float(
        np.mean([_digits(greedy(a)) == _digits(label) for a, (_, label) in zip(answers, items, strict=True)])
    )


def _digits(labels: Sequence[int]) -> tuple[int, ...]:
    return tuple(label for label in labels if label < SEPARATOR)
