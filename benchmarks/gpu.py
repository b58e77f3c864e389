"""Agreement and speed of a GPU against the CPU. Ends with 1 if they do not agree.

    make check-gpu      # on a machine with CUDA; writes results/gpu.json

Needs `pip install '.[serve-gpu]'` alone. The pictures are the golden digits, shifted by up to two pixels.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks import output
from pipeline.run import write_json
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from serving.runtime import onnx
from serving.runtime.cpu import cpus
from serving.runtime.network import Floats, Network

MODELS: Final = ("lenet5", "lenet5-int8")
ROWS: Final = (1, 16, 256, 4096)
DELTA: Final = 1e-4  # largest difference of a probability, with TF32 off
TOP1: Final = 0.9998
SHIFTS: Final = (-2, -1, 0, 1, 2)
CALLS: Final = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures every GPU device of this ONNX Runtime, writes JSON; returns 1 unless all agree.

    Raises:
        CheckreaderError: ONNX Runtime knows no GPU.
    """
    options = output.parser("gpu", "Compares every GPU device with the CPU.").parse_args(arguments)
    devices = [device for device in onnx.devices() if device != "cpu"]
    if not devices:
        raise CheckreaderError("this build of ONNX Runtime knows no GPU: pip install '.[serve-gpu]'")
    results = compare(devices)
    machine = {"python": platform.python_version(), "onnxruntime": onnx.ort.__version__, "cores": cpus()}
    write_json(options.out, {"results": results, "machine": machine | {"gpu": _gpu()}})
    return 0 if all(row["agrees"] for row in results if not row["tf32"]) else 1


def compare(
    devices: Sequence[str], rows: Sequence[int] = ROWS, calls: int = CALLS, shifts: Sequence[int] = SHIFTS
) -> list[dict[str, Any]]:
    """Compares each model on each device with the same on the CPU.

    Args:
        devices: keys of `serving.runtime.onnx.DEVICES`.
        rows: pictures of a timed call.
        calls: how often each is timed.
        shifts: by how many pixels the golden digits are shifted, in both directions.

    Returns:
        A row for each model and device, on CUDA with and without TF32: the largest difference of a
        probability, the share of equal digits, whether these are within the bounds, and pictures per second.
    """
    repository = Repository.open()
    images = _shifted(repository.golden[1], shifts)
    table = []
    for model in MODELS:
        cpu = repository.load(model).network
        expected = cpu.infer(images)
        speed = {"cpu": _speed(cpu, images, rows, calls)}
        for device in devices:
            for tf32 in (False, True) if device == "cuda" else (False,):
                network = repository.load(model, device=device, tf32=tf32).network
                probabilities = network.infer(images)
                delta = float(np.abs(probabilities - expected).max())
                top1 = float((probabilities.argmax(1) == expected.argmax(1)).mean())
                row: dict[str, Any] = {
                    "model": model,
                    "device": device,
                    "tf32": tf32,
                    "pictures": len(images),
                }
                row |= {"delta": delta, "top1": top1, "agrees": delta <= DELTA and top1 >= TOP1}
                row["pictures_per_second"] = speed | {device: _speed(network, images, rows, calls)}
                table.append(row)
    return table


def _shifted(images: Floats, shifts: Sequence[int]) -> Floats:
    return np.concatenate([np.roll(images, (y, x), (1, 2)) for y in shifts for x in shifts])


def _speed(network: Network, images: Floats, rows: Sequence[int], calls: int) -> dict[str, int]:
    """Returns pictures per second by rows per call, copying to the device and back included."""
    rates = {}
    for count in rows:
        batch = np.resize(images, (count, *images.shape[1:]))
        times = []
        for _ in range(calls):
            start = time.perf_counter()
            network.infer(batch)
            times.append(time.perf_counter() - start)
        rates[str(count)] = round(count / median(times[calls // 3 :]))  # the first ones compile and tune
    return rates


def _gpu() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CheckreaderError as error:
        sys.exit(f"error: {error}")
