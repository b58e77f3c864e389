"""What batching is worth: the measurement behind `serving.runtime.onnx.CHUNK` and the batcher's defaults.

.venv/bin/python -m benchmarks.batching > benchmarks/results/batching.json      # four minutes, on an idle machine

`chunks` is the network alone: µs per row against rows per run, in one thread,
and of 256 rows on all cores, cut over threads or shared inside the operators.
`service` is requests of one picture against rows per batch and delay.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

import numpy as np
import uvloop
from tqdm import tqdm

from benchmarks.load.generator import Result, closed_loop
from benchmarks.servers import checkreader, request
from pipeline.run import machine
from serving.repository.store import Repository
from serving.runtime import onnx

ROUNDS: Final = 3
SECONDS: Final = 1.5
MODELS: Final = ("lenet5", "lenet5-int8")
ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONNECTIONS: Final = (1, 16, 64)
# Rows of a batch and µs of delay.
SETTINGS: Final = ((1, 0), (8, 0), (32, 0), (256, 0), (256, 200), (256, 1000))


def main() -> None:
    """Measures and prints JSON."""
    result = {
        "chunks": {model: _chunks(model) for model in MODELS},
        "service": {model: _service(model) for model in MODELS},
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "machine": machine(),
    }
    print(json.dumps(result, indent=1))


def _chunks(model: str) -> dict[str, Any]:
    repository = Repository.open()
    path = next(one.path for one in repository.model(model).artifacts if one.runtime == "onnxruntime")
    file = repository.folder / path
    alone, shared, cut = onnx.session(file, 1), onnx.session(file), onnx.load(file)
    image = np.resize(repository.golden[1], (256, 28, 28, 1))
    rows = {
        str(count): lambda count=count: alone.run(None, {"image": image[:count]})  # type: ignore[misc]
        for count in ROWS
    }
    whole = {
        "256_cut_over_threads": lambda: cut.run(image),
        "256_shared_by_threads": lambda: shared.run(None, {"image": image}),
    }
    found = _microseconds(rows | whole)
    return {name: round(one / int(name.partition("_")[0]), 1) for name, one in found.items()}


def _microseconds(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median µs of each call, all in turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(60):
        for name, call in calls.items():
            call()
            start = time.perf_counter_ns()
            call()
            times[name].append((time.perf_counter_ns() - start) / 1e3)
    return {name: median(found) for name, found in times.items()}


def _service(model: str) -> list[dict[str, Any]]:
    with contextlib.ExitStack() as stack:
        ports = {
            (rows, delay): stack.enter_context(
                checkreader("--model", model, "--batch-rows", str(rows), "--batch-delay", str(delay))
            )[0]
            for rows, delay in SETTINGS
        }
        found = uvloop.run(_rounds(model, ports))
    return [
        {
            "batch_rows": rows,
            "delay_us": delay,
            "connections": connections,
            "rate": round(median(one.rate for one in results)),
            "p50_ms": round(median(one.p50 for one in results), 3),
            "p99_ms": round(median(one.p99 for one in results), 3),
        }
        for (rows, delay, connections), results in found.items()
    ]


async def _rounds(model: str, ports: dict[tuple[int, int], int]) -> dict[tuple[int, int, int], list[Result]]:
    found: dict[tuple[int, int, int], list[Result]] = {}
    for _ in tqdm(range(ROUNDS), desc=model, disable=None):
        for connections in CONNECTIONS:
            for setting, port in ports.items():
                posted = request(port, "binary", 1, model)
                result = await closed_loop(posted, connections, SECONDS, warmup=0.2)
                found.setdefault((*setting, connections), []).append(result)
    return found


if __name__ == "__main__":
    main()
