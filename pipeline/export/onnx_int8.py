"""Writes ONNX in 8 bits, from the integers of the `.tflite`.

The graph is written node by node: quantized between layers, with
dequantize–quantize pairs only around the operators that need them, in the
shape that ONNX Runtime turns into its integer kernels. `check_integer_kernels`
checks on the optimized graph that it did. Converters keep float weights or leave
convolutions in float, two to three times slower.
"""

from __future__ import annotations

import collections
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipeline.export import onnx_blocks, tflite
from pipeline.export.provenance import embed_in_onnx
from pipeline.export.source import Source
from pipeline.networks import integer_reference
from pipeline.networks.integer_reference import Layer, Reference, Scale, Unsupported
from serving.errors import CheckreaderError
from serving.runtime import onnx as runtime  # noqa: F401  before anything else imports ONNX Runtime: no telemetry

OPSET: Final = 17
LOGITS: Final = "logits_int8"  # inside the graph; `verify` makes it an output of a copy
_IMAGE: Final = "image"
# ONNX Runtime's operators for the layers; the first of each kind is integer by its definition.
_INTEGER: Final = {
    "conv": ("QLinearConv",),
    "dense": ("QGemm",),
    "max_pool": ("NhwcMaxPool", "MaxPool"),
    "average_pool": ("QLinearAveragePool",),
}


def int8(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes `image` float32 [N, H, W, 1] → `probabilities` float32 [N, 10] or, for fields, [N, T, K].

    All kernels between are integer.

    Raises:
        CheckreaderError: an operator is not exported, or ONNX Runtime did not turn it into an integer kernel.
    """
    network = integer_reference.load(tflite.integers(source))
    content = embed_in_onnx(build(network), provenance)
    check_integer_kernels(content, network)
    return content


class _Graph:
    """Collects nodes and constants; each method returns the name of the tensor that it adds."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        self.constants[name] = numpy_helper.from_array(np.asarray(values, dtype), name)
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def reshaped(self, x: str, name: str, shape: list[int], scale: Scale) -> str:
        """Reshapes between pairs: without them ONNX Runtime, which turns int8 to uint8 pair by pair, would stop here."""
        reshaped = self.add("Reshape", [x, self.constant(f"{name}_shape", shape, np.int64)], f"{name}_real")
        return self.quantized(reshaped, name, scale)

    def transposed(self, x: str, name: str, axes: list[int], scale: Scale) -> str:
        """Transposes between pairs, for the same reason."""
        return self.quantized(self.add("Transpose", [x], f"{name}_real", perm=axes), name, scale)

    def quantized(self, x: str, name: str, scale: Scale) -> str:
        """Adds a pair of QuantizeLinear and DequantizeLinear; the integers between are `NAME_int8`."""
        scales = [
            self.constant(f"{name}_scale", scale.scale, np.float32),
            self.constant(f"{name}_zero", scale.zero_point, np.int8),
        ]
        self.add("QuantizeLinear", [x, *scales], f"{name}_int8")
        return self.add("DequantizeLinear", [f"{name}_int8", *scales], name)


def build(network: Reference) -> onnx.ModelProto:
    """Builds the graph of an integer network.

    ONNX Runtime's integer convolutions and poolings are channels-last inside, between transpositions that it adds.
    Those written here, into the operators' layout and out of it, cancel them, so that none is left to compute.
    """
    graph, task = _Graph(), network.task
    x: str = _IMAGE
    shape: tuple[int, ...] = (task.height, task.width or -1, 1)
    for layer in onnx_blocks.in_blocks(network.layers):
        if layer.kind != "dense":
            x = _regrouped(graph, x, shape, layer)
        elif len(shape) == 3:
            x = graph.transposed(x, "turned", [0, 2, 3, 1], layer.input)
            x = graph.reshaped(x, "flat", [-1, int(np.prod(shape))], layer.input)
        x = _OPERATORS[layer.kind](graph, layer, x)
        if layer.low > -128:
            x = graph.add("Relu", [x], f"{layer.name}_relu")
        if layer.low not in (-128, layer.output.zero_point) or layer.high < 127:
            limits = f"{layer.low}…{layer.high}"
            raise Unsupported(f"layer {layer.name}: a clamp to {limits} is not exported to 8-bit ONNX")
        x = graph.quantized(x, layer.name, layer.output)
        shape = layer.shape
    if task.network is not None:
        x = graph.transposed(x, "turned", [0, 2, 3, 1], network.output)
        x = graph.reshaped(x, "steps", [0, -1, network.classes], network.output)
    graph.add("Softmax", [x], "probabilities", axis=-1)
    free = task.width is None
    image = helper.make_tensor_value_info(_IMAGE, TensorProto.FLOAT, ["N", task.height, task.width or "W", 1])
    _, *steps, classes = task.output_shape(1, task.width or task.sliding.receptive, network.classes)
    probabilities = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, ["N", *(["T"] if free else steps), classes]
    )
    return helper.make_model(
        helper.make_graph(graph.nodes, task.int8, [image], [probabilities], list(graph.constants.values())),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,  # the ONNX Runtimes of the last years read it
    )


