"""The service against a minimal service of the same model, side by side in one run.

    .venv/bin/python -m benchmarks.service      # ten minutes, on an idle machine; writes results/service/CPU.json

Rates and times are medians over rounds in which both are measured in turns; a
ratio is the median of the rounds' ratios. The load generator shares the two
cores; its own share of one is in `client_cpu`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop
from tqdm import tqdm

from benchmarks import output
from benchmarks.load.generator import Result, closed_loop
from benchmarks.servers import checkreader, request, server
from pipeline.run import machine, write_json
from serving import __version__
from serving.engine.batcher import Batcher
from serving.engine.statistics import Statistics
from serving.repository.store import Repository

ROUNDS: Final = 9
SECONDS: Final = 2.0
STARTS: Final = 9
SOAK: Final = 100_000
SUBMISSIONS: Final = 20_000

# The network alone, in a process of its own, called as the service calls it.
_IN_PROCESS: Final = """
import sys, time
import numpy as np
from benchmarks import models
from serving.repository.store import Repository
from serving.runtime.onnx import session
loaded = session(models.file("lenet5"))
rows = int(sys.argv[1])
image = np.resize(Repository.open().golden[1], (rows, 28, 28, 1))
for line in sys.stdin:
    seconds, count = float(line), 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        loaded.run(None, {"image": image})
        count += 1
    print(count * rows / seconds, flush=True)
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures everything and writes JSON."""
    options = output.parser_of_times(
        "service", "Measures the service against a minimal service of the same model."
    ).parse_args(arguments)
    with checkreader() as (port, process):
        memory = uvloop.run(resident_memory(port, process.pid))
    with checkreader() as (port, _), server("benchmarks.bare", "{port}") as (bare_port, _):
        single = uvloop.run(single_pictures(port, bare_port))
        large = uvloop.run(large_requests(port))
    record = {
        "version": __version__,
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "single": single,
        "rows_256": large,
        "batcher": uvloop.run(batcher_overhead()),
        "memory": memory,
        "start_seconds": round(median(start_seconds() for _ in range(STARTS)), 3),
        "machine": machine(),
    }
    write_json(options.out, record)


async def single_pictures(
    port: int, bare_port: int, rounds: int = ROUNDS, seconds: float = SECONDS
) -> dict[str, Any]:
    """Measures requests of one picture over 1 and 16 connections.

    Args:
        port: the service's.
        bare_port: that of `benchmarks.bare`.
        rounds: how often both are measured, in turns.
        seconds: duration of each measurement.
    """
    measured: dict[tuple[str, int], list[tuple[Result, Result]]] = {}
    for _ in tqdm(range(rounds), desc="single", disable=None):
        for kind in ("json", "binary"):
            plain = replace(request(bare_port, kind, 1), path=f"/{kind}")
            for connections in (1, 16):
                pair = [
                    await closed_loop(posted, connections, seconds, warmup=0.3)
                    for posted in (request(port, kind, 1), plain)
                ]
                assert not any(window.errors for window in pair), pair
                measured.setdefault((kind, connections), []).append((pair[0], pair[1]))
    return {
        f"{kind}_{connections}": {
            "rate": round(median(ours.rate for ours, _ in pairs)),
            "bare_rate": round(median(bare.rate for _, bare in pairs)),
            "ratio": round(median(ours.rate / bare.rate for ours, bare in pairs), 3),
            "ratios": [round(ours.rate / bare.rate, 3) for ours, bare in pairs],
            "p50_ms": round(median(ours.p50 for ours, _ in pairs), 3),
            "p99_ms": round(median(ours.p99 for ours, _ in pairs), 3),
            "bare_p50_ms": round(median(bare.p50 for _, bare in pairs), 3),
            "client_cpu": round(median(ours.cpu for ours, _ in pairs), 2),
        }
        for (kind, connections), pairs in measured.items()
    }


async def large_requests(port: int, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Measures 256 pictures a request, against ONNX Runtime called in a loop with the same batch, on all cores."""
    posted = request(port, "binary", 256)
    command = [sys.executable, "-c", _IN_PROCESS, "256"]
    rates = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        questions, answers = process.stdin, process.stdout
        assert questions is not None
        assert answers is not None

        def in_process() -> float:
            """Returns the network's pictures per second in its own process."""
            print(seconds, file=questions, flush=True)
            return float(answers.readline())

        in_process()
        for _ in tqdm(range(rounds), desc="256 rows", disable=None):
            window = await closed_loop(posted, 4, seconds, warmup=0.3)
            assert not window.errors, window
            rates.append((window.rate * 256, in_process(), window.cpu))
        questions.close()
    return {
        "connections": 4,
        "pictures_per_second": round(median(served for served, _, _ in rates)),
        "in_process": round(median(alone for _, alone, _ in rates)),
        "ratio": round(median(served / alone for served, alone, _ in rates), 3),
        "client_cpu": round(median(cpu for _, _, cpu in rates), 2),
    }


async def batcher_overhead(submissions: int = SUBMISSIONS) -> dict[str, float]:
    """Measures the median µs of a lone request through the batcher and of the network called directly."""
    repository = Repository.open()
    run = repository.load("lenet5").network.run
    image = repository.golden[1][:1]
    through, straight = [], []
    with ThreadPoolExecutor(1) as executor:
        batcher = Batcher(run, executor, 1, Statistics())
        await batcher.submit(image)  # from its cost the batcher learns that one row need not leave the loop
        for _ in range(submissions):
            start = time.perf_counter_ns()
            await batcher.submit(image)
            between = time.perf_counter_ns()
            run(image)
            through.append(between - start)
            straight.append(time.perf_counter_ns() - between)
            await asyncio.sleep(0)
    return {
        "through_us": round(median(through) / 1e3, 1),
        "straight_us": round(median(straight) / 1e3, 1),
        "more_us": round((median(through) - median(straight)) / 1e3, 1),
    }


async def resident_memory(
    port: int, pid: int, requests: int = SOAK, seconds: float = 0.5
) -> dict[str, dict[str, float]]:
    """Measures a worker's resident MB when fresh and ten times during a load, half JSON, half binary.

    Args:
        port: where the worker answers.
        pid: its process.
        requests: how many at least.
        seconds: for how long each kind is posted in turn.
    """
    resident: dict[str, float] = {"before": _resident_mb(pid)}
    count, step = 0, requests // 10
    for target in range(step, requests + 1, step):
        while count < target:
            for kind in ("json", "binary"):
                window = await closed_loop(request(port, kind, 1), 16, seconds, warmup=0.0)
                assert not window.errors, window
                count += window.requests
        resident[str(count)] = _resident_mb(pid)
    return {"resident_mb": resident}


def _resident_mb(pid: int) -> float:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return round(int(status["VmRSS"].split()[0]) * 1024 / 1e6, 1)


def start_seconds() -> float:
    """Measures the seconds from the start of the process to its first answer that it is ready."""
    start = time.perf_counter()
    with checkreader():
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
