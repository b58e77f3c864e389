"""LeNet-5's networks in 8-bit integers with random weights, for the tests of what is written from integers."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pipeline.networks.integer_reference import Layer, Reference, Scale

_SPREAD = 60  # standard deviation of the outputs, in integers


def network(pooling: Literal["folded", "max_pool", "average_pool"]) -> Reference:
    """Builds a digit's network: two strided convolutions, or two with maximum or average pooling."""
    rng = np.random.default_rng(0)
    layers: list[Layer] = []
    source, scale = (28, 28, 1), Scale(1 / 255, -128)

    def multiply(name: str, shape: tuple[int, ...], weights: tuple[int, ...], **options) -> None:
        nonlocal source, scale
        values = rng.integers(-127, 128, weights, np.int8)
        per_channel = weights[0] if len(weights) == 4 else 1
        weight_scales = rng.uniform(0.5, 1.5, per_channel).astype(np.float32)
        deviation = 73 * 73 * np.sqrt(values[0].size)  # of a sum, about
        last = name == "logits"
        output = Scale(float(np.float32(scale.scale * deviation / _SPREAD)), 7 if last else -128)
        bias = rng.integers(-20_000, 20_000, weights[0], np.int32)
        kind = "conv" if len(weights) == 4 else "dense"
        layers.append(
            Layer(
                name, kind, scale, output, -128, 127, shape,
                weights=values, weight_scales=weight_scales, bias=bias, **options,
            )
        )  # fmt: skip
        source, scale = shape, output

    def pool(name: str) -> None:
        nonlocal source
        shape = (source[0] // 2, source[1] // 2, source[2])
        layers.append(Layer(name, pooling, scale, scale, -128, 127, shape, (2, 2), (2, 2)))
        source = shape

    if pooling == "folded":
        multiply("c1", (14, 14, 6), (6, 6, 6, 1), window=(6, 6), stride=(2, 2), padding=(2, 2, 2, 2))
        multiply("c3", (5, 5, 16), (16, 6, 6, 6), window=(6, 6), stride=(2, 2))
    else:
        multiply("c1", (28, 28, 6), (6, 5, 5, 1), window=(5, 5), padding=(2, 2, 2, 2))
        pool("s2")
        multiply("c3", (10, 10, 16), (16, 5, 5, 6), window=(5, 5))
        pool("s4")
    multiply("c5", (120,), (120, 400))
    multiply("f6", (84,), (84, 120))
    multiply("logits", (10,), (10, 84))
    return Reference(tuple(layers))
