"""Finds the inputs that excite a unit most: among the pictures of the data, and among all possible ones.

The second are found by gradient ascent on the pixels (Erhan, Bengio, Courville, Vincent: Visualizing Higher-Layer
Features of a Deep Network, 2009), with the gradient normalized and smoothed, and the ink fading a little at every
step. It starts, with noise, from the average of the pictures that excite the unit most: a network that was trained
on non-digits has no gradient to follow on pictures that look like no digit.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

STEPS: Final = 150
_RATE: Final = 0.03  # ink that a step adds, root mean square
_FADING: Final = 0.03  # share of the ink that a step takes away


@dataclasses.dataclass(frozen=True)
class ReceptiveField:
    """The pixels that a unit of a convolution sees.

    Attributes:
        side: of its receptive field in pixels.
        stride: pixels between two units.
        start: the first pixel that unit 0 sees, negative in the padding.
    """

    side: int
    stride: int
    start: int

    def cut(self, image: npt.NDArray[Any], row: int, column: int) -> npt.NDArray[Any]:
        """Cuts out the pixels of a picture [H, W] that the unit at that row and column sees; beyond the picture is paper."""
        margin = self.side
        padded = np.pad(image, margin)
        y, x = (margin + self.start + self.stride * place for place in (row, column))
        return padded[y : y + self.side, x : x + self.side]


RECEPTIVE_FIELDS: Final = {"c1": ReceptiveField(5, 1, -2), "c3": ReceptiveField(14, 2, -2)}


def ascent(sums: keras.Model, starts: Floats, seed: int = 0, steps: int | None = None) -> Floats:
    """Computes for each unit the picture that excites it most; of a convolution's map, for the unit in its middle.

    Args:
        sums: image float32 [N, 28, 28, 1] → the layer's sums before the activation, [N, U] or [N, H, W, U].
        starts: float32 [U, 28, 28], each unit's first picture, see `averages`.
        seed: of the noise.
        steps: None = `STEPS`.

    Returns:
        float32 [U, 28, 28] in [0, 1].
    """
    shape = sums.output.shape[1:]
    noise = np.random.default_rng(seed).uniform(0, 0.1, starts.shape)
    pictures = tf.Variable((starts + noise)[..., None], dtype=tf.float32)

    def step() -> None:
        with tf.GradientTape() as tape:
            answers = tf.linalg.diag_part(_own(sums(pictures, training=False), shape))
        slope = tape.gradient(answers, pictures)
        slope /= tf.sqrt(tf.reduce_mean(slope**2, (1, 2, 3), keepdims=True)) + 1e-12
        slope = (slope + tf.nn.avg_pool2d(slope, 3, 1, "SAME")) / 2
        pictures.assign(tf.clip_by_value(pictures * (1 - _FADING) + _RATE * slope, 0.0, 1.0))

    compiled_step = tf.function(step, autograph=False)
    for _ in range(STEPS if steps is None else steps):
        compiled_step()
    return np.asarray(pictures[..., 0])


def _own(sums: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Returns [N, U]: the units or, of maps, the ones in their middle."""
    return sums if len(shape) == 1 else sums[:, shape[0] // 2, shape[1] // 2, :]


def silent_units(outputs: Floats) -> npt.NDArray[np.bool_]:
    """Returns True for each unit or map that says the same of every picture, as one of ReLU's that is always 0; bool [U].

    Args:
        outputs: float32 [N, U] or [N, H, W, U].
    """
    places = tuple(range(outputs.ndim - 1))
    return np.asarray(outputs.max(places) == outputs.min(places))


def averages(outputs: Floats, images: Pixels, count: int = 20) -> Floats:
    """Averages for each unit the pictures that excite it most.

    Args:
        outputs: float32 [N, U], or [N, H, W, U], of which the largest of a map counts.
        images: uint8 [N, 28, 28].
        count: how many pictures are averaged.

    Returns:
        float32 [U, 28, 28] in [0, 1].
    """
    strongest = outputs if outputs.ndim == 2 else outputs.max((1, 2))
    best = np.argsort(-strongest, axis=0, kind="stable")[:count]
    return np.asarray(images[best].mean(0) / 255, np.float32)


def patches(maps: Floats, images: Pixels, place: ReceptiveField, count: int) -> list[list[Pixels]]:
    """Cuts out for each map the patches that excite it most, at most one of a picture.

    Args:
        maps: float32 [N, H, W, C].
        images: uint8 [N, 28, 28].
        place: the receptive field of the maps' units.
        count: how many patches of each map.

    Returns:
        [C][count] patches, uint8 [side, side].
    """
    width, channels = maps.shape[2:]
    patches_by_map = []
    for channel in range(channels):
        flat = maps[..., channel].reshape(len(maps), -1)
        best = np.argsort(-flat.max(1), kind="stable")[:count]
        patches_by_map.append(
            [place.cut(images[i], *divmod(int(flat[i].argmax()), width)) for i in best],
        )
    return patches_by_map
