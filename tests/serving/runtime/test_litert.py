"""LiteRT has the same plain interface as ONNX Runtime."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from serving.errors import CheckreaderError
from serving.runtime import litert
from serving.runtime.network import Spec, softmax

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (5, 28, 28, 1)).astype(np.float32)
IMAGE = PIXELS / np.float32(255)


def tiny_tflite(integer: bool) -> tuple[bytes, np.ndarray]:
    """One dense layer of 784 × 10 and its weights; as float32 with a softmax, as int8 without."""
    weights = RANDOM.integers(-127, 128, (10, 784)).astype(np.int8)
    scale = 0.002
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT(), schema.BufferT()]
    data = weights if integer else (weights * np.float32(scale)).astype(np.float32)
    model.buffers[1].data = np.frombuffer(data.tobytes(), np.uint8)
    kind = schema.TensorType.INT8 if integer else schema.TensorType.FLOAT32

    def tensor(name: str, shape: list[int], scale: float, zero: int, buffer: int = 0) -> schema.TensorT:
        built = schema.TensorT()
        built.name, built.shape, built.type, built.buffer = name, shape, kind, buffer
        if integer:
            built.quantization = schema.QuantizationParametersT()
            built.quantization.scale, built.quantization.zeroPoint = [scale], [zero]
        return built

    def operator(code: int, inputs: list[int], output: int, kind: int, options: object) -> schema.OperatorT:
        built = schema.OperatorT()
        built.opcodeIndex, built.inputs, built.outputs = code, inputs, [output]
        built.builtinOptionsType, built.builtinOptions = kind, options
        return built

    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("image", [1, 28, 28, 1], 1 / 255, -128),
        tensor("weights", [10, 784], scale, 0, 1),
        tensor("logits", [1, 10], 0.1, 3),
    ]
    options = schema.BuiltinOptions
    dense = operator(0, [0, 1, -1], 2, options.FullyConnectedOptions, schema.FullyConnectedOptionsT())
    graph.operators = [dense]
    codes = [schema.BuiltinOperator.FULLY_CONNECTED]
    if not integer:
        softmax = schema.SoftmaxOptionsT()
        softmax.beta = 1.0
        graph.tensors.append(tensor("probabilities", [1, 10], 0, 0))
        graph.operators.append(operator(1, [2], 3, options.SoftmaxOptions, softmax))
        codes.append(schema.BuiltinOperator.SOFTMAX)
    graph.inputs, graph.outputs = [0], [len(graph.tensors) - 1]
    model.subgraphs = [graph]
    model.operatorCodes = []
    for code in codes:
        built = schema.OperatorCodeT()
        built.builtinCode = built.deprecatedBuiltinCode = code
        built.version = 4 if integer else 1
        model.operatorCodes.append(built)
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()), weights.astype(np.float64) * scale


def test_litert_float() -> None:
    model, weights = tiny_tflite(integer=False)
    network = litert.load(model, threads=1)
    assert network.input == Spec("image", "FP32", (-1, 28, 28, 1))
    expected = softmax((IMAGE.reshape(5, 784) @ weights.T).astype(np.float32))
    assert np.allclose(network.infer(IMAGE), expected, atol=1e-5)


def test_litert_int8() -> None:
    model, weights = tiny_tflite(integer=True)
    network = litert.load(model, threads=1)
    logits = np.clip(np.rint(IMAGE.reshape(5, 784) @ weights.T / 0.1) + 3, -128, 127)
    expected = softmax(((logits - 3) * 0.1).astype(np.float32))
    assert np.abs(np.log(network.infer(IMAGE)) - np.log(expected)).max() < 0.25  # 1 LSB of a logit is 0.1
    assert network.outputs[0].datatype == "FP32"


@pytest.mark.parametrize("data", [b"", b"no model", tiny_tflite(integer=False)[0][:500]])
def test_litert_no_model(data: bytes) -> None:
    with pytest.raises(CheckreaderError, match="LiteRT cannot load the model"):
        litert.load(data)


def test_litert_announces_nothing_and_keeps_what_others_write() -> None:
    """In a process of its own: only the first interpreter of one announces its delegate."""
    code = (
        "import os, sys; from serving.runtime import litert;"
        "network = litert.load(sys.stdin.buffer.read(), threads=1); os.write(2, b'after\\n')"
    )
    model, _ = tiny_tflite(integer=False)
    run = subprocess.run([sys.executable, "-c", code], input=model, capture_output=True, check=True)
    assert run.stderr == b"after\n"


def test_litert_passes_errors_on(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = litert.Interpreter

    def failing(**options: Any) -> Any:
        os.write(2, b"INFO: a delegate\nERROR: no delegate\n")
        return interpreter(**options)

    monkeypatch.setattr(litert, "Interpreter", failing)
    litert.load(tiny_tflite(integer=False)[0], threads=1)
    assert capfd.readouterr().err == "ERROR: no delegate\n"
