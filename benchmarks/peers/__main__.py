"""checkreader beside the model servers one would use instead: speed, memory, time to start.

.venv/bin/python -m benchmarks.peers > benchmarks/results/peers.json      # about 8 minutes, Linux only

Every server gets the same ONNX model, the same picture as JSON and the same two cores, which it shares
with the load generator. In each round checkreader goes first and last, so that its ratio to a peer holds on
a machine that warms up or slows down meanwhile. The first time, all are installed into runs/peers/.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import uvloop

from benchmarks.load.generator import Request, closed_loop
from benchmarks.peers import processes
from benchmarks.peers.servers import CHECKREADER, MODEL, PEERS, Server
from pipeline.run import machine
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from serving.runtime.onnx import load

CONNECTIONS = (1, 16)
_START = 60.0  # seconds at most
_POLL = 0.01
_SETTLE = 1.0
_IDLE = 3.0
_TOLERANCE = 1e-6
_HEADERS = {"Content-Type": "application/json"}

Figures = dict[str, float]


def measure(server: Server, values: list[float], expected: Sequence[float], seconds: float) -> Figures:
    """One fresh start of a server.

    Args:
        server: what to start.
        values: the picture that it is asked for, 784 values in [0, 1].
        expected: the ten probabilities that it must answer.
        seconds: how long it is driven with each number of connections.

    Returns:
        `ready_seconds` from its start to its first answer; by number of connections `rate` (requests/s),
        `p50_ms`, `p99_ms` and the load generator's own share of a core; after that `resident_mb`, the
        number of processes, and `idle_cpu`, their share of a core when nobody asks.

    Raises:
        CheckreaderError: it does not start, or answers anything else.
    """
    body = json.dumps(server.content(values)).encode()
    mark = uuid.uuid4().hex
    ports = _free_ports()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        start = time.perf_counter()
        process = server.start(ports, mark, log)
        try:
            reply = None
            while reply is None:
                if process.poll() is not None or time.perf_counter() > start + _START:
                    raise CheckreaderError(f"{server.name} does not start: {log.read_text()[-2000:]}")
                time.sleep(_POLL)
                reply = _ask(ports[0], server.path, body)
            figures = {"ready_seconds": time.perf_counter() - start}
            off = float(np.abs(np.subtract(server.probabilities(reply), expected)).max())
            if not off <= _TOLERANCE:
                raise CheckreaderError(f"{server.name}: its answer is off by {off:.2g}")
            request = Request("127.0.0.1", ports[0], server.path, tuple(_HEADERS.items()), body)
            for connections in CONNECTIONS:
                result = uvloop.run(closed_loop(request, connections, seconds))
                if result.errors:
                    raise CheckreaderError(f"{server.name}: {result.errors}: {log.read_text()[-2000:]}")
                figures |= {
                    f"rate_{connections}": result.rate,
                    f"p50_ms_{connections}": result.p50,
                    f"p99_ms_{connections}": result.p99,
                    f"generator_cpu_{connections}": result.cpu,
                }
            time.sleep(_SETTLE)
            figures["resident_mb"] = processes.resident_mb(mark)
            figures["processes"] = len(processes.find(mark))
            used, begin = processes.cpu_seconds(mark), time.perf_counter()
            time.sleep(_IDLE)
            figures["idle_cpu"] = (processes.cpu_seconds(mark) - used) / (time.perf_counter() - begin)
            return figures
        finally:
            processes.stop(process, mark)


def _ask(port: int, path: str, body: bytes) -> Any:
    """The reply; None while the server is not ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START)
    try:
        connection.request("POST", path, body, _HEADERS)
        response = connection.getresponse()
        content = response.read()
        return json.loads(content) if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _free_ports() -> tuple[int, int, int]:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        first, second, third = (one.getsockname()[1] for one in held)
    return first, second, third


def table(rounds: Sequence[dict[str, list[Figures]]]) -> dict[str, Any]:
    """Medians over all starts of a server, and checkreader's ratio to each peer in every round."""
    ratios: dict[str, dict[str, list[float]]] = {}
    for found in rounds:
        ours = {key: mean(one[key] for one in found["checkreader"]) for key in found["checkreader"][0]}
        for name, (theirs, *_) in found.items():
            if name != "checkreader":
                of = ratios.setdefault(name, {})
                for key in _compared(theirs):
                    of.setdefault(key, []).append(_round(ours[key] / theirs[key]))
    medians = {}
    for name in rounds[0]:
        starts = [figures for found in rounds for figures in found[name]]
        medians[name] = {key: _round(median(one[key] for one in starts)) for key in starts[0]}
    return {"servers": medians, "checkreader_to_peer": ratios}


def _compared(figures: Figures) -> list[str]:
    return [key for key in figures if "cpu" not in key and key != "processes"]  # idle, some use none at all


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description="Compares checkreader with other model servers."
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often all are measured (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="duration of each measurement (%(default)s)"
    )
    parser.add_argument("--only", metavar="NAME", choices=[one.name for one in PEERS], help="a single peer")
    options = parser.parse_args()
    peers = [one for one in PEERS if options.only in (None, one.name)]
    for server in (CHECKREADER, *peers):
        server.install()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # the servers inherit it
    _, images = Repository.open().golden
    values = images[0].ravel().tolist()
    expected = load(MODEL, threads=1).run(images[:1])[0][0].tolist()
    rounds: list[dict[str, list[Figures]]] = []
    for number in range(options.rounds):
        rounds.append({})
        for server in (CHECKREADER, *peers, CHECKREADER):
            print(f"round {number + 1} of {options.rounds}: {server.name}", file=sys.stderr)
            figures = measure(server, values, expected, options.seconds)
            rounds[-1].setdefault(server.name, []).append(figures)
    record = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "packages": {one.name: one.packages() for one in (CHECKREADER, *peers)},
        **table(rounds),
        "machine": machine(),
    }
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    try:
        main()
    except CheckreaderError as error:
        sys.exit(f"error: {error}")
