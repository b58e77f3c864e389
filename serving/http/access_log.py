"""The access log: one line of JSON for each request, on standard output."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import msgspec

Level: TypeAlias = Literal["off", "requests", "readings"]

_MAX_QUEUED_LINES: Final = 10_000
_MAX_PATH: Final = 1024  # characters of a path in the log: a line of 4 KiB is written in one piece
_REQUEST_ID: Final = re.compile(r"[\w.:+/=-]{1,128}", re.ASCII)


class AccessRecord(msgspec.Struct):
    """One line of the log: never a request's pixels, and its readings only at the level `readings`.

    `time` is UTC to the millisecond in RFC 3339's format, `ms` the request's duration.
    """

    time: str
    id: str
    client: str
    method: str
    path: str
    status: int | str  # gRPC's have names
    ms: float
    bytes_in: int
    bytes_out: int
    reading: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class StdoutWriter:
    """Writes lines to standard output from a thread of its own, so that a slow reader delays no request.

    Each line is written in one piece, so that the lines of several workers do not mix. Lines that find the
    queue full are dropped.

    Args:
        capacity: lines that may wait to be written.
        descriptor: of the file that is written to.
    """

    def __init__(self, capacity: int = _MAX_QUEUED_LINES, descriptor: int = 1) -> None:
        self._lines: queue.Queue[bytes] = queue.Queue(capacity)
        self._descriptor = descriptor
        self._started = False
        self._finished = threading.Event()

    def __call__(self, line: bytes) -> None:
        """Queues a line; never blocks."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._write, name="checkreader-log", daemon=True).start()
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def flush(self) -> None:
        """Waits until all lines are written, a second at most; no line is written after that."""
        if self._started:
            with contextlib.suppress(queue.Full):
                self._lines.put(b"", timeout=1.0)
                self._finished.wait(1.0)

    def _write(self) -> None:
        while line := self._lines.get():
            with contextlib.suppress(OSError):  # the reader has closed the pipe
                os.write(self._descriptor, line)
        self._finished.set()


_stdout = StdoutWriter()


class AccessLog:
    """Formats and writes the log's lines.

    Args:
        level: what is logged of each request.
        write: takes the lines; None: standard output.
    """

    def __init__(self, level: Level = "off", write: Callable[[bytes], object] | None = None) -> None:
        self.enabled = level != "off"
        self.write = write or _stdout
        self._with_readings = level == "readings"

    def log_request(
        self,
        id: str,
        client: str,
        method: str,
        path: str,
        status: int | str,
        ns: int,
        bytes_in: int = 0,
        bytes_out: int = 0,
        reading: bytes | None = None,
    ) -> None:
        """Writes the line of a request, unless the log is off.

        Args:
            id: from `request_id`.
            client: its address.
            method, path, status: of the request and its reply.
            ns: from the request's headers to its reply.
            bytes_in, bytes_out: of the two bodies.
            reading: the reply's JSON if it holds readings; logged at the level `readings` only.
        """
        if not self.enabled:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        ms = round(ns / 1e6, 3)
        record = AccessRecord(time, id, client, method, path[:_MAX_PATH], status, ms, bytes_in, bytes_out)
        if reading is not None and self._with_readings:
            record.reading = msgspec.Raw(reading)
        self.write(msgspec.json.encode(record) + b"\n")


def flush() -> None:
    """Waits until the lines for standard output are written, a second at most."""
    _stdout.flush()


def request_id(header: str | None) -> str:
    """Returns the client's X-Request-Id if it is short and harmless, else a new random one."""
    return header if header and _REQUEST_ID.fullmatch(header) else secrets.token_hex(8)
