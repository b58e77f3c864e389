"""C1 two rows at a time gives what it gave one at a time."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipeline.export import onnx_row_pairs
from serving.runtime import onnx as runtime

RNG = np.random.default_rng(0)


def network(stride: int = 2) -> onnx.ModelProto:
    """Builds two convolutions, the folded network's if their stride is 2."""
    nodes, constants = [], []
    for name, source, shape, pad in (
        ("c1", "image", (6, 1, 6, 6), 2),
        ("c3", "c1_relu", (16, 6, 6, 6), 0),
    ):
        weights, bias = (RNG.normal(size=size).astype(np.float32) for size in (shape, shape[:1]))
        constants.append(numpy_helper.from_array(weights, f"{name}_weights"))
        constants.append(numpy_helper.from_array(bias, f"{name}_bias"))
        inputs = [source, f"{name}_weights", f"{name}_bias"]
        window = {"kernel_shape": [6, 6], "strides": [stride] * 2, "pads": [pad] * 4}
        nodes.append(helper.make_node("Conv", inputs, [name], **window))
        nodes.append(helper.make_node("Relu", [name], [f"{name}_relu"]))
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("c3_relu", TensorProto.FLOAT, ["N", 16, "H", "W"])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_same_answers() -> None:
    image = RNG.random((5, 1, 28, 28), np.float32)
    model = network()
    expected = runtime.session(model.SerializeToString()).run(None, {"image": image})[0]
    paired = onnx_row_pairs.pair_rows(model)
    onnx.checker.check_model(paired, full_check=True)
    answers = runtime.session(paired.SerializeToString()).run(None, {"image": image})[0]
    assert expected.std() > 1
    np.testing.assert_allclose(answers, expected, rtol=1e-5, atol=1e-4 * expected.max())
    attributes = [attribute for node in paired.graph.node for attribute in node.attribute]
    assert [attribute.ints for attribute in attributes if attribute.name == "strides"] == [[4, 2], [1, 2]]


def test_other_networks_stay_as_they_are() -> None:
    model = network(stride=1)
    before = model.SerializeToString()
    assert onnx_row_pairs.pair_rows(model).SerializeToString() == before
