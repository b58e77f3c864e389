"""LeNet-5 as it was published, in one file, to compare the modern one with.

LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document
Recognition (Proc. IEEE 86(11), 1998), section II-B. Its descendants left out:

- 32×32 pixels with paper −0.1 and ink 1.175;
- C3 sees only the maps of S2 that table I names: 1,516 parameters instead of 2,416;
- subsampling adds four pixels, multiplies by a coefficient and adds a bias, both trained, one pair a map;
- the scaled tanh 1.7159·tanh(2/3·a);
- radial basis functions at the end: the squared distance from F6's 84 outputs to a fixed 7×12 picture
  of each digit. The smallest distance wins.

60,000 parameters are trained. The pictures of the digits were drawn for this file: the paper's were
taken from a printed set that it shows but does not list.

    python -m pipeline.networks.lenet5_1998        # prints Keras's own summary, 60,000 trainable parameters
"""

from __future__ import annotations

from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from pipeline.networks.lenet5 import CLASSES, SIDE

# Table I: for each of C3's 16 maps the maps of S2 that it sees.
TABLE_I: Final[tuple[tuple[int, ...], ...]] = (
    *(tuple(sorted((i + j) % 6 for j in range(3))) for i in range(6)),  # every three neighbors
    *(tuple(sorted((i + j) % 6 for j in range(4))) for i in range(6)),  # every four neighbors
    *(tuple(sorted((i + j) % 6 for j in (0, 1, 3, 4))) for i in range(3)),  # two pairs, one map between them
    tuple(range(6)),
)

PAPER: Final = -0.1
INK: Final = 1.175

_BITMAPS: Final = """
.#####. ...##.. .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
##...## ..###.. ##...## ##...## ...###. ##..... .##.... ##...## ##...## ##...##
##...## .####.. ##...## .....## ...###. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## ..####. ##..... ##..... ....##. ##...## ##...##
##...## ...##.. .....## .....## ..#.##. ##..... ##..... ....##. .##.##. ##...##
##...## ...##.. ....##. ..####. .##.##. ######. ######. ...##.. ..###.. .######
##...## ...##.. ...##.. .....## .#..##. .....## ##...## ...##.. .##.##. .....##
##...## ...##.. ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... ##...## ....##. ##...## ##...## ..##... ##...## ....##.
.#####. .###### ####### .#####. ....##. .#####. .#####. ..##... .#####. .####..
"""


def codes() -> npt.NDArray[np.float32]:
    """Returns the centers of the radial basis functions, float32 [84, 10], −1 = paper and +1 = ink of 7×12 pictures."""
    rows = [line.split() for line in _BITMAPS.split("\n") if line]
    pictures = [[pixel == "#" for row in rows for pixel in row[digit]] for digit in range(CLASSES)]
    return np.where(np.array(pictures).T, 1, -1).astype(np.float32)


def squash(a: Any) -> Any:
    """Applies the paper's non-linearity (appendix A): f(±1) = ±1, where its curvature is largest."""
    return 1.7159 * ops.tanh(2 / 3 * a)


def _near_zero(fan_in: int) -> Any:
    """Returns an initializer that draws uniformly between ±2.4/F, F the unit's number of inputs (appendix A)."""
    return keras.initializers.RandomUniform(-2.4 / fan_in, 2.4 / fan_in)


@keras.saving.register_keras_serializable("checkreader")
class Subsampling(keras.layers.Layer):
    """Sums 2×2 pixels, multiplies by a trained coefficient, adds a trained bias and squashes: [N, H, W, C] → [N, H/2, W/2, C]."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.coefficient = self.add_weight(shape=(shape[-1],), initializer=_near_zero(4), name="coefficient")
        self.bias = self.add_weight(shape=(shape[-1],), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        return squash(4 * ops.average_pool(x, 2) * self.coefficient + self.bias)


@keras.saving.register_keras_serializable("checkreader")
class TableConvolution(keras.layers.Layer):
    """A valid 5×5 convolution whose maps see only what `TABLE_I` names: [N, H, W, 6] → [N, H−4, W−4, 16].

    Only connections that exist are weights: 60 kernels and 16 biases, 1,516 numbers. For one fast
    convolution they are put into a dense kernel, zero elsewhere.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        pairs = [(source, target) for target, sources in enumerate(TABLE_I) for source in sources]
        place = np.zeros((len(pairs), 6, len(TABLE_I)), np.float32)
        for row, pair in enumerate(pairs):
            place[(row, *pair)] = 1
        self.place = ops.convert_to_tensor(place)

        def initialize(shape: tuple[int, ...], dtype: Any = None) -> Any:
            bound = np.array([2.4 / (25 * len(TABLE_I[target])) for _, target in pairs], np.float32)
            return keras.random.uniform(shape, -1, 1, dtype) * bound

        self.kernel = self.add_weight(shape=(5, 5, len(pairs)), initializer=initialize, name="kernel")
        self.bias = self.add_weight(shape=(len(TABLE_I),), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        kernel = ops.einsum("hwp,pio->hwio", self.kernel, self.place)
        return squash(ops.conv(x, kernel) + self.bias)


@keras.saving.register_keras_serializable("checkreader")
class Distances(keras.layers.Layer):
    """Computes minus the squared Euclidean distances to the ten fixed `codes`: [N, 84] → [N, 10].

    With the sign turned the nearest digit has the largest output, and the cross-entropy of their softmax
    is the paper's discriminative criterion (equation 9) without its constant for what is no digit.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.codes = self.add_weight(
            shape=codes().shape, initializer=lambda shape, dtype=None: codes(), trainable=False, name="codes"
        )

    def call(self, x: Any) -> Any:
        squares = ops.sum(x**2, axis=1, keepdims=True) + ops.sum(self.codes**2, axis=0)
        return 2 * ops.matmul(x, self.codes) - squares


def build() -> keras.Model:
    """Builds the network of 1998, from pixels to minus the distances.

    Returns:
        A functional model `image` float32 [N, 28, 28, 1], 0 = paper and 1 = ink → `logits` float32 [N, 10].
    """
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = layers.ZeroPadding2D(2, name="padding")(image)  # [N, 32, 32, 1]
    x = layers.Rescaling(INK - PAPER, PAPER, name="levels")(x)
    c1 = layers.Conv2D(6, 5, activation=squash, kernel_initializer=_near_zero(25), name="c1")
    x = c1(x)  # [N, 28, 28, 6]
    x = Subsampling(name="s2")(x)  # [N, 14, 14, 6]
    x = TableConvolution(name="c3")(x)  # [N, 10, 10, 16]
    x = Subsampling(name="s4")(x)  # [N, 5, 5, 16]
    x = layers.Flatten(name="flatten")(x)  # [N, 400]
    x = layers.Dense(120, activation=squash, kernel_initializer=_near_zero(400), name="c5")(x)
    x = layers.Dense(84, activation=squash, kernel_initializer=_near_zero(120), name="f6")(x)
    return keras.Model(image, Distances(name="logits")(x), name="lenet5-1998")


if __name__ == "__main__":
    build().summary()
