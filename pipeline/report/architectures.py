"""Builds the networks that the report compares with LeNet-5: one part differs in each.

Every builder gives a model `image` float32 [N, 28, 28, 1] → `logits` float32 [N, 10].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import keras
from keras import layers, ops

from pipeline.networks import lenet5, lenet5_1998
from pipeline.networks.lenet5 import CLASSES, SIDE

Build = Callable[[], keras.Model]
BASE: Final = "max"  # LeNet-5 as textbooks have it today


@dataclasses.dataclass(frozen=True)
class Variant:
    """One network to train.

    Attributes:
        name: in the records.
        label: in the report.
        group: the comparison that it belongs to: "pooling", "activation", "structure" or "size".
        build: builds the Keras model.
        note: its difference, for the report.
    """

    name: str
    label: str
    group: str
    build: Build
    note: str


@keras.saving.register_keras_serializable("checkreader")
class MedianPooling(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Computes the median of 2×2, the mean of its two middle values: [N, H, W, C] → [N, H/2, W/2, C]."""

    def call(self, x: Any) -> Any:
        largest, smallest = ops.max_pool(x, 2), -ops.max_pool(-x, 2)
        return (4 * ops.average_pool(x, 2) - largest - smallest) / 2


@keras.saving.register_keras_serializable("checkreader")
class NormPooling(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Computes L2 pooling, the root of the mean square of 2×2: [N, H, W, C] → [N, H/2, W/2, C]."""

    def call(self, x: Any) -> Any:
        # The root has no slope at 0, where ReLU's output often is.
        return ops.sqrt(ops.average_pool(x**2, 2) + 1e-6)


def _overlapping() -> Any:
    return layers.MaxPooling2D(3, 2, padding="same")


def convolutional(
    pool: Callable[[], Any] | None = lambda: layers.MaxPooling2D(2),
    activation: str = "relu",
    stride: int = 1,
    one_by_one: bool = False,
    maps: tuple[int, int, int, int] = (6, 16, 120, 84),
) -> keras.Model:
    """Builds LeNet-5 with one part exchanged.

    Args:
        pool: builds the subsampling layers; None = there are none.
        activation: after every layer but the last.
        stride: of C1 and C3.
        one_by_one: a 1×1 convolution with as many maps after each subsampling (Lin, Chen, Yan:
            Network in Network, 2013).
        maps: of C1 and C3, units of C5 and F6.
    """
    c1, c3, c5, f6 = maps
    x = image = keras.Input((SIDE, SIDE, 1), name="image")
    for count, padding in ((c1, "same"), (c3, "valid")):
        x = layers.Conv2D(count, 5, stride, padding, activation=activation)(x)
        x = x if pool is None else pool()(x)
        x = layers.Conv2D(count, 1, activation=activation)(x) if one_by_one else x
    x = layers.Flatten()(x)
    for units in (c5, f6):
        x = layers.Dense(units, activation=activation)(x)
    return keras.Model(image, layers.Dense(CLASSES, name="logits")(x))


def fully_connected(*units: int) -> keras.Model:
    """Builds fully connected layers of that many units with ReLU."""
    x = image = keras.Input((SIDE, SIDE, 1), name="image")
    x = layers.Flatten()(x)
    for count in units:
        x = layers.Dense(count, activation="relu")(x)
    return keras.Model(image, layers.Dense(CLASSES, name="logits")(x))


VARIANTS: Final[tuple[Variant, ...]] = (
    Variant(BASE, "max pooling", "pooling", convolutional, "LeNet-5 with nothing exchanged"),
    Variant(
        "average",
        "average pooling",
        "pooling",
        lambda: convolutional(lambda: layers.AveragePooling2D(2)),
        "the mean of 2×2",
    ),
    Variant(
        "folding",
        "average, ReLU after",
        "pooling",
        lambda: lenet5.build(keras),
        "the mean of 2×2, and the activation after it: what folds, and is deployed",
    ),
    Variant("median", "median pooling", "pooling", lambda: convolutional(MedianPooling), "the median of 2×2"),
    Variant(
        "l2",
        "L2 pooling",
        "pooling",
        lambda: convolutional(NormPooling),
        "the root of the mean square of 2×2",
    ),
    Variant(
        "overlapping",
        "overlapping max",
        "pooling",
        lambda: convolutional(_overlapping),
        "the maximum of 3×3, every 2 pixels (Krizhevsky 2012)",
    ),
    Variant(
        "strided",
        "strided convolution",
        "pooling",
        lambda: convolutional(None, stride=2),
        "C1 and C3 move by 2 pixels, nothing is pooled (Springenberg 2014)",
    ),
    Variant(
        "none", "no subsampling", "pooling", lambda: convolutional(None), "C5 sees all 24×24×16 values of C3"
    ),
    Variant("tanh", "tanh", "activation", lambda: convolutional(activation="tanh"), "tanh instead of ReLU"),
    Variant(
        "sigmoid",
        "sigmoid",
        "activation",
        lambda: convolutional(activation="sigmoid"),
        "the logistic function instead of ReLU",
    ),
    Variant(
        "one-by-one",
        "with 1×1 convolutions",
        "structure",
        lambda: convolutional(one_by_one=True),
        "a 1×1 convolution after S2 and after S4, 314 parameters more",
    ),
    Variant(
        "lenet5-1998",
        "LeNet-5 of 1998",
        "structure",
        lenet5_1998.build,
        "sparse C3, trained subsampling, scaled tanh, radial basis functions",
    ),
    Variant(
        "half",
        "LeNet-5, half the width",
        "size",
        lambda: convolutional(maps=(3, 8, 60, 42)),
        "3, 8, 60 and 42 instead of 6, 16, 120 and 84",
    ),
    Variant(
        "third",
        "LeNet-5, a third of the width",
        "size",
        lambda: convolutional(maps=(2, 5, 40, 28)),
        "2, 5, 40 and 28 instead of 6, 16, 120 and 84",
    ),
    Variant(
        "connected-78",
        "fully connected, 78",
        "size",
        lambda: fully_connected(78),
        "one hidden layer with about as many parameters as LeNet-5",
    ),
    Variant(
        "connected-300",
        "fully connected, 300–100",
        "size",
        lambda: fully_connected(300, 100),
        "the 28×28–300–100–10 of LeCun et al. 1998",
    ),
    Variant(
        "connected-1200",
        "fully connected, 1200–1200",
        "size",
        lambda: fully_connected(1200, 1200),
        "two wide hidden layers",
    ),
)


def named(name: str) -> Variant:
    """Returns the variant of that name."""
    return next(variant for variant in VARIANTS if variant.name == name)
