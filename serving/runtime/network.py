"""Defines a loaded model, whichever runtime computes: ONNX Runtime on servers, LiteRT on small boards.

Nothing here imports either of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Spec:
    """A tensor's name, datatype (FP32, INT8, … as the Open Inference Protocol writes it) and shape (−1 = any)."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """A loaded model with one input.

    `run` takes float32 [N, 28, 28, 1] in [0, 1], any N ≥ 1, and returns every output in the order
    of `outputs`; it may be called from several threads. `device` is a key of `onnx.DEVICES`.
    """

    input: Spec
    outputs: tuple[Spec, ...]
    run: Callable[[Floats], tuple[Array, ...]]
    device: str = "cpu"

    def infer(self, image: Floats) -> Floats:
        """Runs the model and returns the first output alone: for a digit model float32 [N, 10] probabilities."""
        return self.run(image)[0]


def softmax(logits: Floats) -> Floats:
    """Turns logits, float32 [N, K], into probabilities; each row is shifted first so that none overflows."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
