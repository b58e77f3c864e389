"""Distills a teacher into LeNet-5 with a transfer set: distorted pictures with the teacher's logits, made once.

Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, 2015. A step of LeNet-5 then needs
neither the teacher nor the distortion, which cost more than the step itself; and every seed shares the set.

Teacher and set lie in the user's cache under digests of what decides them; the set takes about 0.8 kB a view. A pass is
a file of its own, so that an interruption loses one pass at most.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline import progress
from pipeline.augmentation import defects, digit
from pipeline.config import TrainConfig
from pipeline.data.digits import Dataset, cache
from pipeline.data.mixture import Mixture
from pipeline.networks.lenet5 import CLASSES, SIDE
from pipeline.run import replacing
from pipeline.training import teacher

# The teacher's own training. Its seeds are not the student's: every seed learns from the same teacher.
TEACHER: Final = TrainConfig(epochs=30, batch=256, learning_rate=2e-3, weight_decay=1e-2, nondigits=0.0)
_BATCH: Final = 512


@dataclasses.dataclass(frozen=True, eq=False)
class TransferSet:
    """Passes over the N training pictures of a mixture, each pass distorted anew.

    Attributes:
        views: uint8 [N, 28, 28] of each pass.
        logits: float16 [N, 10] of each pass, the teacher's.
        mixture: the pictures undistorted, with their labels.
    """

    views: Sequence[npt.NDArray[np.uint8]]
    logits: Sequence[npt.NDArray[np.float16]]
    mixture: Mixture


def load(
    config: TrainConfig, data: Dataset, mixture: Mixture, saved: Callable[[], None] = lambda: None
) -> TransferSet:
    """Loads the transfer set for a student's config from the cache; trains the teacher and makes it where it is missing.

    Args:
        config: `passes`, and the distortion of the views.
        data: what the mixture's first source was made of, for its checksums.
        mixture: its pictures are distorted and labeled by the teacher.
        saved: called whenever a later call would go on from there.

    Returns:
        The set; its arrays are memory-mapped.
    """
    distortion = (config.passes, config.affine, config.elastic, config.pen, config.anneal)
    folder = teacher_folder(data, mixture)
    transfer = cache() / f"transfer-{_digest(folder.name, distortion)}"
    names = [(transfer / f"views-{n:02}.npy", transfer / f"logits-{n:02}.npy") for n in range(config.passes)]
    if not all(logits.exists() for _, logits in names):
        models = teacher.load(folder, TEACHER, mixture, saved)
        draw = _distorter(dataclasses.replace(config, epochs=config.passes, seed=TEACHER.seed))
        predict = teacher.logits(models)
        for number, (views_path, logits_path) in enumerate(names):
            if not logits_path.exists():
                views, logits = _pass(number, mixture.pictures(number), draw, predict, config.passes)
                _save(views_path, views)
                _save(logits_path, logits)
                saved()
    opened = [[np.load(path, mmap_mode="r") for path in paths] for paths in zip(*names, strict=True)]
    return TransferSet(opened[0], opened[1], mixture)


def teacher_folder(data: Dataset, mixture: Mixture) -> Path:
    """Returns the folder of the mixture's teacher in the cache; another network or training has another name."""
    network = (teacher.STEM, teacher.STAGES, teacher.SEEDS)
    return cache() / f"teacher-{_digest(network, TEACHER, data.record(), mixture.record())}"


def accuracies(data: Dataset, mixture: Mixture) -> dict[str, float]:
    """Computes the teacher's accuracy on each of the mixture's validation sets."""
    predict = teacher.logits(teacher.load(teacher_folder(data, mixture), TEACHER, mixture))
    return {
        name: float((_predict(predict, split.images).argmax(1) == split.labels).mean())
        for name, split in {"certifying": mixture.validation, **mixture.validations}.items()
    }


def _predict(
    predict: Callable[[tf.Tensor], tf.Tensor], images: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    parts = [
        predict(tf.constant(images[start : start + _BATCH, ..., None], tf.float32) / 255).numpy()
        for start in range(0, len(images), _BATCH)
    ]
    return np.concatenate([np.zeros((0, CLASSES), np.float32), *parts])


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    with replacing(path) as temporary:
        np.save(temporary, array)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _distorter(config: TrainConfig) -> Callable[..., tf.Tensor]:
    """Returns a function that distorts pictures uint8 [N, 28, 28] as in pass `number`, with a seed int64 [2]."""

    @tf.function
    def distort(pixels: tf.Tensor, seed: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        images = tf.cast(pixels, tf.float32)[..., None] / 255
        images = digit.distort(images, seed, config, digit.fade(number, config))
        return tf.cast(tf.round(images[..., 0] * 255), tf.uint8)

    return distort  # type: ignore[no-any-return]


def _pass(
    number: int,
    pictures: npt.NDArray[np.uint8],
    distort: Callable[..., tf.Tensor],
    predict: Callable[[tf.Tensor], tf.Tensor],
    passes: int,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16]]:
    """Makes the views of a pass and the teacher's logits of them."""
    views = np.empty_like(pictures)
    logits = np.empty((len(pictures), CLASSES), np.float16)
    for start in range(0, len(pictures), _BATCH):
        part = slice(start, start + _BATCH)
        progress.note(f"transfer set: pass {number + 1} of {passes}, picture {start:,} of {len(pictures):,}")
        seed = tf.constant([number, start], tf.int64)
        views[part] = distort(tf.constant(pictures[part]), seed, tf.constant(number)).numpy()
        logits[part] = _predict(predict, views[part])
    return views, logits


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
    labels, pool = tf.constant(transfer.mixture.labels, tf.int32), tf.constant(outliers)
    passes = len(transfer.views)
    extra = round(config.batch * config.nondigits) if len(outliers) else 0

    def epoch_batches(number: tf.Tensor) -> tf.data.Dataset:
        seed = digit.fold_in(tf.constant([config.seed, 1], tf.int64), number)
        indices = digit.order(transfer.mixture, config, seed)
        # One pass alone is in memory: thirty would take 2 GB.
        views, logits = tf.numpy_function(
            lambda number: (
                np.array(transfer.views[number % passes]),
                np.array(transfer.logits[number % passes]),
            ),
            [number],
            (tf.uint8, tf.float16),
        )
        views = tf.ensure_shape(views, [None, SIDE, SIDE])
        logits = tf.ensure_shape(logits, [None, CLASSES])
        return tf.data.Dataset.zip(
            tf.data.Dataset.from_tensor_slices(indices).map(
                lambda index: (tf.gather(views, index), tf.gather(logits, index), tf.gather(labels, index))
            ),
            tf.data.Dataset.range(indices.shape[0]).map(lambda step: digit.fold_in(seed, step + 1)),
        )

    def batch(digits: tuple[tf.Tensor, tf.Tensor, tf.Tensor], seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        views, logits, label = digits
        images = tf.cast(views, tf.float32)[..., None] / 255
        hard = digit.smooth_labels(label, config)
        soft = tf.cast(logits, tf.float32)
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
