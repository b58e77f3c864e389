from __future__ import annotations

import dataclasses

import keras
import numpy as np

from pipeline.quantization import ranges


@dataclasses.dataclass
class Variable:
    """A variable as a quantized network has it, with the scope in its name."""

    name: str
    value: float = 6.0

    def assign(self, value: object) -> None:
        self.value = value.value if isinstance(value, Variable) else float(value)

    def __mul__(self, factor: float) -> float:
        return self.value * factor


@dataclasses.dataclass
class Layer:
    name: str
    weights: list[Variable]


@dataclasses.dataclass
class Network:
    layers: list[Layer]


def network() -> Network:
    return Network(
        [
            Layer("quantize_layer", [Variable("quantize_layer_min:0"), Variable("quantize_layer_max:0")]),
            Layer(
                "quant_c1",
                [Variable("c1/kernel_min:0"), Variable("c1/output_min:0"), Variable("c1/output_max:0")],
            ),
            Layer("quant_s2", [Variable("s2/output_min:0"), Variable("s2/output_max:0")]),
            Layer("quant_logits", [Variable("l/post_activation_min:0"), Variable("l/post_activation_max:0")]),
        ]
    )


def test_seeded_and_finished() -> None:
    quantized = network()
    ranges.seed(quantized, {"c1": (-1.0, 2.0), "s2": (-0.5, 1.5), "logits": (-10.0, 20.0)})
    values = [[weight.value for weight in layer.weights] for layer in quantized.layers]
    assert values == [[0, 1], [6, -1, 2], [-0.5, 1.5], [-10, 20]]  # the weights' own range stays
    ranges.finish(quantized)
    values = [[weight.value for weight in layer.weights] for layer in quantized.layers]
    assert values == [[0, 1], [6, -1, 2], [-1, 2], [-15, 30]]


def test_measured() -> None:
    image = keras.Input((28, 28, 1), name="image")
    flat = keras.layers.Flatten(name="flat")(image)
    half = keras.layers.Rescaling(-0.5, name="half")(flat)
    pictures = np.zeros((3, 28, 28), np.uint8)
    pictures[1, 3, 4] = 255
    measured = ranges.measure(keras, keras.Model(image, half), pictures)
    assert measured == {"image": (0, 1), "flat": (0, 1), "half": (-0.5, 0)}
