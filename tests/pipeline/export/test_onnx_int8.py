from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pipeline.export import onnx_blocks, onnx_int8
from pipeline.export.formats import FOLDER, get
from pipeline.networks import integer_reference
from pipeline.run import Run
from serving.errors import CheckreaderError


@pytest.fixture(scope="module")
def network(integers: bytes) -> integer_reference.Reference:
    return integer_reference.load(integers)


def test_onnx_runtime_computes_it_in_integers_alone(
    exported: Run, network: integer_reference.Reference
) -> None:
    content = (exported / FOLDER / get("onnx_int8").file).read_bytes()
    operators = onnx_int8.check_integer_kernels(content, network)
    assert operators["QLinearConv"] == 2
    assert operators["QGemm"] == 3
    assert not {"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul"} & operators.keys()
    assert "Transpose" not in operators  # the graph's own cancel the runtime's


def test_a_layer_left_in_float_is_noticed(network: integer_reference.Reference) -> None:
    model = onnx_int8.build(network)
    for node in model.graph.node:  # one convolution reads float weights
        if node.op_type == "Conv":
            weights = numpy_helper.from_array(
                np.zeros(network.layers[0].weights.shape, np.float32).transpose(0, 3, 1, 2), "w"
            )
            model.graph.initializer.append(weights)
            node.input[1] = "w"
            break
    with pytest.raises(CheckreaderError, match="not only in integers"):
        onnx_int8.check_integer_kernels(model.SerializeToString(), network)


def test_the_integers_are_the_tflites(exported: Run, network: integer_reference.Reference) -> None:
    model = onnx.load(exported / FOLDER / get("onnx_int8").file)
    constants = {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}
    for layer in onnx_blocks.in_blocks(network.layers):
        if layer.kind in ("conv", "dense"):
            assert sorted(constants[f"{layer.name}_weights_int"].ravel()) == sorted(layer.weights.ravel())
            np.testing.assert_array_equal(constants[f"{layer.name}_bias_int"], layer.bias)
        assert constants[f"{layer.name}_scale"] == np.float32(layer.output.scale)


def test_the_int8_logits_are_inside_and_no_output(exported: Run) -> None:
    model = onnx.load(exported / FOLDER / get("onnx_int8").file)
    assert [output.name for output in model.graph.output] == ["probabilities"]
    assert any(onnx_int8.LOGITS in node.output for node in model.graph.node)
