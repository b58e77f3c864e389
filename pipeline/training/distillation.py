"""The transfer set: distorted pictures with a teacher's logits, made once and then learned from many times.

Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015. A step of LeNet-5 then needs
neither the teacher nor the distortion, which cost more than the step itself; and every seed shares the set.

It lies in the user's cache under a name that tells what it was made from: about 0.8 kB a view.
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
    """The transfer set for a student's config, from the cache or made now: teacher first, then views.

    Args:
        config: `passes`, and the distortion of the views.
        data: its training part is distorted and answered.
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
            _make(temporary, model, config, data)
    views, logits = (np.load(folder / name, mmap_mode="r") for name in ("views.npy", "logits.npy"))
    return TransferSet(views, logits, data.train)


def teacher_path(data: Dataset) -> Path:
    """Where the data's teacher lies once it is trained; another network or training goes by another name."""
    return cache() / f"teacher-{_digest(teacher.CONVOLUTIONS, TEACHER, data.record())}.keras"


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _make(folder: Path, model: Any, config: TrainConfig, data: Dataset) -> None:
    count = len(data.train.labels)
    shape = (config.passes, count)
    views = np.lib.format.open_memmap(folder / "views.npy", "w+", np.uint8, (*shape, SIDE, SIDE))
    logits = np.lib.format.open_memmap(folder / "logits.npy", "w+", np.float16, (*shape, CLASSES))
    distortion = dataclasses.replace(config, epochs=config.passes, seed=TEACHER.seed)
    answer = tf.function(lambda images: model(images, training=False))

    @tf.function
    def distorted(pixels: tf.Tensor, seed: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        images = tf.cast(pixels, tf.float32)[..., None] / 255
        return tf.cast(tf.round(digit.distort(images, seed, distortion, strength) * 255), tf.uint8)

    for number in tqdm(range(config.passes), "transfer set", unit="pass", disable=None, file=sys.stderr):
        strength = digit.fade(tf.constant(number), distortion)
        for start in range(0, count, _BATCH):
            part = slice(start, start + _BATCH)
            seed = tf.constant([number, start], tf.int64)
            pixels = distorted(tf.constant(data.train.images[part]), seed, strength)
            views[number, part] = pixels.numpy()[..., 0]
            logits[number, part] = answer(tf.cast(pixels, tf.float32) / 255).numpy()


def stream(
    learned: TransferSet, outliers: npt.NDArray[np.uint8], config: TrainConfig, epoch: int = 0
) -> tf.data.Dataset:
    """Batches as `augment.stream`'s; epoch e shows pass e modulo P, in an order of its own.

    Returns:
        A dataset of (image float32 [B, 28, 28, 1] in [0, 1], target float32 [B, 20]): ten probabilities
        from the label, ten logits from the teacher. Pictures that are no digit have equal ones in both.
    """
    views, logits = tf.constant(learned.views), tf.constant(learned.logits)
    labels, pool = tf.constant(learned.split.labels, tf.int32), tf.constant(outliers)
    passes = len(learned.views)
    extra = round(config.batch * config.nondigits) if len(outliers) else 0

    def epoch_batches(number: tf.Tensor) -> tf.data.Dataset:
        seed = digit.fold_in(tf.constant([config.seed, 1], tf.int64), number)
        taken = digit.order(learned.split, config, seed)
        return tf.data.Dataset.zip(
            tf.data.Dataset.from_tensor_slices(taken),
            tf.data.Dataset.range(taken.shape[0]).map(
                lambda step: (digit.fold_in(seed, step + 1), tf.cast(number % passes, tf.int32))
            ),
        )

    def batch(chosen: tf.Tensor, how: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        seed, number = how
        index = tf.stack([tf.fill([config.batch], number), chosen], 1)
        images = tf.cast(tf.gather_nd(views, index), tf.float32)[..., None] / 255
        hard = digit.smooth_labels(tf.gather(labels, chosen), config)
        soft = tf.cast(tf.gather_nd(logits, index), tf.float32)
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
    """Cross-entropy with the labels and, at a temperature, with the teacher (Hinton et al. 2015, section 2).

    Returns:
        A function of targets float32 [B, 20] as `stream` gives them and logits float32 [B, 10] that
        gives float32 [B]. The square of the temperature keeps the two gradients comparable.
    """
    share, temperature = config.distillation, config.temperature

    def distillation(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        hard = tf.nn.softmax_cross_entropy_with_logits(target[:, :CLASSES], logits)
        softened = tf.nn.softmax(target[:, CLASSES:] / temperature)
        soft = tf.nn.softmax_cross_entropy_with_logits(softened, logits / temperature)
        return (1 - share) * hard + share * temperature**2 * soft

    return distillation
