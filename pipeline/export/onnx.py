"""Writes ONNX in floating point: float32, float16, and the variant that outputs every layer.

tf2onnx converts the network spelled channels-first (`tf_function.py`), so that the
graph has no transposition; a field's graph has one, of its logits.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import onnx
import tensorflow as tf

from pipeline.export import onnx_row_pairs
from pipeline.export.provenance import embed_in_onnx
from pipeline.export.source import Source
from pipeline.export.tf_function import plain_function
from pipeline.networks.spec import Task
from serving.runtime import onnx as runtime  # noqa: F401  before anything else imports ONNX Runtime: no telemetry

OPSET: Final = 17
_LAYER_OPERATORS: Final = frozenset({"Conv", "MaxPool", "AveragePool", "MatMul", "Gemm"})


def float32(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes `image` float32 [N, H, W, 1] → `probabilities` float32 [N, 10] or, for fields, [N, T, K]."""
    return embed_in_onnx(_convert(source), provenance)


def float16(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes a model like `float32`'s with half precision inside; input and output stay float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(_convert(source), keep_io_types=True)
    # The converter appends the cast of the input at the end, where ONNX does not allow it.
    cast = [node for node in model.graph.node if "image" in node.input]
    rest = [node for node in model.graph.node if "image" not in node.input]
    del model.graph.node[:]
    model.graph.node.extend(cast + rest)
    return embed_in_onnx(model, provenance)


def features(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes the network as it was trained, with every layer's activations as outputs.

    They are `c1` float32 [N, 28, 28, 6], … `f6` [N, 84], and `probabilities`.
    """
    return embed_in_onnx(_convert(source, features=True), provenance)


def _convert(source: Source, features: bool = False) -> onnx.ModelProto:
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    network = source.unfolded_model if features else source.inference_model
    function = tf.function(plain_function(network, "NCHW", "probabilities", features), autograph=False)
    signature = [tf.TensorSpec(source.task.image, tf.float32, name="image")]
    model, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    return onnx_row_pairs.pair_rows(_tidy(model, source.task))


def _tidy(model: onnx.ModelProto, task: Task) -> onnx.ModelProto:
    """Names everything after its layer, since the converter's counters go on from one model to the next."""
    graph = model.graph
    outputs = {output.name: output for output in graph.output}
    names: dict[str, str] = {}
    layer_names = task.layers(sum(node.op_type in _LAYER_OPERATORS for node in graph.node))
    layer, layers = "image", iter(layer_names)
    for node in graph.node:
        if node.op_type in _LAYER_OPERATORS:
            layer = next(layers)
        node.name = f"{layer}_{node.op_type.lower()}"
        for index, name in enumerate(node.input):
            names.setdefault(name, f"{node.name}_{index}")
        names |= {name: node.name for name in node.output}
    names |= {name: name for name in ("image", *outputs)}
    for node in graph.node:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    constants = sorted(graph.initializer, key=lambda constant: names[constant.name])
    for constant in constants:
        constant.name = names[constant.name]
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "N"
    if task.width is None:
        graph.input[0].type.tensor_type.shape.dim[2].dim_param = "W"
        graph.output[0].type.tensor_type.shape.dim[1].dim_param = "T"
    ordered = [outputs[name] for name in (*layer_names, "probabilities") if name in outputs]
    tidy = onnx.helper.make_graph(list(graph.node), task.model, list(graph.input), ordered, constants)
    return onnx.helper.make_model(
        tidy, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=model.ir_version
    )
