"""Runs `.tflite` models by LiteRT, on boards without ONNX Runtime."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from serving.errors import CheckreaderError
from serving.runtime.cpu import cpus
from serving.runtime.network import Array, Floats, Network, Spec, softmax

_DATATYPES = {np.float32: "FP32", np.int8: "INT8"}


def load(model: str | Path | bytes, threads: int | None = None) -> Network:
    """Loads a model.

    Float models take and return float32 as they are. int8 models get their input quantized
    (pixel − 128) and return int8 logits, which leave here as probabilities.

    Args:
        model: a path, or the bytes of a `.tflite` file.
        threads: None = one for each CPU that this process may use.

    Raises:
        CheckreaderError: LiteRT cannot load it, or it is neither float32 nor int8.
    """
    content = model if isinstance(model, bytes) else Path(model).read_bytes()
    try:
        with _without_announcement():
            interpreter = Interpreter(model_content=content, num_threads=threads or cpus())
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise CheckreaderError(f"LiteRT cannot load the model: {reason}") from None
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or any(detail["dtype"] not in _DATATYPES for detail in (*inputs, *outputs)):
        raise CheckreaderError("expected a .tflite with one input, float32 or int8 throughout")
    # An interpreter has one set of buffers.
    busy = threading.Lock()
    shape = tuple(inputs[0]["shape"].tolist())

    def row(image: Floats) -> list[Array]:
        nonlocal shape
        if image.shape != shape:  # a field network takes any width
            interpreter.resize_tensor_input(inputs[0]["index"], image.shape)
            interpreter.allocate_tensors()
            shape = image.shape
        interpreter.set_tensor(inputs[0]["index"], _quantize(image, inputs[0]))
        interpreter.invoke()
        return [_probabilities(interpreter.get_tensor(detail["index"]), detail) for detail in outputs]

    def run(image: Floats) -> tuple[Array, ...]:
        # One row after the other: a .tflite for a board is compiled for a batch of one.
        with busy:
            rows = [row(image[i : i + 1]) for i in range(len(image))]
        return tuple(np.concatenate(parts) for parts in zip(*rows, strict=True))

    return Network(_spec(inputs[0]), tuple(_spec(detail) for detail in outputs), run)


@contextlib.contextmanager
def _without_announcement() -> Iterator[None]:
    """Drops what LiteRT, which has no switch for it, announces on standard error; errors are passed on."""
    try:
        stderr = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    with tempfile.TemporaryFile() as text:
        os.dup2(text.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            text.seek(0)
            for line in text:
                if not line.startswith(b"INFO: "):
                    os.write(2, line)


def _spec(detail: dict[str, Any]) -> Spec:
    """Describes a tensor as callers see it: float32 whatever the model computes in, any number of rows."""
    return Spec(detail["name"], "FP32", (-1, *(int(side) for side in detail["shape_signature"][1:])))


def _quantize(image: Floats, detail: dict[str, Any]) -> Array:
    if detail["dtype"] is np.float32:
        return image
    scale, zero = detail["quantization"]
    levels = np.rint(image / np.float32(scale)) + zero
    return np.asarray(np.clip(levels, -128, 127), np.int8)


def _probabilities(output: Array, detail: dict[str, Any]) -> Array:
    if detail["dtype"] is np.float32:
        return output
    scale, zero = detail["quantization"]
    return softmax((output.astype(np.float32) - zero) * np.float32(scale))
