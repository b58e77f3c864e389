"""Writes TensorFlow Lite files: float32, float16, dynamic range, int8."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from pipeline.export.provenance import embed_in_tflite, serialize
from pipeline.export.source import Source
from pipeline.export.tf_function import plain_function
from serving.errors import CheckreaderError

# The width in a field's file before it is resized; the converter writes 1, less than the first convolution's window.
_WIDTH: Final = 128
_WEIGHTED: Final = (schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.CONV_2D)
_MOVING: Final = (schema.BuiltinOperator.RESHAPE, schema.BuiltinOperator.SQUEEZE)


def float32(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes `image` float32 [N, H, W, 1] → `probabilities` float32 [N, 10] or, for fields, [N, T, K].

    N is free, and so is a field's W.
    """
    return _float(source, provenance)


def float16(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes a model like `float32`'s with the weights in half precision."""
    return _float(source, provenance, optimizations=[tf.lite.Optimize.DEFAULT], types=[tf.float16])


def dynamic(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes a model like `float32`'s with the large weights in 8 bits and the activations quantized at run time."""
    return _float(source, provenance, optimizations=[tf.lite.Optimize.DEFAULT])


def int8(source: Source, provenance: dict[str, Any]) -> bytes:
    """Writes `image` int8 [1, H, W, 1] (pixel − 128) → `logits` int8 [1, 10] or, for fields, [1, T, K]."""
    return embed_in_tflite(_model(integers(source)), provenance)


def _float(source: Source, provenance: dict[str, Any], optimizations: Any = (), types: Any = ()) -> bytes:
    content = convert(source.inference_model, "probabilities", optimizations, types)
    return embed_in_tflite(_model(content), provenance)


def convert(network: Any, output: str, optimizations: Any = (), types: Any = ()) -> bytes:
    """Converts a float model, of Keras 3 or `tf_keras`, to a `.tflite` for any number of pictures.

    Args:
        network: pixels → one output.
        output: the output's name.
        optimizations, types: the converter's.
    """
    image = tf.TensorSpec(network.input.shape, tf.float32, name="image")
    serve = tf.function(plain_function(network, "NHWC", output), [image], autograph=False)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        tf.saved_model.save(tf.Module(), folder, signatures=serve)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = list(optimizations)
        converter.target_spec.supported_types = list(types)
        return serialize(_named(_model(converter.convert()), output))


@functools.lru_cache(maxsize=1)
def integers(source: Source) -> bytes:
    """Returns the int8 `.tflite`, from which every 8-bit format takes its integers; it is converted once."""
    return convert_int8(source.quantized, source.temperatures[source.task.int8])


def convert_int8(quantized: Path, temperature: float) -> bytes:
    """Converts the int8 network, with its temperature in the scales.

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
    codes = [model.operatorCodes[operator.opcodeIndex].builtinCode for operator in graph.operators]
    tail = 1 if codes[-1] in _MOVING else 0  # an operator that only moves the logits keeps their scale
    if len(codes) <= tail or codes[-1 - tail] not in _WEIGHTED:
        raise CheckreaderError("the quantized network does not end in a dense layer or a convolution")
    last, *moving = graph.operators[-1 - tail :]
    outputs = {index for operator in (last, *moving) for index in operator.outputs}
    for index in {*last.inputs[1:], *outputs} - {-1}:  # −1: no bias, all of it being 0
        quantization = graph.tensors[index].quantization
        quantization.scale = quantization.scale / quantization.scale.dtype.type(temperature)
    return serialize(model)


def _model(tflite: bytes) -> Any:
    return schema.ModelT.InitFromPackedBuf(tflite, 0)


def _named(model: Any, output: str) -> Any:
    """Gives input and output the contract's names, instead of the converter's."""
    graph = model.subgraphs[0]
    image = graph.tensors[graph.inputs[0]]
    if image.shapeSignature is not None and image.shapeSignature[2] < 0:
        batch, height, _, channels = image.shape
        image.shape = np.array([batch, height, _WIDTH, channels], np.int32)
    graph.tensors[graph.inputs[0]].name, graph.tensors[graph.outputs[0]].name = "image", output
    model.signatureDefs[0].signatureKey = "serving_default"
    model.description = "LeNet-5, checkreader"
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the converter's messages off the terminal; its exceptions pass."""
    before = os.dup(2)
    with Path(os.devnull).open("w") as sink, contextlib.redirect_stdout(sink):
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
