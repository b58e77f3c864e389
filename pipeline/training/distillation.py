"""Distills a teacher into LeNet-5 with a transfer set: distorted pictures with the teacher's logits, made once.

Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015. A step of LeNet-5 then needs
neither the teacher nor the distortion, which cost more than the step itself; and every seed shares the set.

The set lies in the user's cache under a digest of its sources and takes about 0.8 kB a view.
"""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from pipeline.augmentation import defects, digit
from pipeline.config import TrainConfig
from pipeline.data.digits import Dataset, Split, cache
from pipeline.networks.lenet5 import CLASSES, SIDE
from pipeline.run import replacing
from pipeline.training import teacher

# The teacher's own training. Its seed is not the student's: every seed learns from the same teacher.
TEACHER: Final = TrainConfig(epochs=30, batch=512, learning_rate=2e-3, weight_decay=1e-2, nondigits=0.0)
_BATCH: Final = 512


@dataclasses.dataclass(frozen=True)
class TransferSet:
    """P passes over N training pictures, each pass distorted anew.

    Attributes:
        views: uint8 [P, N, 28, 28].
        logits: float16 [P, N, 10], the teacher's.
        split: the N pictures undistorted, with their labels.
    """

    views: npt.NDArray[np.uint8]
    logits: npt.NDArray[np.float16]
    split: Split


def load(config: TrainConfig, data: Dataset) -> TransferSet:
    """Loads the transfer set for a student's config from the cache; if missing, trains the teacher and makes it.

    Args:
        config: `passes`, and the distortion of the views.
        data: its training part is distorted and labeled by the teacher.

    Returns:
        The set; its arrays are memory-mapped.
    """
    distortion = (config.passes, config.affine, config.elastic, config.pen, config.anneal)
    path = teacher_path(data)
    folder = cache() / f"transfer-{_digest(path.stem, distortion)}"
    if not folder.exists():
        model = (
            keras.models.load_model(path, compile=False)
            if path.exists()
            else teacher.train(path, TEACHER, data)
        )
        with replacing(folder) as temporary:
            temporary.mkdir()
            _write(temporary, model, config, data)
    views, logits = (np.load(folder / name, mmap_mode="r") for name in ("views.npy", "logits.npy"))
    return TransferSet(views, logits, data.train)


def teacher_path(data: Dataset) -> Path:
    """Returns the path of the data's teacher in the cache; another network or training has another name."""
    return cache() / f"teacher-{_digest(teacher.CONVOLUTIONS, TEACHER, data.record())}.keras"


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _write(folder: Path, model: Any, config: TrainConfig, data: Dataset) -> None:
    count = len(data.train.labels)
    shape = (config.passes, count)
    views = np.lib.format.open_memmap(folder / "views.npy", "w+", np.uint8, (*shape, SIDE, SIDE))
    logits = np.lib.format.open_memmap(folder / "logits.npy", "w+", np.float16, (*shape, CLASSES))
    distortion = dataclasses.replace(config, epochs=config.passes, seed=TEACHER.seed)
    predict = tf.function(lambda images: model(images, training=False))

    @tf.function
    def distort(pixels: tf.Tensor, seed: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        images = tf.cast(pixels, tf.float32)[..., None] / 255
        return tf.cast(tf.round(digit.distort(images, seed, distortion, strength) * 255), tf.uint8)

    for number in tqdm(range(config.passes), "transfer set", unit="pass", disable=None, file=sys.stderr):
        strength = digit.fade(tf.constant(number), distortion)
        for start in range(0, count, _BATCH):
            part = slice(start, start + _BATCH)
            seed = tf.constant([number, start], tf.int64)
            pixels = distort(tf.constant(data.train.images[part]), seed, strength)
            views[number, part] = pixels.numpy()[..., 0]
            logits[number, part] = predict(tf.cast(pixels, tf.float32) / 255).numpy()


def stream(
    transfer: TransferSet, outliers: npt.NDArray[np.uint8], config: TrainConfig, epoch: int = 0
) -> tf.data.Dataset:
    """Makes an endless stream of batches as `augmentation.digit.stream` does; epoch e is pass e modulo P, shuffled.

    Args:
        transfer: views, labels and the teacher's logits.
        outliers: uint8 [M, 28, 28] pictures that are no digit; M may be 0.
        config: batch size, seed, strengths, share of non-digits.
        epoch: the epoch to start with, from 0.

    Returns:
        A dataset of (image float32 [B, 28, 28, 1] in [0, 1], target float32 [B, 20]): ten probabilities
        from the label, ten logits from the teacher. Pictures that are no digit have equal ones in both.
    """
    views, logits = tf.constant(transfer.views), tf.constant(transfer.logits)
    labels, pool = tf.constant(transfer.split.labels, tf.int32), tf.constant(outliers)
    passes = len(transfer.views)
    extra = round(config.batch * config.nondigits) if len(outliers) else 0

    def epoch_batches(number: tf.Tensor) -> tf.data.Dataset:
        seed = digit.fold_in(tf.constant([config.seed, 1], tf.int64), number)
        indices = digit.order(transfer.split, config, seed)
        return tf.data.Dataset.zip(
            tf.data.Dataset.from_tensor_slices(indices),
            tf.data.Dataset.range(indices.shape[0]).map(
                lambda step: (digit.fold_in(seed, step + 1), tf.cast(number % passes, tf.int32))
            ),
        )

    def batch(index: tf.Tensor, settings: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        seed, number = settings
        place = tf.stack([tf.fill([config.batch], number), index], 1)
        images = tf.cast(tf.gather_nd(views, place), tf.float32)[..., None] / 255
        hard = digit.smooth_labels(tf.gather(labels, index), config)
        soft = tf.cast(tf.gather_nd(logits, place), tf.float32)
        if extra:
            others = tf.random.stateless_uniform([extra], seed, maxval=len(outliers), dtype=tf.int32)
            pixels = tf.cast(tf.gather(pool, others), tf.float32)[..., None] / 255
            images = tf.concat([images, digit.distort(pixels, seed, config)], 0)
            hard = tf.concat([hard, tf.fill([extra, CLASSES], 1 / CLASSES)], 0)
            soft = tf.concat([soft, tf.zeros([extra, CLASSES])], 0)
        return defects.damage(images, seed, config.defects), tf.concat([hard, soft], 1)

    return (
        tf.data.Dataset.counter(start=epoch)
        .flat_map(epoch_batches)
        .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(4)
    )


def loss(config: TrainConfig) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Makes the loss: cross-entropy with the labels and, at a temperature, with the teacher.

    Source: Hinton, Vinyals, Dean, Distilling the Knowledge in a Neural Network (2015), section 2.

    Returns:
        A function of targets float32 [B, 20] of `stream` and logits float32 [B, 10] that
        returns float32 [B]. The square of the temperature keeps the two gradients comparable.
    """
    share, temperature = config.distillation, config.temperature

    def distillation(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        hard = tf.nn.softmax_cross_entropy_with_logits(target[:, :CLASSES], logits)
        softened = tf.nn.softmax(target[:, CLASSES:] / temperature)
        soft = tf.nn.softmax_cross_entropy_with_logits(softened, logits / temperature)
        return (1 - share) * hard + share * temperature**2 * soft

    return distillation
