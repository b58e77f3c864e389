"""Reads the chunks of a bulk job in processes of this machine, one for each core."""

from __future__ import annotations

import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final

from serving.bulk.job import Lines, Work
from serving.errors import CheckreaderError
from serving.runtime.cpu import cpus

_AHEAD: Final = 4  # chunks in work or waiting, for each process


def read(job: Work, chunks: Iterator[list[str]], processes: int | None = None) -> Iterator[Lines]:
    """Yields the lines of chunks of files, in their order.

    A file that brings down the process that reads it becomes a line with an error.

    Args:
        job: how to read them.
        chunks: names of files; no more are taken than keep the processes busy.
        processes: None = one for each CPU that this process may use.

    Raises:
        CheckreaderError: the model cannot be used.
    """
    processes = processes or cpus()
    window: deque[tuple[list[str], Future[Lines]]] = deque()
    pool = _Pool(job, processes)
    try:
        while True:
            for chunk in itertools.islice(chunks, _AHEAD * processes - len(window)):
                window.append((chunk, pool.submit(chunk)))
            if not window:
                return
            chunk, future = window.popleft()
            try:
                yield future.result()
            except BrokenProcessPool:  # a decoder crashed, or memory ran out
                pool.close()
                pool = _Pool(job, processes)
                yield [line for file in chunk for line in _read_alone(job, file)]
                window = deque((chunk, pool.submit(chunk)) for chunk, _ in window)
    finally:
        pool.close()


class _Pool:
    """Processes that read; they end when this one does, even if it is killed."""

    def __init__(self, job: Work, processes: int) -> None:
        # Spawned: a forked process would inherit locks that threads of this one hold.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, context, _start, (job,))

    def submit(self, files: list[str]) -> Future[Lines]:
        try:
            return self._pool.submit(_run, files)
        except BrokenProcessPool as error:
            failed: Future[Lines] = Future()
            failed.set_exception(error)
            return failed

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


_worker: Callable[[Sequence[str]], Lines] | CheckreaderError | None = None


def _start(job: Work) -> None:
    global _worker
    parent = multiprocessing.parent_process()
    assert parent is not None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    threading.Thread(target=_exit_with, args=(parent.sentinel,), daemon=True).start()
    try:
        _worker = job.worker()
    except CheckreaderError as error:  # raised by the first `_run`: an initializer can only break the pool
        _worker = error


def _run(files: list[str]) -> Lines:
    if isinstance(_worker, CheckreaderError):
        raise _worker
    assert _worker is not None
    return _worker(files)


def _exit_with(parent: Any) -> None:
    """Ends this process as soon as its parent has ended."""
    multiprocessing.connection.wait([parent])
    os._exit(1)


def _read_alone(job: Work, file: str) -> Lines:
    """Reads a file in a process that it may bring down."""
    pool = _Pool(job, 1)
    try:
        return pool.submit([file]).result()
    except BrokenProcessPool:
        return [job.failure(file, "the process that read it died")]
    finally:
        pool.close()
