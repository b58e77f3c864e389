"""Runs `.onnx` models by ONNX Runtime, with its telemetry off; the whole project imports it from here."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

# ONNX Runtime reports to its maker by default, the first time while it is imported; so this
# stands before the import and overrules the environment.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

from serving.errors import CheckreaderError
from serving.extras import install_command
from serving.runtime.cpu import cpus, has_vnni
from serving.runtime.network import Array, Floats, Network, Spec

ort.disable_telemetry_events()

# Pictures of 28×28 per run, or as many pixels of fields. In one thread 16 to 64 are up to a tenth faster, as
# their activations stay in the cache (benchmarks/results/network/); but between runs a thread has to wait for
# Python's lock, and the service as a whole is fastest from 128 on. On a GPU only memory bounds a run.
CHUNK: Final = 128
GPU_CHUNK: Final = 4096
# The devices by name, with ONNX Runtime's word for each; "auto" takes the first that works.
DEVICES: Final = {
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_DATATYPES = {
    "tensor(float)": "FP32",
    "tensor(float16)": "FP16",
    "tensor(int8)": "INT8",
    "tensor(uint8)": "UINT8",
    "tensor(int64)": "INT64",
}


def session(
    model: str | Path | bytes, threads: int | None = None, device: str = "cpu", tf32: bool = False
) -> ort.InferenceSession:
    """Opens a session that leaves idle cores idle.

    Args:
        model: a path, or the bytes of an `.onnx` file.
        threads: threads inside an operator; None = one for each CPU that this process may use.
        device: a key of `DEVICES`.
        tf32: let a GPU round float32 to TF32's 10 bits of mantissa.

    Raises:
        CheckreaderError: ONNX Runtime cannot load it, or has no such device.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A waiting thread would otherwise burn a core that other requests need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not has_vnni():
        # 8-bit products would saturate in the faster kernels and give other integers. With VNNI they do not,
        # and asking for the slower ones takes twice the time.
        options.add_session_config_entry("session.x64quantprecision", "1")
    source = model if isinstance(model, bytes) else str(model)
    require_device(device)
    try:
        loaded = ort.InferenceSession(source, options, providers=_providers(device, tf32))
    # What it raises is a class of its own for every status code, without a common base.
    except Exception as error:
        raise CheckreaderError(f"ONNX Runtime cannot load the model: {_first_line(error)}") from None
    if loaded.get_providers()[0] != DEVICES[device]:  # it falls back to the CPU with no more than a warning
        raise CheckreaderError(
            f"device {device!r} does not work here: ONNX Runtime could not start it "
            f"(driver, CUDA or cuDNN libraries); available: {', '.join(devices(device))}"
        )
    return loaded


def load(
    model: str | Path | bytes, threads: int | None = None, device: str = "cpu", tf32: bool = False
) -> Network:
    """Loads a model.

    Args:
        model: a path, or the bytes of an `.onnx` file.
        threads: over how many threads the rows of a large batch are cut; None = the CPUs that this process may use.
        device: a key of `DEVICES`, or "auto": a GPU if one works, else the CPU.
        tf32: see `session`.

    Raises:
        CheckreaderError: ONNX Runtime cannot load it, or has no such device.
    """
    if device == "auto":
        device = _first_working_device(model)
    # A layer of LeNet-5 is too small to be shared by threads: cutting the batch is up to twice as fast.
    loaded = session(model, 1, device, tf32)
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
        raise CheckreaderError(f"expected a model with one input, got {len(inputs)}")
    name = inputs[0].name
    names = [output.name for output in outputs]
    most = (CHUNK if device == "cpu" else GPU_CHUNK) * 28 * 28
    threads = (threads or cpus()) if device == "cpu" else 1

    def run(image: Floats) -> tuple[Array, ...]:
        if image.size <= most or len(image) == 1:
            return tuple(loaded.run(names, {name: image}))
        chunk = max(1, most // (image.size // len(image)))
        starts = range(0, len(image), chunk)
        pieces: list[list[Array]] = [[]] * len(starts)
        chunks = itertools.count()  # a thread that is free takes the next one

        def work() -> None:
            while (at := next(chunks)) < len(starts):
                pieces[at] = loaded.run(names, {name: image[starts[at] : starts[at] + chunk]})

        others = [_pool(threads).submit(work) for _ in range(min(threads, len(starts)) - 1)]
        work()
        for other in others:
            other.result()
        return tuple(np.concatenate(parts) for parts in zip(*pieces, strict=True))

    return Network(inputs[0], tuple(outputs), run, device)


def require_device(device: str) -> None:
    """Raises CheckreaderError unless this build of ONNX Runtime has the device; "auto" always passes."""
    if device not in ("auto", *devices()):
        hint = "" if device == "cpu" else f"; for a GPU, without [serve]: {install_command('serve-gpu')}"
        raise CheckreaderError(
            f"device {device!r} is not in this build of ONNX Runtime; available: {', '.join(devices())}{hint}"
        )


def devices(exclude: str = "") -> list[str]:
    """Lists the devices that this build of ONNX Runtime has, without `exclude`."""
    providers = ort.get_available_providers()
    return [name for name, provider in DEVICES.items() if provider in providers and name != exclude]


def _first_working_device(model: str | Path | bytes) -> str:
    """Returns the first device on which the model loads; not TensorRT, which compiles for minutes."""
    for device in devices("tensorrt"):
        if device != "cpu":
            with contextlib.suppress(CheckreaderError):
                session(model, 1, device)
                return device
    return "cpu"


def _providers(device: str, tf32: bool) -> list[Any]:
    if device == "cpu":
        return [DEVICES["cpu"]]
    ort.preload_dlls()  # CUDA and cuDNN where they came as Python packages
    cuda = (DEVICES["cuda"], {"use_tf32": int(tf32)})
    if device == "cuda":
        return [cuda]
    if not tf32:
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # TensorRT has no option of its own for it
    return [DEVICES["tensorrt"], cuda]


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "checkreader-run")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
