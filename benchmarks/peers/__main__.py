"""Speed, memory and time to start of checkreader and of other model servers.

    .venv/bin/python -m benchmarks.peers      # about 8 minutes, Linux only; writes results/peers/CPU.json

Every server gets the same ONNX model, the same picture as JSON and the same two cores, which it shares
with the load generator. In each round checkreader is measured first and last, so that its ratio to a peer holds on
a machine that warms up or slows down meanwhile. The first time, all are installed into runs/peers/.
"""

from __future__ import annotations

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

from benchmarks import models, output
from benchmarks.load.generator import Request, closed_loop
from benchmarks.peers import processes
from benchmarks.peers.servers import CHECKREADER, MODEL, PEERS, Server
from pipeline.run import machine, write_json
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from serving.runtime.onnx import load

CONNECTIONS = (1, 16)
_START = 60.0  # seconds at most
_POLL = 0.01
PAUSE = 1.0
_TOLERANCE = 1e-6
_HEADERS = {"Content-Type": "application/json"}

Figures = dict[str, float]


def measure(
    server: Server, values: list[float], expected: Sequence[float], seconds: float, pause: float = PAUSE
) -> Figures:
    """Measures one fresh start of a server.

    Args:
        server: the one to start.
        values: the posted picture, 784 values in [0, 1].
        expected: the ten probabilities that it must answer.
        seconds: duration of the load with each number of connections.
        pause: seconds after the load before memory is read; its CPU time when idle is that of three times as long.

    Returns:
        `ready_seconds` from its start to its first answer; by number of connections `rate` (requests/s),
        `p50_ms`, `p99_ms` and the load generator's own share of a core; after that `resident_mb`, the
        number of processes, and `idle_cpu`, their share of a core without requests.

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
            difference = float(np.abs(np.subtract(server.probabilities(reply), expected)).max())
            if not difference <= _TOLERANCE:
                raise CheckreaderError(f"{server.name}: its answer is off by {difference:.2g}")
            request = Request("127.0.0.1", ports[0], server.path, tuple(_HEADERS.items()), body)
            for connections in CONNECTIONS:
                window = uvloop.run(closed_loop(request, connections, seconds))
                if window.errors:
                    raise CheckreaderError(f"{server.name}: {window.errors}: {log.read_text()[-2000:]}")
                figures |= {
                    f"rate_{connections}": window.rate,
                    f"p50_ms_{connections}": window.p50,
                    f"p99_ms_{connections}": window.p99,
                    f"generator_cpu_{connections}": window.cpu,
                }
            time.sleep(pause)
            figures["resident_mb"] = processes.resident_mb(mark)
            figures["processes"] = len(processes.find(mark))
            used, begin = processes.cpu_seconds(mark), time.perf_counter()
            time.sleep(3 * pause)
            figures["idle_cpu"] = (processes.cpu_seconds(mark) - used) / (time.perf_counter() - begin)
            return figures
        finally:
            processes.stop(process, mark)


def _ask(port: int, path: str, body: bytes) -> Any:
    """Returns the reply; None while the server is not ready."""
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
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        first, second, third = (listener.getsockname()[1] for listener in listeners)
    return first, second, third


def table(rounds: Sequence[dict[str, list[Figures]]]) -> dict[str, Any]:
    """Returns medians over all starts of a server, and checkreader's ratio to each peer in every round."""
    ratios: dict[str, dict[str, list[float]]] = {}
    for starts in rounds:
        own_starts = starts["checkreader"]
        ours = {key: mean(figures[key] for figures in own_starts) for key in own_starts[0]}
        for name, (theirs, *_) in starts.items():
            if name != "checkreader":
                peer_ratios = ratios.setdefault(name, {})
                for key in _compared(theirs):
                    peer_ratios.setdefault(key, []).append(_round(ours[key] / theirs[key]))
    medians = {}
    for name in rounds[0]:
        all_figures = [figures for starts in rounds for figures in starts[name]]
        medians[name] = {
            key: _round(median(figures[key] for figures in all_figures)) for key in all_figures[0]
        }
    return {"servers": medians, "checkreader_to_peer": ratios}


def _compared(figures: Figures) -> list[str]:
    return [key for key in figures if "cpu" not in key and key != "processes"]  # idle, some use none at all


def _round(number: float) -> float:
    return float(f"{number:.4g}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Installs, measures and writes JSON."""
    command = output.parser_of_times("peers", "Compares checkreader with other model servers.")
    command.add_argument("--rounds", type=int, default=3, help="how often all are measured (%(default)s)")
    command.add_argument(
        "--seconds", type=float, default=5.0, help="duration of each measurement (%(default)s)"
    )
    command.add_argument(
        "--only", metavar="NAME", choices=[server.name for server in PEERS], help="a single peer"
    )
    options = command.parse_args(arguments)
    peers = [server for server in PEERS if options.only in (None, server.name)]
    for server in (CHECKREADER, *peers):
        server.install()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # the servers inherit it
    rounds = measure_rounds(peers, options.rounds, options.seconds)
    record = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "packages": {server.name: server.packages() for server in (CHECKREADER, *peers)},
        **table(rounds),
        "machine": machine(),
    }
    write_json(options.out, record)


def measure_rounds(peers: Sequence[Server], rounds: int, seconds: float) -> list[dict[str, list[Figures]]]:
    """Measures all servers in each round, checkreader first and last; returns their figures by name."""
    _, images = Repository.open().golden
    values = images[0].ravel().tolist()
    expected = load(models.file(MODEL), threads=1).run(images[:1])[0][0].tolist()
    figures: list[dict[str, list[Figures]]] = []
    for number in range(rounds):
        figures.append({})
        for server in (CHECKREADER, *peers, CHECKREADER):
            print(f"round {number + 1} of {rounds}: {server.name}", file=sys.stderr)
            figures[-1].setdefault(server.name, []).append(measure(server, values, expected, seconds))
    return figures


if __name__ == "__main__":
    try:
        main()
    except CheckreaderError as error:
        sys.exit(f"error: {error}")
