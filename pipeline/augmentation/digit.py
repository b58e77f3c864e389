"""Makes endless, repeatable training batches of digits, distorted on the fly.

Affine and elastic distortion (Simard, Steinkraus, Platt: Best Practices for
Convolutional Neural Networks, ICDAR 2003) move each pixel along one smooth
field, sampled once; the pen gets thicker or thinner. Every random number
comes from (seed, epoch, step) alone: training that resumes at epoch 7 sees the
same batches as one that was not interrupted, and equal seeds give equal runs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.augmentation import defects
from pipeline.config import TrainConfig
from pipeline.data.mixture import Mixture
from pipeline.networks.lenet5 import CLASSES, SIDE

_ROTATION: Final = 0.2  # radians
_SCALE: Final = 0.12
_SHEAR: Final = 0.2
_SHIFT: Final = 1.0  # pixels
_ELASTIC: Final = 1.0  # pixels, standard deviation of the displacement
_NODES: Final = 8  # random vectors per side of the elastic field
_PEN: Final = 0.5  # share of pictures whose pen changes


def stream(
    mixture: Mixture, outliers: npt.NDArray[np.uint8], config: TrainConfig, epoch: int = 0
) -> tf.data.Dataset:
    """Makes an endless stream of batches, `steps(mixture, config)` per epoch.

    Args:
        mixture: the training digits; epoch n sees its pass n.
        outliers: uint8 [M, 28, 28] pictures that are no digit; M may be 0.
        config: batch size, seed, strengths, share of non-digits.
        epoch: the epoch to start with, from 0.

    Returns:
        A dataset of (image float32 [B, 28, 28, 1] in [0, 1], target float32 [B, 10] summing to 1).
    """
    labels, pool = tf.constant(mixture.labels, tf.int32), tf.constant(outliers)
    extra = round(config.batch * config.nondigits) if len(outliers) else 0

    def epoch_batches(number: tf.Tensor) -> tf.data.Dataset:
        strength = fade(number, config)
        seed = fold_in(tf.constant([config.seed, 0], tf.int64), number)
        indices = order(mixture, config, seed)
        images = tf.ensure_shape(tf.numpy_function(mixture.pictures, [number], tf.uint8), [None, SIDE, SIDE])
        return tf.data.Dataset.zip(
            tf.data.Dataset.from_tensor_slices(indices).map(
                lambda index: (tf.gather(images, index), tf.gather(labels, index))
            ),
            tf.data.Dataset.range(indices.shape[0]).map(lambda step: (fold_in(seed, step + 1), strength)),
        )

    def batch(
        digits: tuple[tf.Tensor, tf.Tensor], settings: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        (pixels, label), (seed, strength) = digits, settings
        target = smooth_labels(label, config)
        if extra:
            others = tf.random.stateless_uniform([extra], seed, maxval=len(outliers), dtype=tf.int32)
            pixels = tf.concat([pixels, tf.gather(pool, others)], 0)
            target = tf.concat([target, tf.fill([extra, CLASSES], 1 / CLASSES)], 0)
        distorted = distort(tf.cast(pixels, tf.float32)[..., None] / 255, seed, config, strength)
        return defects.damage(distorted, seed, config.defects), target

    return (
        tf.data.Dataset.counter(start=epoch)
        .flat_map(epoch_batches)
        .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(4)
    )


def steps(mixture: Mixture, config: TrainConfig) -> int:
    """Counts the batches of an epoch, which shows each digit of the first source once; the remainder is left out."""
    return max(1, len(mixture.sources[0].labels) // mixture.counts(config.batch)[0])


def order(mixture: Mixture, config: TrainConfig, seed: tf.Tensor) -> tf.Tensor:
    """Shuffles each source into an epoch's batches of indices: int32 [steps, B].

    A source that is too small for its share is shuffled and shown again.
    """
    per_epoch, start = steps(mixture, config), 0
    columns = []
    for number, (source, count) in enumerate(zip(mixture.sources, mixture.counts(config.batch), strict=True)):
        size = len(source.labels)
        rounds = [
            tf.random.experimental.stateless_shuffle(
                tf.range(start, start + size), fold_in(seed, -number - 1000 * turn) if number + turn else seed
            )
            for turn in range(-(-per_epoch * count // size))
        ]
        columns.append(tf.reshape(tf.concat(rounds, 0)[: per_epoch * count], [per_epoch, count]))
        start += size
    return tf.concat(columns, 1)


def smooth_labels(labels: tf.Tensor, config: TrainConfig) -> tf.Tensor:
    """Returns the targets of labels int32 [B]: float32 [B, 10] summing to 1."""
    return tf.one_hot(labels, CLASSES) * (1 - config.label_smoothing) + config.label_smoothing / CLASSES


def fade(epoch: tf.Tensor, config: TrainConfig) -> tf.Tensor:
    """Returns a factor for the strengths that falls from 1 at the start to `config.anneal` at the end, along half a cosine.

    A network this small cannot fit strong distortions and real digits equally well, so training ends on weak ones.
    """
    progress = tf.minimum(tf.cast(epoch, tf.float32) / max(1, config.epochs - 1), 1.0)
    return config.anneal + (1 - config.anneal) * 0.5 * (1 + tf.cos(np.pi * progress))


def distort(
    images: tf.Tensor, seed: tf.Tensor, config: TrainConfig, strength: tf.Tensor | float = 1.0
) -> tf.Tensor:
    """Distorts each picture in its own way.

    Args:
        images: float32 [B, 28, 28, 1].
        seed: int64 [2].
        config: the strengths; with all of them 0 the pictures are returned unchanged.
        strength: multiplies the config's strengths.

    Returns:
        float32 [B, 28, 28, 1].
    """
    if config.affine or config.elastic:
        images = _warp(images, _displacement(tf.shape(images)[0], seed, config, strength))
    if config.pen:
        images = _change_pen(images, fold_in(seed, 3), config.pen * strength)
    return images


def fold_in(seed: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """Derives another seed, of the same shape, for each number."""
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int64))


def _displacement(
    count: tf.Tensor, seed: tf.Tensor, config: TrainConfig, strength: tf.Tensor | float
) -> tf.Tensor:
    """Computes where each pixel comes from: float32 [B, 28, 28, 2] as (row, column)."""
    u = tf.random.stateless_uniform([count, 6], fold_in(seed, 1), -1.0, 1.0) * (config.affine * strength)
    angle, shear = u[:, 0] * _ROTATION, u[:, 1] * _SHEAR
    tall, wide = 1 + u[:, 2] * _SCALE, 1 + u[:, 3] * _SCALE
    # [B, 2, 2]: rotation after shear after scale, in (row, column)
    matrix = tf.stack(
        [
            tf.stack([tall * tf.cos(angle), wide * (shear * tf.cos(angle) - tf.sin(angle))], 1),
            tf.stack([tall * tf.sin(angle), wide * (shear * tf.sin(angle) + tf.cos(angle))], 1),
        ],
        1,
    )
    center = (SIDE - 1) / 2
    axis = np.arange(SIDE, dtype=np.float32) - center
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    moved = tf.einsum("pj,bij->bpi", tf.constant(grid), matrix) + center + u[:, None, 4:] * _SHIFT
    nodes = tf.random.stateless_normal([count, _NODES, _NODES, 2], fold_in(seed, 2))
    bumps = tf.constant(bump_weights())
    elastic = tf.einsum("yi,bijc->byjc", bumps, nodes)
    elastic = tf.einsum("xj,byjc->byxc", bumps, elastic)
    return tf.reshape(moved, [-1, SIDE, SIDE, 2]) + elastic * (config.elastic * _ELASTIC * strength)


def bump_weights() -> npt.NDArray[np.float32]:
    """Computes Gaussian weights that spread random nodes over the pixels with unit variance; float32 [28, nodes]."""
    nodes = np.linspace(-2, SIDE + 1, _NODES)
    sigma = nodes[1] - nodes[0]
    weights = np.exp(-((np.arange(SIDE)[:, None] - nodes) ** 2) / (2 * sigma**2))
    return np.asarray(weights / np.sqrt((weights**2).sum(1, keepdims=True)), np.float32)


def _warp(images: tf.Tensor, source: tf.Tensor) -> tf.Tensor:
    """Samples the pictures bilinearly at `source`, float32 [B, 28, 28, 2]; beyond their edge is paper."""
    padded = tf.pad(images[..., 0], [[0, 0], [1, 1], [1, 1]])
    side = SIDE + 2
    count = tf.shape(images)[0]
    flat = tf.reshape(padded, [-1])
    source = tf.clip_by_value(source + 1, 0.0, side - 1.001)
    corner = tf.floor(source)
    down, right = tf.unstack(source - corner, axis=-1)
    index = tf.cast(corner, tf.int32)
    start = (tf.range(count) * side * side)[:, None, None] + index[..., 0] * side + index[..., 1]
    top = tf.gather(flat, start) * (1 - right) + tf.gather(flat, start + 1) * right
    bottom = tf.gather(flat, start + side) * (1 - right) + tf.gather(flat, start + side + 1) * right
    return (top * (1 - down) + bottom * down)[..., None]


def _change_pen(images: tf.Tensor, seed: tf.Tensor, strength: tf.Tensor | float) -> tf.Tensor:
    """Makes the pen thicker or thinner by blending towards the local maximum or minimum."""
    u = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed, -1.0, 1.0)
    amount = tf.maximum(tf.abs(u) - (1 - _PEN), 0) / _PEN * strength
    thick = tf.nn.max_pool2d(images, 3, 1, "SAME")
    thin = -tf.nn.max_pool2d(-images, 2, 1, "SAME")
    return images + amount * (tf.where(u > 0, thick, thin) - images)
