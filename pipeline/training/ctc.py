"""Trains a field network with CTC, and runs it. Keras 3."""

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

from pipeline import progress
from pipeline.augmentation.batch_stream import Batch, BatchStream
from pipeline.augmentation.field import pad
from pipeline.config import FieldTrainConfig
from pipeline.networks import lenet5_field
from pipeline.networks.sliding_network import SlidingNetwork
from pipeline.synthesis.sampler import Item
from pipeline.training import checkpoint
from pipeline.training.optimizer import averaged_adamw
from serving.manifest import Sliding

_LINES: Final = 20  # of progress in a training
_NEVER: Final = -1e9  # logit of what has no probability
RECALIBRATION: Final = 60  # batches on which batch normalization's statistics are measured at the end


def fit(
    model: Any,
    config: FieldTrainConfig,
    stream: BatchStream,
    validation: Sequence[Item],
    recalibration: int = RECALIBRATION,
    schedule: checkpoint.Schedule | None = None,
    name: str = "train",
    network: SlidingNetwork = lenet5_field.NETWORK,
) -> None:
    """Trains `model` in place; it ends with the averaged weights.

    With a schedule it keeps checkpoints, the last when it is done, and goes on from the one that is there: model and
    stream are then as they would be without an interruption.

    Args:
        model: a model of `network.build`.
        config: length, batch size and rates of the training.
        stream: see `pipeline.augmentation.field`.
        validation: fields for the progress lines alone; empty = no such lines.
        recalibration: batches to measure batch normalization's statistics on at the end.
        schedule: of the checkpoints; None = none.
        name: of the training, for the progress lines.
        network: that the model is of.

    Raises:
        CheckreaderError: as for `checkpoint.restore`.
    """
    total = max(1, config.fields * config.views // config.batch)
    optimizer = averaged_adamw(model, config, total)
    start = 0
    if schedule and (counts := checkpoint.restore_counts(schedule.path, model, schedule.settings)):
        start, finished, *place = counts
        stream.seek((place[0], place[1]))
        if finished:
            return
    step = _train_step(model, optimizer)
    running, recent = 0.0, 0
    bar = tqdm(total=total, initial=start, unit="batch", disable=None, leave=False)
    for done, batch in enumerate(itertools.islice(stream, total - start), start + 1):
        running += float(step(*_tensors(batch)))
        recent += 1
        bar.update()
        progress.note(f"{name}: step {done:,} of {total:,}")
        if validation and (done % max(1, total // _LINES) == 0 or done == total):
            exact = _with_averaged_weights(model, optimizer, lambda: accuracy(model, validation, network))
            line = f"{name}, {done / total:.0%}: loss {running / recent:.4f}, exact strings on validation {exact:.2%}"
            tqdm.write(line, file=sys.stderr)
            running, recent = 0.0, 0
        if schedule and done % schedule.every == 0:
            checkpoint.save(schedule.path, model, schedule.settings, done, False, *stream.place)
            schedule.saved()
    bar.close()
    optimizer.finalize_variable_values(model.trainable_variables)
    recalibrate(model, (batch.image for batch in itertools.islice(stream, recalibration)))
    if schedule:
        checkpoint.save(schedule.path, model, schedule.settings, total, True, *stream.place)
        schedule.saved()


def _with_averaged_weights(model: Any, optimizer: Any, measure: Callable[[], float]) -> float:
    """Calls `measure` while the model has the averaged weights."""
    current = [variable.numpy() for variable in model.trainable_variables]
    optimizer.finalize_variable_values(model.trainable_variables)
    measured = measure()
    for variable, weights in zip(model.trainable_variables, current, strict=True):
        variable.assign(weights)
    return measured


def _tensors(batch: Batch) -> tuple[tf.Tensor, ...]:
    return tuple(map(tf.constant, (batch.image, batch.steps, batch.labels, batch.declared)))


def loss(logits: tf.Tensor, steps: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Computes the mean CTC loss of a batch (Graves, Fernández, Gomez, Schmidhuber, ICML 2006).

    Args:
        logits: float32 [N, T, K], the blank last.
        steps: int32 [N], how many of the steps count.
        labels: int32 [N, L], −1 after the last; a row of −1 is an empty string.

    Returns:
        float32 [].
    """
    # TensorFlow refuses empty strings, whose only path is blank throughout: they get some label here.
    empty = labels[:, 0] < 0
    nonempty = tf.concat([tf.where(empty, 0, labels[:, 0])[:, None], labels[:, 1:]], 1)
    sparse = tf.sparse.from_dense(nonempty + 1)
    sparse = tf.SparseTensor(sparse.indices, sparse.values - 1, sparse.dense_shape)
    each = tf.nn.ctc_loss(sparse, logits, None, steps, logits_time_major=False, blank_index=-1)
    valid = tf.sequence_mask(steps, tf.shape(logits)[1], tf.float32)
    blank = -tf.reduce_sum(valid * tf.nn.log_softmax(logits)[..., -1], 1)
    return tf.reduce_mean(tf.where(empty, blank, each))


def _train_step(model: Any, optimizer: Any) -> Any:
    @tf.function(
        input_signature=(
            tf.TensorSpec((None, *model.input_shape[1:]), tf.float32),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None,), tf.bool),
        )
    )
    def step(image: tf.Tensor, steps: tf.Tensor, labels: tf.Tensor, declared: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = tf.cast(model(image, training=True), tf.float32)
            batch_loss = loss(merge_undeclared(logits, declared), steps, labels)
        gradients = tape.gradient(batch_loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return batch_loss

    return step


def merge_undeclared(logits: tf.Tensor, declared: tf.Tensor) -> tf.Tensor:
    """Adds the probabilities of marks that labels leave out to the blank's.

    Args:
        logits: float32 [N, T, K], the blank last.
        declared: bool [K], False for such marks.

    Returns:
        float32 [N, T, K].
    """
    kept = tf.where(declared, logits, _NEVER)
    dropped = tf.where(declared, _NEVER, logits)
    blank = tf.reduce_logsumexp(tf.concat([dropped, logits[..., -1:]], -1), -1, keepdims=True)
    return tf.concat([kept[..., :-1], blank], -1)


def recalibrate(model: Any, images: Iterator[npt.NDArray[np.float32]]) -> None:
    """Measures batch normalization's means and variances for the current weights, on batches of images.

    None is taken where the model has no batch normalization.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    sums: list[list[npt.NDArray[np.float64]]] = []
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    count = 0
    for image in images if norms else ():
        model(image, training=True)
        statistics = [[norm.moving_mean.numpy(), norm.moving_variance.numpy()] for norm in norms]
        sums = (
            [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(sums, statistics, strict=True)]
            if sums
            else statistics
        )
        count += 1
    for norm, momentum, total in zip(norms, momenta, sums, strict=True):
        norm.momentum = momentum
        norm.moving_mean.assign(total[0] / count)
        norm.moving_variance.assign(total[1] / count)


def logits(
    model: Any,
    pixels: Sequence[npt.NDArray[np.uint8]],
    size: int = 64,
    sliding: Sliding = lenet5_field.SLIDING,
) -> list[npt.NDArray[np.float32]]:
    """Runs the network on each field, uint8 [32, w]; returns float32 [steps, K] each, in the same order."""
    order = np.argsort([field.shape[1] for field in pixels], kind="stable")
    outputs: list[npt.NDArray[np.float32]] = [np.zeros((0, model.output_shape[-1]), np.float32)] * len(pixels)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        image, steps = pad([pixels[i] for i in rows], sliding=sliding)
        out = model(image, training=False).numpy().astype(np.float32)
        for row, i in enumerate(rows):
            outputs[i] = out[row, : steps[row]]
    return outputs


def probabilities(model: Any) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]:
    """Compiles the network with softmax: a function of float32 [N, 32, W, 1] that returns float32 [N, T, K]."""
    run = tf.function(
        lambda image: tf.nn.softmax(tf.cast(model(image, training=False), tf.float32)),
        input_signature=(tf.TensorSpec((None, *model.input_shape[1:]), tf.float32),),
    )
    return lambda image: np.asarray(run(image))


def greedy(steps: npt.NDArray[np.float32]) -> tuple[int, ...]:
    """Decodes the likeliest path, [T, K] → labels; for progress only, the service has a better decoder."""
    best = steps.argmax(1)
    kept = best[np.append(True, best[1:] != best[:-1])] if len(best) else best
    return tuple(int(label) for label in kept if label != steps.shape[1] - 1)


def accuracy(model: Any, items: Sequence[Item], network: SlidingNetwork = lenet5_field.NETWORK) -> float:
    """Computes the share of fields that are right in all symbols that the network is compared in."""
    symbols = network.compared
    outputs = logits(model, [pixels for pixels, _ in items], sliding=network.sliding)
    return float(
        np.mean(
            [
                [label for label in greedy(steps) if label < len(symbols)]
                == [symbols.index(char) for char in text if char in symbols]
                for steps, (_, text) in zip(outputs, items, strict=True)
            ]
        )
    )
