"""Supervises several worker processes that share a port.

The kernel spreads connections over listening sockets (SO_REUSEPORT), one for each worker's place. The supervisor
holds all of them open, so that connections which wait outlive a worker that dies: the others accept them until it
is replaced. The workers exchange requests and counters through a `SharedState` in a temporary folder.
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Final, NoReturn

from serving.engine.worker_state import SharedState
from serving.errors import CheckreaderError
from serving.http.connection import DRAIN
from serving.server import process as worker_process
from serving.server.signals import heed_signals
from serving.server.sockets import listen_shared, refuse_handshakes, reserve
from serving.settings import Settings

_SPAWN: Final = multiprocessing.get_context("spawn")
_KILL_AFTER: Final = DRAIN + 5  # s after the signal to stop
_PAUSE: Final = 1.0  # s before a worker is replaced that died within that time
_log = logging.getLogger("checkreader")


@dataclass(eq=False)
class _Worker:
    """A worker's process.

    Attributes:
        messages: brings the line with its addresses or a CheckreaderError, and None when it is about to stop.
        started: when it was started, on the monotonic clock.
        ready: it accepts connections.
        orphans: the places whose connections it was told to accept beside its own.
    """

    place: int
    process: SpawnProcess
    messages: Connection
    started: float
    ready: bool = False
    orphans: frozenset[int] = frozenset()


def supervise(settings: Settings) -> NoReturn:
    """Runs the workers until SIGTERM, SIGHUP or SIGINT, then lets them finish.

    Raises:
        CheckreaderError: an address cannot be listened on, or a worker cannot start.
        SystemExit: 0 after SIGTERM or SIGHUP, 130 after SIGINT.
    """
    with contextlib.ExitStack() as stack:
        listeners = listen_shared(settings.host, settings.port, settings.workers)
        for listener in listeners:
            stack.enter_context(listener)
        if settings.grpc_port is not None:
            settings = dataclasses.replace(
                settings, grpc_port=stack.enter_context(reserve(settings.host, settings.grpc_port))
            )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="checkreader-")))
        signals = stack.enter_context(_signals())
        workers = [_start(settings, place, folder, listeners) for place in range(settings.workers)]
        try:
            status = _watch(settings, folder, listeners, workers, signals)
        finally:
            _stop(workers, listeners)
        raise SystemExit(status)


def _watch(
    settings: Settings,
    folder: Path,
    listeners: Sequence[socket.socket],
    workers: list[_Worker],
    signals: socket.socket,
) -> int:
    """Replaces workers that end, until a signal arrives; returns the exit status.

    Raises:
        CheckreaderError: a worker failed before all of them were ready.
    """
    announced = False
    while True:
        watched: list[Any] = [signals, *(worker.process.sentinel for worker in workers)]
        events = wait([*watched, *(worker.messages for worker in workers if not worker.messages.closed)])
        if signals in events:
            return 128 + signal.SIGINT if signals.recv(1)[0] == signal.SIGINT else 0
        for place, worker in enumerate(workers):
            if worker.messages in events:
                try:
                    message = worker.messages.recv()
                except (EOFError, OSError):  # it has died
                    worker.messages.close()
                    message = None
                if isinstance(message, CheckreaderError):
                    if not announced:
                        raise message
                    _log.error("worker %d cannot start: %s", place, message)
                    continue
                worker.ready = message is not None
                if not announced and all(other.ready for other in workers):
                    print(f"{message}, {len(workers)} workers", flush=True)
                    announced = True
            if worker.process.sentinel in events:
                worker.process.join()
                status = worker.process.exitcode
                if not worker.ready and not announced:
                    raise CheckreaderError(f"worker {place} ended with status {status} at its start")
                _log.error("worker %d ended with status %s and is replaced", place, status)
                worker.ready = False
                _tell_orphans(workers)
                if time.monotonic() - worker.started < _PAUSE:
                    time.sleep(_PAUSE)
                workers[place] = _start(settings, place, folder, listeners)
        _tell_orphans(workers)


def _tell_orphans(workers: Sequence[_Worker]) -> None:
    """Tells the workers whose connections they accept beside their own."""
    orphans = frozenset(worker.place for worker in workers if not worker.ready)
    for worker in workers:
        if worker.ready and worker.orphans != orphans:
            worker.orphans = orphans
            with contextlib.suppress(OSError):  # it has just died
                worker.messages.send(orphans)


def _start(settings: Settings, place: int, folder: Path, listeners: Sequence[socket.socket]) -> _Worker:
    messages, supervisor = _SPAWN.Pipe()
    arguments = (settings, place, folder, listeners, supervisor)
    process = _SPAWN.Process(target=_work, args=arguments, name=f"worker-{place}")
    process.start()
    supervisor.close()
    return _Worker(place, process, messages, time.monotonic())


def _work(
    settings: Settings, place: int, folder: Path, listeners: Sequence[socket.socket], supervisor: Connection
) -> None:
    """Runs in a worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the supervisor passes it on
    heed_signals()
    try:
        state = SharedState(folder, place, settings.workers)
        worker_process.run(settings, listeners, state, supervisor.send, place, supervisor)
    except CheckreaderError as error:
        supervisor.send(error)
        raise SystemExit(1) from None


def _stop(workers: Sequence[_Worker], listeners: Sequence[socket.socket]) -> None:
    """Stops all workers after the requests that they have begun; kills those that take too long."""
    for listener in listeners:
        refuse_handshakes(listener)
        listener.close()
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
