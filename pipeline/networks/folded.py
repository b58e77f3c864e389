"""LeNet-5 as it is deployed: convolution and average pooling folded into one strided convolution.

With the activation after the subsampling (as in 1998) nothing stands between the two, and both are linear:
the mean of four 5×5 convolutions, each a pixel from the next, is one 6×6 convolution of stride 2.

    C1 6×6, stride 2 → C3 6×6, stride 2 → C5 → F6 → logits

The network then needs 187,656 multiply-accumulates instead of 416,520, and two operators less. Training
keeps the two apart (`pipeline.networks.lenet5`), which has fewer weights; quantization and the exported files use the
folded network.

    python -m pipeline.networks.folded        # prints the table of layers, 62,828 parameters
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.networks.lenet5 import CLASSES, SIDE, LayerRow, format_table

Floats = npt.NDArray[np.float32]

LAYERS: Final = ("c1", "c3", "c5", "f6", "logits")
_CONVOLUTIONS: Final = ("c1", "c3")


def fold_kernel(kernel: Floats) -> Floats:
    """Merges 2×2 averaging into a convolution's kernel: float32 [K, K, Cin, Cout] → [K+1, K+1, Cin, Cout]."""
    shifted = [
        np.pad(kernel, ((down, 1 - down), (right, 1 - right), (0, 0), (0, 0)))
        for down in (0, 1)
        for right in (0, 1)
    ]
    mean: Floats = np.mean(shifted, axis=0, dtype=np.float32)
    return mean


def build(keras: ModuleType) -> Any:
    """Builds the folded network from pixels to logits, with initial weights.

    Args:
        keras: the module to build with: Keras 3, or the legacy `tf_keras`.

    Returns:
        A functional model `image` float32 [N, 28, 28, 1] → `logits` float32 [N, 10].
    """
    layers = keras.layers
    image = keras.Input((SIDE, SIDE, 1), name="image")
    x = layers.Conv2D(6, 6, 2, "same", activation="relu", name="c1")(image)  # [N, 14, 14, 6]
    x = layers.Conv2D(16, 6, 2, "valid", activation="relu", name="c3")(x)  # [N, 5, 5, 16]
    x = layers.Flatten(name="flatten")(x)  # [N, 400]
    x = layers.Dense(120, activation="relu", name="c5")(x)
    x = layers.Dense(84, activation="relu", name="f6")(x)
    x = layers.Dense(CLASSES, name="logits")(x)
    return keras.Model(image, x, name="lenet5")


def folds(keras: ModuleType, model: Any) -> bool:
    """Returns True if a network of `lenet5.build` folds: average pooling with ReLU after it, the default options."""
    layers = {layer.name: layer for layer in model.layers}
    return "s2_relu" in layers and isinstance(layers["s2"], keras.layers.AveragePooling2D)


def fold(keras: ModuleType, model: Any) -> Any:
    """Converts a trained network into the one to deploy, which computes the same function.

    Args:
        keras: the module that `model` was built with.
        model: a model of `lenet5.build`; it is not changed.

    Returns:
        A model of `build`; `model` itself if it does not fold.
    """
    if not folds(keras, model):
        return model
    layers = {layer.name: layer for layer in model.layers}
    network = build(keras)
    for name in LAYERS:
        weights, bias = layers[name].get_weights()
        network.get_layer(name).set_weights(
            [fold_kernel(weights) if name in _CONVOLUTIONS else weights, bias]
        )
    return network


def table() -> list[LayerRow]:
    """Describes the folded network's layers, counted as in `lenet5.table`."""
    rows = []
    for name, kind, window, shape, inputs, field in (
        ("c1", "convolution, stride 2", 6, (14, 14, 6), 1, 6),
        ("c3", "convolution, stride 2", 6, (5, 5, 16), 6, 16),
        ("c5", "dense (5×5 convolution)", 5, (120,), 16, 32),
        ("f6", "dense", 1, (84,), 120, 32),
        ("logits", "dense", 1, (CLASSES,), 84, 32),
    ):
        taps = window * window * inputs
        rows.append(LayerRow(name, kind, shape, (taps + 1) * shape[-1], taps * math.prod(shape), field))
    return rows


if __name__ == "__main__":
    print(format_table(table()))
