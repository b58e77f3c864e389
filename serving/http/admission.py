"""The door of the service: who may come in, how many at a time, and the record of every request."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from serving.engine.statistics import Counts, Histogram, count
from serving.errors import (
    Busy,
    CheckreaderError,
    Expired,
    Forbidden,
    TooLarge,
    Unauthorized,
    Unknown,
    Unsupported,
)
from serving.http.api_keys import Keys

# What `/metrics` calls the reasons for which a request is refused.
REASONS: Final[dict[type[Exception], str]] = {
    CheckreaderError: "invalid",
    Unknown: "unknown",
    TooLarge: "too_large",
    Unsupported: "unsupported",
    Unauthorized: "unauthorized",
    Forbidden: "forbidden",
    Busy: "busy",
    Expired: "expired",
}
GONE: Final = 499  # the status, in the record alone, of a request whose client went away
_WAITING: Final = 10_000  # lines of the log
_LONGEST: Final = 1024  # characters of a path in the log: a line of 4 KiB is written in one piece
_ID: Final = re.compile(r"[\w.:+/=-]{1,128}", re.ASCII)


class Visit(msgspec.Struct):
    """What the access log says of a request: never its pixels, and its readings where they are asked for.

    `time` is UTC to the millisecond, as RFC 3339 has it.
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


class Door:
    """Counts all requests of a worker, and turns some away.

    Args:
        counts: where.
        keys: that open it; None: it stands open.
        most: requests inside at a time.
        log: what is logged of each request.
        write: takes the log's lines.
    """

    def __init__(
        self,
        counts: Counts,
        keys: Keys | None = None,
        most: int = 1024,
        log: Literal["off", "requests", "readings"] = "off",
        write: Callable[[bytes], object] | None = None,
    ) -> None:
        self.counts = counts
        self.keys = keys
        self.logs = log != "off"
        self.inside = 0
        self._readings = log == "readings"
        self._most = most
        self._write = write or _to_stdout

    def enter(self, authorization: str | None) -> None:
        """Lets a request in.

        Raises:
            Unauthorized: it has no key.
            Busy: too many are inside.
        """
        if self.keys is not None:
            self.keys.admit(authorization)
        if self.inside > self._most:
            raise Busy(f"too many requests: {self._most} are under way; try again in a moment")

    def refused(self, why: str | Exception) -> None:
        """A request was not answered as it wished."""
        count(self.counts.refused, why if isinstance(why, str) else REASONS.get(type(why), "internal"))

    def record(self, operation: str, status: int | str, ns: int) -> None:
        """A request is over, after so many ns."""
        count(self.counts.requests, f"{operation} {status}")
        durations = self.counts.durations.get(operation)
        if durations is None:
            durations = self.counts.durations[operation] = Histogram()
        durations.add(ns)

    def log(
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
        """Writes a line of the access log, if there is one, with the reading if they are asked for."""
        if not self.logs:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        ms = round(ns / 1e6, 3)
        visit = Visit(time, id, client, method, path[:_LONGEST], status, ms, bytes_in, bytes_out)
        if reading is not None and self._readings:
            visit.reading = msgspec.Raw(reading)
        self._write(msgspec.json.encode(visit) + b"\n")


def flush() -> None:
    """Waits until the access log is written, a second at most."""
    _to_stdout.flush()


def request_id(given: str | None) -> str:
    """The client's own X-Request-Id if it is a decent one, else a new one."""
    return given if given and _ID.fullmatch(given) else secrets.token_hex(8)


class _Log:
    """Standard output, written by a thread of its own: whoever does not read it holds up nobody.

    A line goes out in one piece, so that those of several workers do not mix; what finds no room is left out.
    """

    def __init__(self) -> None:
        self._lines: queue.Queue[bytes] = queue.Queue(_WAITING)
        self._begun = False
        self._ended = threading.Event()

    def __call__(self, line: bytes) -> None:
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._write, name="checkreader-log", daemon=True).start()
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def flush(self) -> None:
        """Waits until all is written, a second at most."""
        if self._begun:
            with contextlib.suppress(queue.Full):
                self._lines.put(b"", timeout=1.0)
                self._ended.wait(1.0)

    def _write(self) -> None:
        while line := self._lines.get():
            with contextlib.suppress(OSError):  # nobody is there to read it
                os.write(1, line)
        self._ended.set()


_to_stdout = _Log()
