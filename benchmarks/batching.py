"""The effect of batching: the measurement that `serving.runtime.onnx.CHUNK` and the batcher's defaults come from.

    .venv/bin/python -m benchmarks.batching      # four minutes, on an idle machine; writes results/batching.json

`chunks` is the network alone: µs per row against rows per run, in one thread,
and of 256 rows on all cores, cut over threads or shared inside the operators.
`service` is requests of one picture against rows per batch and delay.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final

import numpy as np
import uvloop
from tqdm import tqdm

from benchmarks import models, output
from benchmarks.load.generator import Result, closed_loop
from benchmarks.servers import checkreader, request
from pipeline.run import machine, write_json
from serving.repository.store import Repository
from serving.runtime import onnx

ROUNDS: Final = 3
SECONDS: Final = 1.5
MODELS: Final = ("lenet5", "lenet5-int8")
ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CALLS: Final = 60
CONNECTIONS: Final = (1, 16, 64)
# Rows of a batch and µs of delay.
SETTINGS: Final = ((1, 0), (8, 0), (32, 0), (256, 0), (256, 200), (256, 1000))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes JSON."""
    options = output.parser("batching", "Measures the effect of batching.").parse_args(arguments)
    record = {
        "chunks": {model: chunks(model) for model in MODELS},
        "service": {model: service(model) for model in MODELS},
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "machine": machine(),
    }
    write_json(options.out, record)


def chunks(model: str, row_counts: Sequence[int] = ROWS, calls: int = CALLS) -> dict[str, float]:
    """Times the network of a model.

    Args:
        model: the released model's name.
        row_counts: rows of a run, in one thread.
        calls: how often each is timed.

    Returns:
        µs per row: by number of rows, and of 256 rows with each way to use all cores.
    """
    file = models.file(model)
    alone, shared, cut = onnx.session(file, 1), onnx.session(file), onnx.load(file)
    image = np.resize(Repository.open().golden[1], (256, 28, 28, 1))
    single = {
        str(count): lambda count=count: alone.run(None, {"image": image[:count]})  # type: ignore[misc]
        for count in row_counts
    }
    parallel = {
        "256_cut_over_threads": lambda: cut.run(image),
        "256_shared_by_threads": lambda: shared.run(None, {"image": image}),
    }
    times = _microseconds(single | parallel, calls)
    return {name: round(duration / int(name.partition("_")[0]), 1) for name, duration in times.items()}


def _microseconds(calls: dict[str, Callable[[], Any]], repetitions: int) -> dict[str, float]:
    """Returns the median µs of each call; all are made in turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repetitions):
        for name, call in calls.items():
            call()
            start = time.perf_counter_ns()
            call()
            times[name].append((time.perf_counter_ns() - start) / 1e3)
    return {name: median(durations) for name, durations in times.items()}


def service(
    model: str,
    settings: Sequence[tuple[int, int]] = SETTINGS,
    connections: Sequence[int] = CONNECTIONS,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
) -> list[dict[str, Any]]:
    """Measures requests of one picture to services that differ in their batching.

    Args:
        model: the released model's name.
        settings: rows of a batch and µs of delay of each service; all run at once.
        connections: how many requests are under way at any time.
        rounds: how often each is measured, all in turns.
        seconds: duration of each measurement.

    Returns:
        One row a setting and number of connections, with the medians over the rounds.
    """
    with contextlib.ExitStack() as stack:
        ports = {
            (rows, delay): stack.enter_context(
                checkreader("--model", model, "--batch-rows", str(rows), "--batch-delay", str(delay))
            )[0]
            for rows, delay in settings
        }
        measured = uvloop.run(_rounds(model, ports, connections, rounds, seconds))
    return [
        {
            "batch_rows": rows,
            "delay_us": delay,
            "connections": count,
            "rate": round(median(window.rate for window in windows)),
            "p50_ms": round(median(window.p50 for window in windows), 3),
            "p99_ms": round(median(window.p99 for window in windows), 3),
        }
        for (rows, delay, count), windows in measured.items()
    ]


async def _rounds(
    model: str, ports: dict[tuple[int, int], int], connections: Sequence[int], rounds: int, seconds: float
) -> dict[tuple[int, int, int], list[Result]]:
    """Returns the windows of load by rows of a batch, delay and number of connections."""
    windows: dict[tuple[int, int, int], list[Result]] = {}
    for _ in tqdm(range(rounds), desc=model, disable=None):
        for count in connections:
            for setting, port in ports.items():
                posted = request(port, "binary", 1, model)
                window = await closed_loop(posted, count, seconds, warmup=0.2)
                windows.setdefault((*setting, count), []).append(window)
    return windows


if __name__ == "__main__":
    main()
