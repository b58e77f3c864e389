"""TensorFlow Lite: float32, float16, dynamic range, int8."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from pipeline.export.function import plain
from pipeline.export.provenance import pack, tflite_with
from pipeline.export.source import Source
from pipeline.lenet5 import SIDE
from serving.errors import CheckdigitError


def float32(source: Source, provenance: dict[str, Any]) -> bytes:
    """`image` float32 [N, 28, 28, 1] → `probabilities` float32 [N, 10]."""
    return _float(source, provenance)


def float16(source: Source, provenance: dict[str, Any]) -> bytes:
    """As `float32`, the weights in half precision."""
    return _float(source, provenance, optimizations=[tf.lite.Optimize.DEFAULT], types=[tf.float16])


def dynamic(source: Source, provenance: dict[str, Any]) -> bytes:
    """As `float32`, the large weights in 8 bits and the activations quantized while it runs."""
    return _float(source, provenance, optimizations=[tf.lite.Optimize.DEFAULT])


def int8(source: Source, provenance: dict[str, Any]) -> bytes:
    """`image` int8 [1, 28, 28, 1] (pixel − 128) → `logits` int8 [1, 10]."""
    return tflite_with(_model(source.integers), provenance)


def _float(source: Source, provenance: dict[str, Any], optimizations: Any = (), types: Any = ()) -> bytes:
    content = convert(source.deployable, "probabilities", optimizations, types)
    return tflite_with(_model(content), provenance)


def convert(network: Any, output: str, optimizations: Any = (), types: Any = ()) -> bytes:
    """A float Keras model of either kind as a `.tflite` for any number of pictures.

    Args:
        network: pixels → one output.
        output: the name to give it.
        optimizations, types: the converter's.
    """

    image = tf.TensorSpec([None, SIDE, SIDE, 1], tf.float32, name="image")
    serve = tf.function(plain(network, "NHWC", output), [image], autograph=False)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        tf.saved_model.save(tf.Module(), folder, signatures=serve)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = list(optimizations)
        converter.target_spec.supported_types = list(types)
        return pack(_named(_model(converter.convert()), output))


def integers(quantized: Path, temperature: float) -> bytes:
    """The int8 network, its temperature in the scales.

    Args:
        quantized: the SavedModel that `quantize` wrote.
        temperature: divides the scales of the last layer's weights, bias and
            output; the integers stay.
    """
    with _quiet():
        converter = tf.lite.TFLiteConverter.from_saved_model(str(quantized), signature_keys=["single"])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        model = _named(_model(converter.convert()), "logits")
    graph = model.subgraphs[0]
    last = graph.operators[-1]
    if model.operatorCodes[last.opcodeIndex].builtinCode != schema.BuiltinOperator.FULLY_CONNECTED:
        raise CheckdigitError("the quantized network does not end in a dense layer")
    for index in {*last.inputs[1:], *last.outputs} - {-1}:  # −1: no bias, all of it being 0
        quantization = graph.tensors[index].quantization
        quantization.scale = quantization.scale / quantization.scale.dtype.type(temperature)
    return pack(model)


def _model(tflite: bytes) -> Any:
    return schema.ModelT.InitFromPackedBuf(tflite, 0)


def _named(model: Any, output: str) -> Any:
    """Gives input and output their contract's names, instead of the converter's."""
    graph = model.subgraphs[0]
    graph.tensors[graph.inputs[0]].name, graph.tensors[graph.outputs[0]].name = "image", output
    model.signatureDefs[0].signatureKey = "serving_default"
    model.description = "LeNet-5, checkdigit"
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the converter's chatter off the terminal; what it raises still comes through."""
    before = os.dup(2)
    with Path(os.devnull).open("w") as sink, contextlib.redirect_stdout(sink):
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
