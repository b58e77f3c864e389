"""Takes batch normalization (Ioffe, Szegedy, ICML 2015) into the weights of the convolutions before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def fold(model: Any, plain: Any, names: Iterable[str]) -> None:
    """Gives a model without batch normalization the weights with which it computes what another one computes with it.

    Args:
        model: has a layer `NAME_norm` behind each convolution, which has no bias, and a layer `logits`.
        plain: the same without the former; its weights are set.
        names: of the convolutions.
    """
    for name in names:
        (kernel,) = model.get_layer(name).get_weights()
        norm = model.get_layer(f"{name}_norm")
        gamma, beta, mean, variance = norm.get_weights()
        scale = gamma / (variance + norm.epsilon) ** 0.5
        plain.get_layer(name).set_weights([kernel * scale, beta - mean * scale])
    plain.get_layer("logits").set_weights(model.get_layer("logits").get_weights())
