"""Measures and sets the ranges of activations in the digit network's 8-bit version.

The optimization toolkit starts them at ±6 and moves them by a thousandth per step, which takes thousands of steps to
converge; here they are seeded from the float network's activations. The input's range is pinned to [0, 1].
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from serving.images.digit import tensor

# Factor on the logits' measured range. Runtimes round differently inside, and these differences stay below a
# coarser last place; pictures unlike the training's also saturate later.
_HEADROOM: Final = 1.5


def measure(
    tf_keras: ModuleType, model: Any, images: npt.NDArray[np.uint8]
) -> dict[str, tuple[float, float]]:
    """Measures the smallest (at most 0) and the largest output of each layer."""
    probe = tf_keras.Model(model.input, [layer.output for layer in model.layers])
    outputs = probe.predict(tensor(images), verbose=0)
    return {
        layer.name: (min(0.0, float(output.min())), float(output.max()))
        for layer, output in zip(model.layers, outputs, strict=True)
    }


def seed(quantized: Any, ranges: dict[str, tuple[float, float]]) -> None:
    """Sets the ranges of each layer's activations to those measured."""
    for layer in quantized.layers:
        low, high = ranges.get(layer.name.removeprefix("quant_"), (0.0, 1.0))
        for variable, is_max in _activation_ranges(layer):
            variable.assign(high if is_max else low)


def finish(quantized: Any) -> None:
    """Sets the input's range to [0, 1], widens the logits' and gives pooling the range of its input.

    An average stays within its input's range, and averaging integers needs one scale.
    """
    before: list[Any] = []
    for layer in quantized.layers:
        ranges = _activation_ranges(layer)
        for i, (variable, is_max) in enumerate(ranges):
            if layer.name == "quantize_layer":
                variable.assign(float(is_max))
            elif layer.name == "quant_logits":
                variable.assign(variable * _HEADROOM)
            elif layer.name in ("quant_s2", "quant_s4") and before:
                variable.assign(before[i][0])
        before = ranges or before


def _activation_ranges(layer: Any) -> list[tuple[Any, bool]]:
    """Lists the layer's range variables for activations, each with True if it is the upper end."""
    names = [(weight, weight.name.split("/")[-1].split(":")[0]) for weight in layer.weights]
    kinds = ("post_activation", "pre_activation", "output", "quantize_layer")
    return [
        (weight, name.endswith("_max"))
        for weight, name in names
        if name.endswith(("_min", "_max")) and name[:-4] in kinds
    ]