def _regrouped(graph: _Graph, x: str, shape: tuple[int, ...], layer: Layer) -> str:
    """Hands maps to a convolution or pooling, with as many neighbors of a row as channels as it reads.

    Args:
        graph: the graph, which is added to.
        x: the maps' tensor: channels last if it is the image, else first.
        shape: [H, W, C].
        layer: what reads them.
    """
    height, width, channels = shape
    reads = layer.weights.shape[-1] if layer.kind == "conv" else layer.shape[-1]
    groups, maps = "blocks", "pixels"
    if x != _IMAGE:
        if reads == channels:
            return x
        groups, maps = f"{layer.name}_groups", f"{layer.name}_maps"
        x = graph.transposed(x, f"{layer.name}_last", [0, 2, 3, 1], layer.input)
    if reads != channels:
        sizes = [-1, height, width * channels // reads, reads]
        x = graph.reshaped(x, groups, sizes, layer.input)
    return graph.transposed(x, maps, [0, 3, 1, 2], layer.input)


def _conv(graph: _Graph, layer: Layer, x: str) -> str:
    weights = _weights(graph, layer, layer.weights.transpose(0, 3, 1, 2))
    up, down, left, right = layer.padding
    return graph.add(
        "Conv",
        [x, *weights],
        f"{layer.name}_sum",
        kernel_shape=layer.window,
        strides=layer.stride,
        pads=[up, left, down, right],
    )


def _dense(graph: _Graph, layer: Layer, x: str) -> str:
    return graph.add("Gemm", [x, *_weights(graph, layer, layer.weights)], f"{layer.name}_sum", transB=1)


def _weights(graph: _Graph, layer: Layer, weights: integer_reference.Int8) -> list[str]:
    """Adds weights and bias, dequantized by nodes that ONNX Runtime fuses away; returns the tensors' names."""
    name, scales = layer.name, layer.weight_scales
    per_channel = len(scales) > 1
    scales = scales if per_channel else scales[0]
    zero = np.zeros_like(scales)
    tensors = []
    for part, values, dtype, scale in (
        ("weights", weights, np.int8, scales),
        ("bias", layer.bias, np.int32, np.float32(layer.input.scale) * scales),
    ):
        inputs = [
            graph.constant(f"{name}_{part}_int", values, dtype),
            graph.constant(f"{name}_{part}_scale", scale, np.float32),
            graph.constant(f"{name}_{part}_zero", zero, dtype),
        ]
        tensors.append(graph.add("DequantizeLinear", inputs, f"{name}_{part}", axis=0))
    return tensors


def _max_pool(graph: _Graph, layer: Layer, x: str) -> str:
    return graph.add("MaxPool", [x], f"{layer.name}_max", kernel_shape=layer.window, strides=layer.stride)


def _average_pool(graph: _Graph, layer: Layer, x: str) -> str:
    name = f"{layer.name}_mean"
    return graph.add("AveragePool", [x], name, kernel_shape=layer.window, strides=layer.stride)


_OPERATORS: Final = {"conv": _conv, "dense": _dense, "max_pool": _max_pool, "average_pool": _average_pool}


def check_integer_kernels(content: bytes, network: Reference) -> dict[str, int]:
    """Checks on ONNX Runtime's optimized graph that every layer became an integer kernel.

    Args:
        content: the `.onnx` file.
        network: the integers that it was built from.

    Returns:
        The operators of the optimized graph and how often each occurs.

    Raises:
        CheckreaderError: one is left in float.
    """
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimized.onnx"
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3  # no warning that such a file is for this machine only
        ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        optimized = onnx.load(path)
    operators = collections.Counter(node.op_type for node in optimized.graph.node)
    kinds = collections.Counter(layer.kind for layer in network.layers)
    # Reshape, quantize, the layers, dequantize, softmax; the runtime may turn the layout around.
    others = {"Reshape", "Transpose", "QuantizeLinear", "DequantizeLinear", "Softmax"}
    integer = all(sum(operators[name] for name in _INTEGER[kind]) == count for kind, count in kinds.items())
    floating = operators.keys() - others - {name for kind in kinds for name in _INTEGER[kind]}
    if not integer or floating or operators["QuantizeLinear"] != 1 or operators["DequantizeLinear"] != 1:
        raise CheckreaderError(
            f"ONNX Runtime computes the 8-bit network not only in integers: {dict(operators)}"
        )
    return dict(operators)
