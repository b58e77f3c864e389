"""Damages digits as paper and scanners do.

A network that has seen only clean digits misreads one that a line crosses. Each picture that is damaged gets
one defect, with random numbers of its own:

- a line: straight or in zigzags, dashed or not, across the digit at any angle;
- bands: the picture inverted beyond one or two straight edges, as where a box's border or a stamp covers it;
- an outline: the edge of the ink alone, as a copier or an edge detector leaves it;
- dirt: pixels that are black or white regardless of the picture;
- haze: gray over everything, even or in clouds, which lowers the contrast;
- a blur.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipeline.networks.lenet5 import SIDE

Floats = npt.NDArray[np.float32]

_CLOUDS: Final = 6  # random levels of haze per side
_BAND: Final = 9.0  # pixels that a band reaches into the picture at most


def damage(images: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Damages a share of the pictures, equally many with each defect.

    Args:
        images: float32 [B, 28, 28, 1] in [0, 1], 1 = ink.
        seed: int64 [2]; decides everything.
        share: in [0, 1]; 0 = the pictures are returned unchanged.

    Returns:
        float32 [B, 28, 28, 1] in [0, 1].
    """
    if not share:
        return images
    count = tf.shape(images)[0]
    order = tf.random.experimental.stateless_shuffle(tf.range(count), seed)
    each = tf.cast(tf.math.ceil(tf.cast(count, tf.float32) * share / len(DEFECTS)), tf.int32)
    for number, defect in enumerate(DEFECTS):
        index = order[number * each : (number + 1) * each]
        changed = defect(tf.gather(images, index), _fold_in(seed, 12 + number))
        images = tf.tensor_scatter_nd_update(images, index[:, None], changed)
    return images


def _fold_in(seed: tf.Tensor, number: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, number)


def _uniform(images: tf.Tensor, seed: tf.Tensor, *ranges: tuple[float, float]) -> list[tf.Tensor]:
    """Draws a number from each range for each picture: float32 [B, 1] each."""
    u = tf.random.stateless_uniform([tf.shape(images)[0], len(ranges)], seed)
    return [low + (high - low) * u[:, i : i + 1] for i, (low, high) in enumerate(ranges)]


def _grid() -> Floats:
    """Returns row and column of each pixel from the center: float32 [784, 2]."""
    axis = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)


def line(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws a line across each picture."""
    angle, offset, height, period, phase, pen, ink, dash, start, end = _uniform(
        images,
        seed,
        (0, np.pi),
        (-9, 9),
        (-4, 4),  # of the zigzags; below 0: straight
        (3, 12),
        (0, 1),
        (0.2, 1.0),  # half the line's width
        (0.6, 1.2),
        (-1, 1),  # share of a dash with ink; below 0: not dashed
        (-18, -6),
        (6, 18),
    )
    row, column = _grid().T
    along = column * tf.cos(angle) + row * tf.sin(angle)  # [B, 784]
    across = row * tf.cos(angle) - column * tf.sin(angle)
    height = tf.nn.relu(height)
    wave = along / period + phase
    triangle = 4 * tf.abs(wave - tf.floor(wave) - 0.5) - 1
    steep = tf.sqrt(1 + (4 * height / period) ** 2)
    cover = tf.clip_by_value(pen + 0.5 - tf.abs(across - offset - height * triangle) / steep, 0, 1)
    beat = along / (2 + period / 4) + phase
    inked = (dash < 0) | (beat - tf.floor(beat) < 0.3 + 0.5 * dash)
    cover *= tf.cast(inked & (along > start) & (along < end), tf.float32) * tf.minimum(ink, 1.0)
    return tf.maximum(images, tf.reshape(cover, tf.shape(images)))


def bands(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Inverts each picture beyond one or two straight edges."""
    upright, tilt, before, behind, ink = _uniform(
        images,
        seed,
        (-1, 1),
        (-0.1, 0.1),
        (-_BAND / 2, _BAND),
        (-_BAND / 2, _BAND),
        (0.6, 1.3),
    )
    row, column = _grid().T
    place = tf.where(upright > 0, column + tilt * row, row + tilt * column)  # [B, 784]
    edge = SIDE / 2
    cover = tf.nn.relu(before - edge - place + 0.5) + tf.nn.relu(place - edge + behind + 0.5)
    cover = tf.reshape(tf.minimum(cover, 1.0) * tf.minimum(ink, 1.0), tf.shape(images))
    return tf.abs(cover - images)


def outline(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Leaves only the edge of the ink, on its inside or outside."""
    level, side, ink = (u[..., None, None] for u in _uniform(images, seed, (0.15, 0.6), (-1, 1), (0.7, 1.3)))
    inked = tf.cast(images > level, tf.float32)
    inside = inked + _spread(-inked)
    outside = _spread(inked) - inked
    return tf.where(side > 0, inside, outside) * tf.minimum(ink, 1.0)


def dirt(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Makes random pixels black or white."""
    (amount,) = _uniform(images, seed, (0, 0.3))
    u = tf.random.stateless_uniform(tf.shape(images), _fold_in(seed, 1)) / amount[..., None, None]
    return tf.where(u < 1, tf.cast(u < 0.5, tf.float32), images)


def haze(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Puts gray over each picture, even or in clouds."""
    level, clouds, hidden = (
        u[..., None, None] for u in _uniform(images, seed, (0, 0.6), (-0.4, 0.5), (0, 1))
    )
    nodes = tf.random.stateless_uniform([tf.shape(images)[0], _CLOUDS, _CLOUDS, 1], _fold_in(seed, 1))
    gray = level + tf.nn.relu(clouds) * tf.image.resize(nodes, (SIDE, SIDE), "bicubic")
    # Some haze only adds, some also hides what is below it.
    return tf.clip_by_value(images * (1 - hidden * gray) + gray, 0, 1)


def blur(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Blurs each picture."""
    sharp, width = (u[..., None, None] for u in _uniform(images, seed, (0, 0.4), (0, 1)))
    narrow = tf.nn.avg_pool2d(images, 3, 1, "SAME")
    wide = tf.nn.avg_pool2d(narrow, 3, 1, "SAME")
    return sharp * images + (1 - sharp) * ((1 - width) * narrow + width * wide)


def _spread(images: tf.Tensor) -> tf.Tensor:
    """Returns the maximum of each pixel and its four neighbors; beyond the picture's edge is 0."""
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
    middle = slice(1, -1)
    crosses = [padded[:, middle, :-2], padded[:, middle, 2:], padded[:, :-2, middle], padded[:, 2:, middle]]
    return tf.reduce_max(tf.stack([images, *crosses]), 0)


DEFECTS: Final = (line, bands, outline, dirt, haze, blur)
