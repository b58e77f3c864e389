"""Stops of the service and deaths of a worker, under clients that open a connection for each request.

    .venv/bin/python -m benchmarks.stops    # five minutes; writes results/stops.json

A connection counts as soon as `connect()` has returned; one that gets no whole answer is lost. Before a worker is
killed it is stopped (SIGSTOP) for a moment, in which connections gather at its socket, and the kernel lists those
that it had accepted. Over gRPC the answer is the first frame of HTTP/2.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psutil
import uvloop
from tqdm import tqdm

from benchmarks import output
from benchmarks.servers import checkreader, request
from pipeline.run import machine, write_json

STOPS: Final = 20
KILLS: Final = 20
CLIENTS: Final = 24
SECONDS: Final = 1.0  # of load before a stop, and around a kill
READY: Final = 3.0  # s until a worker that was replaced is ready
FROZEN: Final = 0.2  # s that a worker is stopped before it is killed
PATIENCE: Final = 60.0  # s until a connection without an answer is given up
_HTTP2: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # and an empty frame of settings


@dataclass
class Clients:
    """What became of the connections.

    Attributes:
        answered: how many got their answer.
        lost: the clients' ports of those that did not, though they were connected.
        refused: how many were not connected.
    """

    answered: int = 0
    lost: list[int] = field(default_factory=list)
    refused: int = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures everything and writes JSON."""
    options = output.parser("stops", "Stops the service and kills workers under load.").parse_args(arguments)
    record = {
        "clients": CLIENTS,
        "stops": [
            {"workers": workers, "protocol": protocol} | stops(workers, protocol)
            for protocol in ("http", "grpc")
            for workers in (1, 2)
        ],
        "kills": [{"workers": 2, "protocol": protocol} | kills(protocol) for protocol in ("http", "grpc")],
        "machine": machine(),
    }
    write_json(options.out, record)


def stops(workers: int, protocol: str, count: int = STOPS) -> dict[str, Any]:
    """Starts the service and stops it by SIGTERM, so many times, under load.

    Args:
        workers: processes of the service.
        protocol: "http" or "grpc".
        count: how many stops.
    """
    return _total(
        [
            uvloop.run(_stop(workers, protocol))
            for _ in tqdm(range(count), desc=f"stops, {protocol}, {workers} workers", disable=None)
        ]
    )


def kills(protocol: str, count: int = KILLS) -> dict[str, Any]:
    """Kills a worker of two by SIGKILL, so many times, under load.

    Args:
        protocol: "http" or "grpc".
        count: how many kills.
    """
    with _service(2, protocol) as (port, process):
        return _total(
            [
                uvloop.run(_kill(port, process.pid, protocol, number % 2))
                for number in tqdm(range(count), desc=f"kills, {protocol}", disable=None)
            ]
        )


def _total(rounds: Sequence[dict[str, int]]) -> dict[str, Any]:
    return {"rounds": len(rounds)} | {name: sum(counts[name] for counts in rounds) for name in rounds[0]}


@contextlib.contextmanager
def _service(workers: int, protocol: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Runs the service; yields the port that speaks the protocol, and the process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        grpc_port = free.getsockname()[1]
    grpc = ("--grpc-port", str(grpc_port)) if protocol == "grpc" else ()
    with checkreader("--workers", str(workers), *grpc) as (port, process):
        yield (grpc_port if grpc else port), process


async def _stop(workers: int, protocol: str) -> dict[str, int]:
    with _service(workers, protocol) as (port, process):
        async with _load(port, protocol) as clients:
            await asyncio.sleep(SECONDS)
            process.terminate()
            await asyncio.to_thread(process.wait)
    return {"connections": clients.answered + len(clients.lost), "lost": len(clients.lost)}


async def _kill(port: int, supervisor: int, protocol: str, place: int) -> dict[str, int]:
    await asyncio.sleep(READY)
    victim = _workers(supervisor)[place]
    async with _load(port, protocol) as clients:
        await asyncio.sleep(SECONDS / 2)
        victim.suspend()
        await asyncio.sleep(FROZEN)
        accepted = {
            connection.raddr.port
            for connection in victim.net_connections("tcp")
            if connection.raddr and connection.laddr.port == port
        }
        victim.kill()
        while len(_workers(supervisor)) < 2 or victim in _workers(supervisor):
            await asyncio.sleep(0.01)
        await asyncio.sleep(SECONDS / 2)
    lost = set(clients.lost)
    return {
        "connections": clients.answered + len(clients.lost),
        "lost": len(lost - accepted),
        "lost_accepted": len(lost & accepted),
    }


def _workers(supervisor: int) -> list[psutil.Process]:
    workers = []
    for child in psutil.Process(supervisor).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                workers.append(child)
    return workers


@contextlib.asynccontextmanager
async def _load(port: int, protocol: str) -> AsyncIterator[Clients]:
    """Runs clients until the block ends and each has its answer."""
    clients, stopped = Clients(), asyncio.Event()
    message = _HTTP2 if protocol == "grpc" else request(port, "json", 1).encode()
    running = [asyncio.create_task(_client(port, message, clients, stopped)) for _ in range(CLIENTS)]
    try:
        yield clients
    finally:
        stopped.set()
        await asyncio.gather(*running)


async def _client(port: int, message: bytes, clients: Clients, stopped: asyncio.Event) -> None:
    """Asks again and again, each time over a new connection."""
    while not stopped.is_set():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            clients.refused += 1
            await asyncio.sleep(0.01)
            continue
        client_port = writer.get_extra_info("sockname")[1]
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(message)
                if message is _HTTP2:
                    await reader.readexactly(9)
                else:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = head.lower().partition(b"content-length:")[2].split()[0]
                    await reader.readexactly(int(length))
            clients.answered += 1
        except (OSError, EOFError, TimeoutError):
            clients.lost.append(client_port)
        writer.close()


if __name__ == "__main__":
    main()
