"""Supervises several worker processes that share a port.

The kernel spreads connections over the workers (SO_REUSEPORT); a worker that dies is replaced. They exchange
requests and counters through a `SharedState` in a temporary folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import multiprocessing
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Final, NoReturn

from serving.engine.worker_state import SharedState
from serving.errors import CheckreaderError
from serving.http.connection import DRAIN
from serving.server import process as worker_process
from serving.server.sockets import listen
from serving.settings import Settings

_SPAWN: Final = multiprocessing.get_context("spawn")
_KILL_AFTER: Final = DRAIN + 5  # s after the signal to stop
_PAUSE: Final = 1.0  # s before a worker is replaced that died within that time
_log = logging.getLogger("checkreader")


@dataclass(eq=False)
class _Worker:
    """A worker's process; it sends one message, the line with its addresses or a CheckreaderError."""

    place: int
    process: SpawnProcess
    messages: Connection
    started: float
    ready: bool = False


def supervise(settings: Settings) -> NoReturn:
    """Runs the workers until SIGTERM or SIGINT, then lets them finish.

    Raises:
        CheckreaderError: an address cannot be listened on, or a worker cannot start.
        SystemExit: 0 after SIGTERM, 130 after SIGINT.
    """
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(_reserve(settings.host, settings.port))
        settings = dataclasses.replace(settings, port=port)
        if settings.grpc_port is not None:
            settings = dataclasses.replace(
                settings, grpc_port=stack.enter_context(_reserve(settings.host, settings.grpc_port))
            )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="checkreader-")))
        signals = stack.enter_context(_signals())
        workers = [_start(settings, place, folder) for place in range(settings.workers)]
        try:
            status = _watch(settings, folder, workers, signals)
        finally:
            _stop(workers)
        raise SystemExit(status)


def _watch(settings: Settings, folder: Path, workers: list[_Worker], signals: socket.socket) -> int:
    """Replaces workers that end, until a signal arrives; returns the exit status.

    Raises:
        CheckreaderError: a worker failed before all of them were ready.
    """
    announced = False
    while True:
        watched: list[Any] = [signals, *(worker.process.sentinel for worker in workers)]
        events = wait([*watched, *(worker.messages for worker in workers if not worker.ready)])
        if signals in events:
            return 128 + signal.SIGINT if signals.recv(1)[0] == signal.SIGINT else 0
        for place, worker in enumerate(workers):
            if worker.messages in events:
                with contextlib.suppress(EOFError):  # it died before it sent any
                    message = worker.messages.recv()
                    if isinstance(message, CheckreaderError):
                        if not announced:
                            raise message
                        _log.error("worker %d cannot start: %s", place, message)
                        continue
                    worker.ready = True
                    if not announced and all(other.ready for other in workers):
                        print(f"{message}, {len(workers)} workers", flush=True)
                        announced = True
            if worker.process.sentinel in events:
                worker.process.join()
                status = worker.process.exitcode
                if not worker.ready and not announced:
                    raise CheckreaderError(f"worker {place} ended with status {status} at its start")
                _log.error("worker %d ended with status %s and is replaced", place, status)
                if time.monotonic() - worker.started < _PAUSE:
                    time.sleep(_PAUSE)
                workers[place] = _start(settings, place, folder)


def _start(settings: Settings, place: int, folder: Path) -> _Worker:
    receiver, sender = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_work, args=(settings, place, folder, sender), name=f"worker-{place}")
    process.start()
    sender.close()
    return _Worker(place, process, receiver, time.monotonic())


def _work(settings: Settings, place: int, folder: Path, sender: Connection) -> None:
    """Runs in a worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the supervisor passes it on
    parent = multiprocessing.parent_process()
    assert parent is not None
    try:
        with listen(settings.host, settings.port, shared=True) as listener:
            state = SharedState(folder, place, settings.workers)
            worker_process.run(settings, listener, state, sender.send, int(parent.sentinel))
    except CheckreaderError as error:
        sender.send(error)
        raise SystemExit(1) from None


def _stop(workers: list[_Worker]) -> None:
    """Stops all workers after the requests that they have begun; kills those that take too long."""
    for worker in workers:
        if worker.process.is_alive():
            worker.process.terminate()
    end = time.monotonic() + _KILL_AFTER
    for worker in workers:
        worker.process.join(max(0.0, end - time.monotonic()))
        if worker.process.is_alive():
            _log.error("worker %d did not end in time and is killed", worker.place)
            worker.process.kill()
            worker.process.join()


@contextlib.contextmanager
def _reserve(host: str, port: int) -> Iterator[int]:
    """Reserves a port, any free one if it is 0, for the workers to share.

    A bound socket that does not listen gets no connections. Before it, an exclusive one finds out whether another
    program, such as a second service with workers, has the port.
    """
    with listen(host, port) as exclusive:
        port = exclusive.getsockname()[1]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
        yield port


@contextlib.contextmanager
def _signals() -> Iterator[socket.socket]:
    """Yields a socket that receives the number of each SIGTERM and SIGINT."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    wakeup = signal.set_wakeup_fd(sender.fileno())
    try:
        yield receiver
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        receiver.close()
        sender.close()
