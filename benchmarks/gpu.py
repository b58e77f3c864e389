"""A GPU against the CPU: do they agree, and what is it worth? Ends with 1 if they do not agree.

make check-gpu      # on a machine with CUDA: writes benchmarks/results/gpu.json

Needs `pip install '.[serve-gpu]'` alone. The pictures are the golden digits, shifted by up to two pixels.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from statistics import median
from typing import Any, Final

import numpy as np

from serving.errors import CheckreaderError
from serving.repository.store import Repository
from serving.runtime import onnx
from serving.runtime.cpu import cpus
from serving.runtime.network import Floats, Network

MODELS: Final = ("lenet5", "lenet5-int8")
ROWS: Final = (1, 16, 256, 4096)
DELTA: Final = 1e-4  # largest difference of a probability, with TF32 off
TOP1: Final = 0.9998
_CALLS: Final = 30


def main() -> int:
    """Checks every GPU device of this ONNX Runtime, prints JSON. Returns 1 unless all agree."""
    devices = [device for device in onnx.devices() if device != "cpu"]
    if not devices:
        raise CheckreaderError("this build of ONNX Runtime knows no GPU: pip install '.[serve-gpu]'")
    repository = Repository.open()
    images = _shifted(repository.golden[1])
    results = []
    for model in MODELS:
        cpu = repository.load(model).network
        expected = cpu.infer(images)
        speed = {"cpu": _speed(cpu, images)}
        for device in devices:
            for tf32 in (False, True) if device == "cuda" else (False,):
                gpu = repository.load(model, device=device, tf32=tf32).network
                found = gpu.infer(images)
                delta = float(np.abs(found - expected).max())
                top1 = float((found.argmax(1) == expected.argmax(1)).mean())
                entry: dict[str, Any] = {
                    "model": model,
                    "device": device,
                    "tf32": tf32,
                    "pictures": len(images),
                }
                entry |= {"delta": delta, "top1": top1, "agrees": delta <= DELTA and top1 >= TOP1}
                results.append(entry | {"pictures_per_second": speed | {device: _speed(gpu, images)}})
    machine = {"python": platform.python_version(), "onnxruntime": onnx.ort.__version__, "cores": cpus()}
    print(json.dumps({"results": results, "machine": machine | {"gpu": _gpu()}}, indent=1))
    return 0 if all(one["agrees"] for one in results if not one["tf32"]) else 1


def _shifted(images: Floats) -> Floats:
    shifts = [(y, x) for y in range(-2, 3) for x in range(-2, 3)]
    return np.concatenate([np.roll(images, shift, (1, 2)) for shift in shifts])


def _speed(network: Network, images: Floats) -> dict[str, int]:
    """Pictures per second by rows per call, copying to the device and back included."""
    found = {}
    for rows in ROWS:
        batch = np.resize(images, (rows, *images.shape[1:]))
        times = []
        for _ in range(_CALLS):
            start = time.perf_counter()
            network.infer(batch)
            times.append(time.perf_counter() - start)
        found[str(rows)] = round(rows / median(times[_CALLS // 3 :]))  # the first ones compile and tune
    return found


def _gpu() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CheckreaderError as error:
        sys.exit(f"error: {error}")
