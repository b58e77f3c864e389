"""ONNX Runtime, with its telemetry off. The whole project imports it from here."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

# ONNX Runtime reports to its maker by default, the first time while it is imported; so this
# stands before the import, and whatever the environment said is overruled.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

from serving.errors import CheckdigitError
from serving.runtime import Array, Floats, Network, Spec, cpus

ort.disable_telemetry_events()

# Rows per run: throughput no longer grows beyond it, memory would.
CHUNK = 256
_DATATYPES = {
    "tensor(float)": "FP32",
    "tensor(float16)": "FP16",
    "tensor(int8)": "INT8",
    "tensor(uint8)": "UINT8",
    "tensor(int64)": "INT64",
}


def session(model: str | Path | bytes, threads: int | None = None) -> ort.InferenceSession:
    """A CPU session that leaves idle cores idle.

    Args:
        model: a path, or the bytes of an `.onnx` file.
        threads: threads inside an operator; None = what this process may use.

    Raises:
        CheckdigitError: ONNX Runtime cannot load it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A waiting thread would otherwise burn a core that other requests need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without VNNI, 8-bit products would saturate in the faster kernels and give other integers.
    options.add_session_config_entry("session.x64quantprecision", "1")
    source = model if isinstance(model, bytes) else str(model)
    try:
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    # What it raises is a class of its own for every status code, without a common base.
    except Exception as error:
        raise CheckdigitError(f"ONNX Runtime cannot load the model: {_first_line(error)}") from None


def load(model: str | Path | bytes, threads: int | None = None) -> Network:
    """The model as a `Network`; see `session`."""
    loaded = session(model, threads)
    inputs, outputs = (
        [
            Spec(
                node.name,
                _DATATYPES.get(node.type, node.type),
                tuple(side if isinstance(side, int) else -1 for side in node.shape),
            )
            for node in nodes
        ]
        for nodes in (loaded.get_inputs(), loaded.get_outputs())
    )
    if len(inputs) != 1:
        raise CheckdigitError(f"expected a model with one input, got {len(inputs)}")
    name = inputs[0].name

    def run(image: Floats) -> tuple[Array, ...]:
        if len(image) <= CHUNK:
            return tuple(loaded.run(None, {name: image}))
        chunks = [
            loaded.run(None, {name: image[start : start + CHUNK]}) for start in range(0, len(image), CHUNK)
        ]
        return tuple(np.concatenate(parts) for parts in zip(*chunks, strict=True))

    return Network(inputs[0], tuple(outputs), run)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
