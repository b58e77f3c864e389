"""Several processes that share a port, and the one that watches them.

The kernel spreads connections over the workers (SO_REUSEPORT); a worker that dies is replaced. They meet on
a `SharedState` in a temporary folder.
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
from serving.server import process
from serving.server.sockets import listen
from serving.settings import Settings

_SPAWN: Final = multiprocessing.get_context("spawn")
_KILL_AFTER: Final = DRAIN + 5  # s after the signal to stop
_PAUSE: Final = 1.0  # s before a worker that died young is replaced
_log = logging.getLogger("checkreader")


@dataclass(eq=False)
class _Worker:
    place: int
    process: SpawnProcess
    told: Connection  # what it says when it is ready
    started: float
    ready: bool = False


def supervise(settings: Settings) -> NoReturn:
    """Runs the workers until SIGTERM or SIGINT, then lets them finish.

    Raises:
        CheckreaderError: an address cannot be had, or a worker cannot start.
        SystemExit: 0 after SIGTERM, 130 after SIGINT.
    """
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(_reserved(settings.host, settings.port))
        settings = dataclasses.replace(settings, port=port)
        if settings.grpc_port is not None:
            settings = dataclasses.replace(
                settings, grpc_port=stack.enter_context(_reserved(settings.host, settings.grpc_port))
            )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="checkreader-")))
        signals = stack.enter_context(_signals())
        workers = [_start(settings, place, folder) for place in range(settings.workers)]
        try:
            status = _watch(settings, folder, workers, signals)
        finally:
            _end(workers)
        raise SystemExit(status)


def _watch(settings: Settings, folder: Path, workers: list[_Worker], signals: socket.socket) -> int:
    """Until there is a reason to end; the exit status."""
    announced = False
    while True:
        watched: list[Any] = [signals, *(one.process.sentinel for one in workers)]
        found = wait([*watched, *(one.told for one in workers if not one.ready)])
        if signals in found:
            return 128 + signal.SIGINT if signals.recv(1)[0] == signal.SIGINT else 0
        for place, one in enumerate(workers):
            if one.told in found:
                with contextlib.suppress(EOFError):  # it died before
                    told = one.told.recv()
                    if isinstance(told, CheckreaderError):
                        if not announced:
                            raise told
                        _log.error("worker %d cannot start: %s", place, told)
                        continue
                    one.ready = True
                    if not announced and all(other.ready for other in workers):
                        print(f"{told}, {len(workers)} workers", flush=True)
                        announced = True
            if one.process.sentinel in found:
                one.process.join()
                if not one.ready and not announced:
                    raise CheckreaderError(
                        f"worker {place} ended with status {one.process.exitcode} at its start"
                    )
                _log.error("worker %d ended with status %s and is replaced", place, one.process.exitcode)
                if time.monotonic() - one.started < _PAUSE:
                    time.sleep(_PAUSE)
                workers[place] = _start(settings, place, folder)


def _start(settings: Settings, place: int, folder: Path) -> _Worker:
    told, tell = _SPAWN.Pipe(duplex=False)
    child = _SPAWN.Process(target=_work, args=(settings, place, folder, tell), name=f"worker-{place}")
    child.start()
    tell.close()
    return _Worker(place, child, told, time.monotonic())


def _work(settings: Settings, place: int, folder: Path, tell: Connection) -> None:
    """A worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the watching process tells
    parent = multiprocessing.parent_process()
    assert parent is not None
    try:
        with listen(settings.host, settings.port, shared=True) as listener:
            state = SharedState(folder, place, settings.workers)
            process.run(settings, listener, state, tell.send, int(parent.sentinel))
    except CheckreaderError as error:
        tell.send(error)
        raise SystemExit(1) from None


def _end(workers: list[_Worker]) -> None:
    """Lets all workers finish what they have begun."""
    for one in workers:
        if one.process.is_alive():
            one.process.terminate()
    end = time.monotonic() + _KILL_AFTER
    for one in workers:
        one.process.join(max(0.0, end - time.monotonic()))
        if one.process.is_alive():
            _log.error("worker %d did not end in time and is killed", one.place)
            one.process.kill()
            one.process.join()


@contextlib.contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """The port, kept from others but for workers to share.

    A socket that does not listen gets no connections. A first one that shares with nobody finds out whether
    anybody, another service with workers say, has the port.
    """
    with listen(host, port) as alone:
        found = alone.getsockname()[1]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind((host, found))
        yield found


@contextlib.contextmanager
def _signals() -> Iterator[socket.socket]:
    """Becomes readable with the number of a signal to end."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    woken = signal.set_wakeup_fd(writing.fileno())
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        reading.close()
        writing.close()
