"""What excites a unit most: among the pictures there are, and among all there could be.

The second by gradient ascent on the pixels (Erhan, Bengio, Courville, Vincent: Visualizing Higher-Layer
Features of a Deep Network, 2009), the gradient brought to unit length and smoothed, the ink fading a little at
every step. It starts, with noise, from the average of the pictures that excite the unit most: on what looks like
no digit a network that was shown such pictures is silent, and gives no direction to climb in.
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
    """Which pixels a unit of a convolution sees.

    Attributes:
        side: of its receptive field in pixels.
        stride: pixels between two units.
        start: the first pixel that unit 0 sees, negative in the padding.
    """

    side: int
    stride: int
    start: int

    def cut(self, image: npt.NDArray[Any], row: int, column: int) -> npt.NDArray[Any]:
        """What the unit at that row and column sees of a picture [H, W]; paper where it sees beyond it."""
        margin = self.side
        padded = np.pad(image, margin)
        y, x = (margin + self.start + self.stride * place for place in (row, column))
        return padded[y : y + self.side, x : x + self.side]


RECEPTIVE_FIELDS: Final = {"c1": ReceptiveField(5, 1, -2), "c3": ReceptiveField(14, 2, -2)}


def ascent(sums: keras.Model, starts: Floats, seed: int = 0, steps: int | None = None) -> Floats:
    """For each unit the picture that excites it most, of a convolution its unit in the middle.

    Args:
        sums: image float32 [N, 28, 28, 1] → the layer's sums before the activation, [N, U] or [N, H, W, U].
        starts: float32 [U, 28, 28], where each unit's picture starts, see `averages`.
        seed: of the noise.
        steps: None = `STEPS`.

    Returns:
        float32 [U, 28, 28] in [0, 1].
    """
    shape = sums.output.shape[1:]
    noise = np.random.default_rng(seed).uniform(0, 0.1, starts.shape)
    made = tf.Variable((starts + noise)[..., None], dtype=tf.float32)

    @tf.function(autograph=False)
    def step() -> None:
        with tf.GradientTape() as tape:
            answers = tf.linalg.diag_part(_own(sums(made, training=False), shape))
        slope = tape.gradient(answers, made)
        slope /= tf.sqrt(tf.reduce_mean(slope**2, (1, 2, 3), keepdims=True)) + 1e-12
        slope = (slope + tf.nn.avg_pool2d(slope, 3, 1, "SAME")) / 2
        made.assign(tf.clip_by_value(made * (1 - _FADING) + _RATE * slope, 0.0, 1.0))

    for _ in range(STEPS if steps is None else steps):
        step()
    return np.asarray(made[..., 0])


def _own(sums: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """[N, U] or, of a map, the unit in its middle."""
    return sums if len(shape) == 1 else sums[:, shape[0] // 2, shape[1] // 2, :]


def averages(outputs: Floats, images: Pixels, count: int = 20) -> Floats:
    """For each unit the average of the pictures that excite it most.

    Args:
        outputs: float32 [N, U], or [N, H, W, U], of which the largest of a map counts.
        images: uint8 [N, 28, 28].
        count: of how many pictures.

    Returns:
        float32 [U, 28, 28] in [0, 1].
    """
    strongest = outputs if outputs.ndim == 2 else outputs.max((1, 2))
    best = np.argsort(-strongest, axis=0, kind="stable")[:count]
    return np.asarray(images[best].mean(0) / 255, np.float32)


def patches(maps: Floats, images: Pixels, place: ReceptiveField, count: int) -> list[list[Pixels]]:
    """For each map the patches of pictures that excite it most, at most one of a picture.

    Args:
        maps: float32 [N, H, W, C].
        images: uint8 [N, 28, 28].
        place: where the units of these maps look.
        count: how many patches of each.

    Returns:
        [C][count] patches, uint8 [side, side].
    """
    width, channels = maps.shape[2:]
    found = []
    for channel in range(channels):
        flat = maps[..., channel].reshape(len(maps), -1)
        best = np.argsort(-flat.max(1), kind="stable")[:count]
        found.append(
            [place.cut(images[i], *divmod(int(flat[i].argmax()), width)) for i in best],
        )
    return found
