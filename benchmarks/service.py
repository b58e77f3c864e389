"""The service against the least that could serve the model, side by side in one run.

.venv/bin/python -m benchmarks.service > benchmarks/results/service.json      # ten minutes, on an idle machine

Rates and times are medians over rounds in which all are measured in turns; a
ratio is the median of the rounds' ratios. The load generator shares the two
cores; its own share of one is in `client_cpu`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop
from tqdm import tqdm

from benchmarks.load.generator import Result, closed_loop
from benchmarks.servers import checkreader, request, server
from pipeline.run import machine
from serving import __version__
from serving.engine.batcher import Batcher
from serving.engine.statistics import Statistics
from serving.repository.store import Repository

ROUNDS: Final = 9
SECONDS: Final = 2.0
STARTS: Final = 9
SOAK: Final = 100_000

# The network alone, in a process of its own, fed as the service feeds itself, or as its maker would.
_IN_PROCESS = """
import sys, time
import numpy as np
from serving.repository.store import Repository
from serving.runtime.onnx import session
repository = Repository.open()
artifact = next(one for one in repository.model("lenet5").artifacts if one.runtime == "onnxruntime")
loaded = session(repository.folder / artifact.path)
rows = int(sys.argv[1])
image = np.resize(repository.golden[1], (rows, 28, 28, 1))
for line in sys.stdin:
    seconds, count = float(line), 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        loaded.run(None, {"image": image})
        count += 1
    print(count * rows / seconds, flush=True)
"""


def main() -> None:
    """Measures everything and prints JSON."""
    with checkreader() as (ours, process):
        memory = uvloop.run(_memory(ours, process.pid))
    with checkreader() as (ours, _), server("benchmarks.bare", "{port}") as (bare, _):
        side_by_side = uvloop.run(_side_by_side(ours, bare))
        large = uvloop.run(_large(ours))
    result = {
        "version": __version__,
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "single": side_by_side,
        "rows_256": large,
        "batcher": uvloop.run(_batcher()),
        "memory": memory,
        "start_seconds": round(median(_start() for _ in range(STARTS)), 3),
        "machine": machine(),
    }
    print(json.dumps(result, indent=1))


async def _side_by_side(ours: int, bare: int) -> dict[str, Any]:
    """One picture a request, of 1 and 16 connections."""
    found: dict[tuple[str, int], list[tuple[Result, Result]]] = {}
    for _ in tqdm(range(ROUNDS), desc="single", disable=None):
        for kind in ("json", "binary"):
            plain = request(bare, kind, 1)
            for connections in (1, 16):
                pair = [
                    await closed_loop(asked, connections, SECONDS, warmup=0.3)
                    for asked in (request(ours, kind, 1), replace(plain, path=f"/{kind}"))
                ]
                assert not any(one.errors for one in pair), pair
                found.setdefault((kind, connections), []).append((pair[0], pair[1]))
    return {
        f"{kind}_{connections}": {
            "rate": round(median(one.rate for one, _ in pairs)),
            "bare_rate": round(median(two.rate for _, two in pairs)),
            "ratio": round(median(one.rate / two.rate for one, two in pairs), 3),
            "ratios": [round(one.rate / two.rate, 3) for one, two in pairs],
            "p50_ms": round(median(one.p50 for one, _ in pairs), 3),
            "p99_ms": round(median(one.p99 for one, _ in pairs), 3),
            "bare_p50_ms": round(median(two.p50 for _, two in pairs), 3),
            "client_cpu": round(median(one.cpu for one, _ in pairs), 2),
        }
        for (kind, connections), pairs in found.items()
    }


async def _large(port: int) -> dict[str, Any]:
    """256 pictures a request, against ONNX Runtime called in a loop with the same batch, on all cores."""
    posted = request(port, "binary", 256)
    command = [sys.executable, "-c", _IN_PROCESS, "256"]
    rounds = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        ask, answers = process.stdin, process.stdout
        assert ask is not None
        assert answers is not None

        def alone() -> float:
            print(SECONDS, file=ask, flush=True)
            return float(answers.readline())

        alone()
        for _ in tqdm(range(ROUNDS), desc="256 rows", disable=None):
            result = await closed_loop(posted, 4, SECONDS, warmup=0.3)
            assert not result.errors, result
            rounds.append((result.rate * 256, alone(), result.cpu))
        ask.close()
    return {
        "connections": 4,
        "pictures_per_second": round(median(one for one, _, _ in rounds)),
        "in_process": round(median(two for _, two, _ in rounds)),
        "ratio": round(median(one / two for one, two, _ in rounds), 3),
        "client_cpu": round(median(cpu for _, _, cpu in rounds), 2),
    }


async def _batcher() -> dict[str, float]:
    """A lone request through the batcher against straight through, in µs."""
    repository = Repository.open()
    run = repository.load("lenet5").network.run
    image = repository.golden[1][:1]
    batcher = Batcher(run, None, 1, Statistics())  # type: ignore[arg-type]  # one row never leaves the loop
    batcher.row_cost = 1.0
    through, straight = [], []
    for _ in range(20_000):
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


async def _memory(port: int, pid: int) -> dict[str, Any]:
    """Resident MB of a fresh worker, then after up to 100,000 requests, half JSON, half binary."""
    found: dict[str, float] = {"before": _resident(pid)}
    done, step = 0, SOAK // 10
    for at in range(step, SOAK + 1, step):
        while done < at:
            for kind in ("json", "binary"):
                result = await closed_loop(request(port, kind, 1), 16, 0.5, warmup=0.0)
                assert not result.errors, result
                done += result.requests
        found[str(done)] = _resident(pid)
    return {"resident_mb": found}


def _resident(pid: int) -> float:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return round(int(status["VmRSS"].split()[0]) * 1024 / 1e6, 1)


def _start() -> float:
    """Seconds from the start of the process to the first 200 of its readiness."""
    began = time.perf_counter()
    with checkreader():
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
