"""Writes Keras 3 files: the float network, and the 8-bit one from the integers of the `.tflite`.

Both open in any Keras 3 without this project: built-in layers and operations only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.export import tflite
from pipeline.export.provenance import embed_in_keras
from pipeline.export.source import Source
from pipeline.networks import integer_reference
from pipeline.networks.integer_reference import Layer, Reference, Scale, Unsupported


def float32(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes `image` float32 [N, H, W, 1] → `probabilities` float32 [N, 10] or, for fields, [N, T, K]."""
    return embed_in_keras(_saved(source.inference_model), provenance)


def unfolded(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes a model like `float32`'s that is the network as it was trained, to show its layers or to train it on."""
    return embed_in_keras(_saved(source.unfolded_model), provenance)


def int8(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes a model like `float32`'s that computes in floating point what the 8-bit network computes in integers."""
    return embed_in_keras(_saved(build(integer_reference.load(tflite.integers(source)))), provenance)


def _saved(model: Any) -> bytes:
    """Returns the bytes of the model's `.keras` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def build(network: Reference) -> Any:
    """Builds the integer network as a Keras model.

    Weights are the dequantized integers; after every layer the activations are
    rounded to the integers' grid and clipped to their range, as real numbers.
    """
    task = network.task
    image = keras.Input(task.image[1:], name="image")
    x = _grid(image, network.input, -128, 127, "image")
    for layer in network.layers:
        if layer.kind == "dense" and len(x.shape) == 4:
            x = keras.layers.Flatten(name="flatten")(x)
        x = _layer(layer, x.shape[1:3])(x)
        if layer.kind != "max_pool":  # which leaves the grid as it is
            x = _grid(x, layer.output, layer.low, layer.high, layer.name)
    if task.network is not None:
        x = keras.layers.Reshape((-1, network.classes), name="steps")(x)
    probabilities = keras.layers.Softmax(name="probabilities")(x)
    model = keras.Model(image, probabilities, name=task.int8.replace("-", "_"))
    for layer in network.layers:
        if layer.kind in ("conv", "dense"):
            scales = layer.weight_scales.astype(np.float64)
            axes = (1, 2, 3, 0) if layer.kind == "conv" else (1, 0)
            weights = layer.weights.transpose(axes) * scales
            model.get_layer(layer.name).set_weights([weights, layer.bias * (layer.input.scale * scales)])
    return model


def _grid(x: Any, scale: Scale, low: int, high: int, name: str) -> Any:
    """Rounds to multiples of the scale between two integers (halves to even)."""
    steps = keras.layers.Rescaling(1 / scale.scale, name=f"{name}_steps")(x)
    rounded = keras.ops.round(steps)
    clipped = keras.ops.clip(rounded, low - scale.zero_point, high - scale.zero_point)
    # Operations take no name; Keras would number them on from one model to the next.
    for tensor, operation in ((rounded, "round"), (clipped, "clip")):
        tensor._keras_history.operation.name = f"{name}_{operation}"
    return keras.layers.Rescaling(scale.scale, name=f"{name}_int8")(clipped)


def _layer(layer: Layer, sides: Sequence[int | None]) -> Any:
    """Returns the Keras layer for an input of these rows and columns."""
    match layer.kind:
        case "conv":
            padding = _padding(layer, sides)
            return keras.layers.Conv2D(
                len(layer.weights), layer.window, layer.stride, padding, name=layer.name
            )
        case "dense":
            return keras.layers.Dense(len(layer.weights), name=layer.name)
        case "max_pool":
            return keras.layers.MaxPooling2D(layer.window, layer.stride, name=layer.name)
        case "average_pool":
            return keras.layers.AveragePooling2D(layer.window, layer.stride, name=layer.name)


def _padding(layer: Layer, sides: Sequence[int | None]) -> str:
    """Returns Keras's name for the padding of a convolution whose input has these rows and columns."""
    if not any(layer.padding):
        return "valid"
    fixed = [side for side in sides if side is not None]
    if len(fixed) == len(sides) and layer.padding == integer_reference.same_padding(layer, fixed):
        return "same"
    raise Unsupported(f"layer {layer.name}: padding {layer.padding} is not exported to Keras")
