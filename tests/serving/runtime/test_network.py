"""What callers rely on, whichever runtime computes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.runtime.network import Network, Spec, softmax


def test_softmax_of_large_logits() -> None:
    assert softmax(np.array([[1000.0, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]


@given(hnp.arrays(np.float32, (3, 10), elements=st.floats(-100, 100, width=32)))
def test_softmax(logits: np.ndarray) -> None:
    powers = np.exp(logits.astype(np.float64))
    probabilities = softmax(logits)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, powers / powers.sum(1, keepdims=True), rtol=1e-4, atol=1e-7)


def test_infer_gives_the_first_output() -> None:
    spec = Spec("x", "FP32", (-1,))
    network = Network(spec, (spec, spec), lambda image: (image + 1, image + 2))
    assert network.infer(np.zeros(3, np.float32)).tolist() == [1, 1, 1]
    assert network.device == "cpu"
