"""C1 two rows at a time gives what it gave one at a time."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.export import onnx_row_pairs
from serving.runtime import onnx as runtime

RNG = np.random.default_rng(0)


def network(quantized: bool) -> onnx.ModelProto:
    """The two folded convolutions; in 8 bits the second's weights have one scale, the first's six."""
    nodes, constants = [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    def weights(name: str, shape: tuple[int, ...], scale: np.ndarray) -> str:
        if not quantized:
            return constant(name, RNG.normal(size=shape).astype(np.float32))
        integers = RNG.integers(-127, 128, shape).astype(np.int8)
        parts = [constant(f"{name}_int", integers), constant(f"{name}_scale", scale.astype(np.float32))]
        parts.append(constant(f"{name}_zero", np.zeros_like(scale, np.int8)))
        nodes.append(helper.make_node("DequantizeLinear", parts, [name], axis=0))
        return name

    scales = RNG.random(6) + 0.1
    for name, source, shape, scale, pad in (
        ("c1", "image", (6, 1, 6, 6), scales, 2),
        ("c3", "c1_relu", (16, 6, 6, 6), np.float32(0.5), 0),
    ):
        inputs = [source, weights(f"{name}_weights", shape, scale), weights(f"{name}_bias", shape[:1], scale)]
        nodes.append(
            helper.make_node("Conv", inputs, [name], kernel_shape=[6, 6], strides=[2, 2], pads=[pad] * 4)
        )
        nodes.append(helper.make_node("Relu", [name], [f"{name}_relu"]))
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("c3_relu", TensorProto.FLOAT, ["N", 16, 5, 5])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("quantized", [False, True], ids=["float32", "int8"])
def test_same_answers(quantized: bool) -> None:
    image = RNG.random((5, 1, 28, 28), np.float32)
    model = network(quantized)
    expected = runtime.session(model.SerializeToString()).run(None, {"image": image})[0]
    changed = onnx_row_pairs.pair_rows(model)
    onnx.checker.check_model(changed, full_check=True)
    found = runtime.session(changed.SerializeToString()).run(None, {"image": image})[0]
    assert expected.std() > 1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4 * expected.max())
