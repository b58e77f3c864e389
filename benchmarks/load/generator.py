"""The load generator of `python -m benchmarks.load`: one process, one event loop, many connections.

A closed loop measures the service's capacity: every connection sends again as soon as it has its reply.
An open loop measures how long a user waits: requests arrive at random moments, whether or not the service
keeps up, and a request's time counts from its arrival. Both are cheapest under uvloop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import signal
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter as clock  # an event loop's own clock may tick in milliseconds
from typing import Any

import httptools
import numpy as np
import numpy.typing as npt

from serving.errors import CheckreaderError

TIMEOUT = 10.0
_TICK = 0.05  # seconds between two sweeps of what has timed out, and before an unused connection is replaced


@dataclass(frozen=True)
class Request:
    """A request that is sent repeatedly; `path` and `headers` are sent as they are, without a body it is a GET."""

    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def encode(self) -> bytes:
        """Returns the message as HTTP/1.1, whose connections are kept alive."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        length = () if self.body is None else (("Content-Length", str(len(self.body))),)
        lines = [f"{'GET' if self.body is None else 'POST'} {self.path} HTTP/1.1"]
        lines += [
            f"{key}: {value}" for key, value in (("Host", f"{host}:{self.port}"), *self.headers, *length)
        ]
        return "\r\n".join((*lines, "", "")).encode("latin-1") + (self.body or b"")


@dataclass(frozen=True)
class Result:
    """The figures of one window of load.

    Attributes:
        requests: how many requests of the window succeeded; the times below are theirs.
        errors: how many failed, by status ("503") or reason ("timeout").
        seconds: the window's length.
        rate: successful replies inside the window, per second.
        mean, p50, p90, p95, p99, max: milliseconds until a reply was complete, NaN (in JSON null) if
            none was.
        cpu: share of one core that this process used; near 1 it measures itself, not the service.
        lag_ms: mean milliseconds by which requests left after their arrival, because this process or all
            its connections were busy; None in a closed loop.
    """

    requests: int
    errors: dict[str, int]
    seconds: float
    rate: float
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float
    cpu: float
    lag_ms: float | None


def summarize(
    latencies: npt.ArrayLike,
    seconds: float,
    *,
    replies: int | None = None,
    errors: Mapping[str, int] | None = None,
    cpu: float = 0.0,
    lag_ms: float | None = None,
) -> Result:
    """Returns the figures of a window.

    Args:
        latencies: float [N], seconds of each successful request.
        seconds: the window's length.
        replies: successful replies inside the window, N unless given; under overload fewer, as requests
            that arrive in the window are then answered after it.
        errors: how many requests failed, by status or reason.
        cpu: share of one core that this process used.
        lag_ms: mean milliseconds by which requests left after their arrival; None in a closed loop.
    """
    times = np.asarray(latencies, np.float64) * 1e3
    p50, p90, p95, p99 = np.percentile(times, (50, 90, 95, 99)).tolist() if times.size else [math.nan] * 4
    return Result(
        requests=times.size,
        errors=dict(errors or {}),
        seconds=seconds,
        rate=(times.size if replies is None else replies) / seconds,
        mean=float(times.mean()) if times.size else math.nan,
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
        max=float(times.max()) if times.size else math.nan,
        cpu=cpu,
        lag_ms=lag_ms,
    )


async def closed_loop(
    requests: Request | Sequence[Request],
    connections: int,
    seconds: float,
    warmup: float = 1.0,
    timeout: float = TIMEOUT,
) -> Result:
    """Measures with `connections` requests always under way, after `warmup` seconds of the same.

    Of several requests, all to one address, each is sent in turn. A request counts if it was sent inside the window. A reply that is not 2xx, breaks off or takes more
    than `timeout` seconds is an error; a broken connection is replaced.

    Raises:
        CheckreaderError: nothing listens there.
    """

    def again(connection: Connection) -> None:
        now = clock()
        if now < run.closes:
            connection.send(now, now)

    run = await _prepare(requests, seconds, warmup, timeout, again)
    cpu = await _drive(run, connections)
    return summarize(run.latencies, seconds, replies=run.replies, errors=run.errors, cpu=cpu)


async def open_loop(
    request: Request,
    rate: float,
    seconds: float,
    connections: int,
    warmup: float = 1.0,
    seed: int = 0,
    timeout: float = TIMEOUT,
) -> Result:
    """Measures Poisson arrivals, `rate` per second on average, after `warmup` seconds of the same.

    An arrival takes a free connection or waits for one. Its time and its timeout count from when it was
    due, so that a service that stalls cannot hide the requests that would have arrived meanwhile. Arrivals need
    a finer timer than event loops have: this runs in the main thread of a POSIX system.

    Raises:
        CheckreaderError: nothing listens there.
    """

    def dispatch() -> None:
        while idle and due and due[0] <= (now := clock()):
            idle.popleft().send(due.popleft(), now)
        if idle and due:  # else the next connection that becomes free looks again
            alarm(due[0] - clock())

    def free(connection: Connection) -> None:
        idle.append(connection)
        dispatch()

    run = await _prepare(request, seconds, warmup, timeout, free)
    idle, due = run.idle, run.due
    begin = run.opens - warmup
    due.extend((begin + arrivals(rate, warmup + seconds, seed)).tolist())
    with _alarm(dispatch) as alarm:
        cpu = await _drive(run, connections)
    return summarize(
        run.latencies,
        seconds,
        replies=run.replies,
        errors=run.errors,
        cpu=cpu,
        lag_ms=1e3 * run.late / run.sent if run.sent else math.nan,
    )


def arrivals(rate: float, seconds: float, seed: int) -> npt.NDArray[np.float64]:
    """Draws arrivals, float64 [N]: seconds from 0 to below `seconds`, ascending, with exponential gaps."""
    expected = rate * seconds
    enough = math.ceil(expected + 10 * math.sqrt(expected) + 10)  # ten standard deviations
    moments = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, enough))
    return moments[moments < seconds]


@dataclass
class LoadRun:
    """The state that the connections of a run share; moments are `clock` seconds."""

    messages: Iterator[bytes]  # without end
    address: tuple[str, int]
    opens: float
    closes: float
    timeout: float
    free: Callable[[Connection], None]  # gives a connection its next request, now or later
    connections: set[Connection] = field(default_factory=set)
    idle: deque[Connection] = field(default_factory=deque)
    due: deque[float] = field(default_factory=deque)  # arrivals that were not sent yet
    latencies: array[float] = field(default_factory=lambda: array("d"))
    errors: Counter[str] = field(default_factory=Counter)
    replies: int = 0
    sent: int = 0
    late: float = 0.0

    def fail(self, since: float, reason: str) -> None:
        """Counts an error of a request that arrived at `since`, if that lies inside the window."""
        if self.opens <= since < self.closes:
            self.errors[reason] += 1

    def sweep(self) -> bool:
        """Drops the requests that have timed out; returns whether any request is still under way."""
        last = clock() - self.timeout
        while self.due and self.due[0] < last:
            self.fail(self.due.popleft(), "timeout")
        busy = [connection for connection in self.connections if connection.since is not None]
        for connection in busy:
            if connection.since is not None and connection.since < last:
                connection.drop("timeout")
        return bool(self.due or busy)


class Connection(asyncio.Protocol):
    """One connection, with one request at a time; no task, future or timer is made for a request."""

    def __init__(self, run: LoadRun) -> None:
        self.run = run
        self.lost = asyncio.get_running_loop().create_future()
        self.since: float | None = None  # when the request under way arrived
        self.used = False
        self.status = 0

    def connection_made(self, transport: Any) -> None:
        """Asks the run for the first request."""
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.run.connections.add(self)
        self.run.free(self)

    def send(self, since: float, now: float) -> None:
        """Sends the request that arrived at `since`."""
        self.since = since
        if self.run.opens <= since:
            self.run.sent += 1
            self.run.late += now - since
        self.transport.write(next(self.run.messages))

    def data_received(self, data: bytes) -> None:
        """Parses a part of a reply."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.drop("bad reply")
        if self.status:  # handled out here, as the next request must not start inside the parser
            self.finish()

    def on_message_complete(self) -> None:
        """Notes the status of a whole reply; called by the parser."""
        status = self.parser.get_status_code()
        self.status = status if status >= 200 else 0  # 1xx announces the reply proper
        self.lasting = self.parser.should_keep_alive()

    def finish(self) -> None:
        """Counts the reply and asks the run for the next request."""
        run, now, since, status = self.run, clock(), self.since, self.status
        self.since, self.status, self.used = None, 0, True
        if since is None:
            return self.drop("bad reply")  # without a request
        if not 200 <= status < 300:
            run.fail(since, str(status))
        else:
            if run.opens <= since:
                run.latencies.append(now - since)
            run.replies += run.opens <= now < run.closes
        if self.lasting:
            run.free(self)
        else:
            self.transport.close()

    def drop(self, reason: str) -> None:
        """Counts the request under way as failed and closes the connection."""
        since, self.since, self.status = self.since, None, 0
        if since is not None:
            self.run.fail(since, reason)
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Leaves the run; a request under way has failed."""
        self.drop("connection lost")
        self.run.connections.discard(self)
        with contextlib.suppress(ValueError):
            self.run.idle.remove(self)
        if not self.lost.done():
            self.lost.set_result(None)


async def _prepare(
    requests: Request | Sequence[Request],
    seconds: float,
    warmup: float,
    timeout: float,
    free: Callable[[Connection], None],
) -> LoadRun:
    requests = [requests] if isinstance(requests, Request) else requests
    address = await _reach(requests[0].host, requests[0].port, timeout)
    messages = itertools.cycle([request.encode() for request in requests])
    opens = clock() + warmup
    return LoadRun(messages, address, opens, opens + seconds, timeout, free)


async def _reach(host: str, port: int, timeout: float) -> tuple[str, int]:
    """Resolves a name once and returns its address.

    Raises:
        CheckreaderError: nothing listens there.
    """
    with unreachable(host, port):
        async with asyncio.timeout(timeout):
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, host, port)
    address: tuple[str, int] = transport.get_extra_info("peername")[:2]
    transport.abort()
    return address


@contextlib.contextmanager
def unreachable(host: str, port: int) -> Iterator[None]:
    """Raises CheckreaderError for an error of the network inside the block."""
    try:
        yield
    except OSError as error:  # TimeoutError is one, without a message
        # asyncio words it as "Connect call failed (…)"; the number of an unknown name is below 0.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror or str(error) or "no answer"
        raise CheckreaderError(
            f"cannot connect to {host}:{port}: {reason}: is the service running?"
        ) from None


async def _drive(run: LoadRun, connections: int) -> float:
    """Drives a run to its end; returns this process's share of a core inside the window."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_stay_connected(run)) for _ in range(connections)]
        await _until(run, run.opens)
        wall, used = clock(), time.process_time()
        await _until(run, run.closes)
        cpu = (time.process_time() - used) / (clock() - wall)
        while run.sweep():
            await asyncio.sleep(_TICK)
        for task in tasks:
            task.cancel()
    return cpu


async def _until(run: LoadRun, moment: float) -> None:
    while (left := moment - clock()) > 0:
        run.sweep()
        await asyncio.sleep(min(left, _TICK))


async def _stay_connected(run: LoadRun) -> None:
    """Keeps one connection open until it is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        used = False
        try:
            async with asyncio.timeout(run.timeout):
                _, connection = await loop.create_connection(lambda: Connection(run), *run.address)
        except OSError:
            run.fail(clock(), "cannot connect")
        else:
            try:
                await connection.lost
            finally:
                connection.transport.abort()
            used = connection.used
        if not used:  # else a service that hangs up at once would be called in a busy loop
            await asyncio.sleep(_TICK)


@contextlib.contextmanager
def _alarm(callback: Callable[[], None]) -> Iterator[Callable[[float], None]]:
    """Yields a timer for `callback`, exact to microseconds where an event loop's is to milliseconds."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGALRM, callback)

    def arm(delay: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, max(delay, 1e-6))  # 0 would switch it off

    try:
        yield arm
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        loop.remove_signal_handler(signal.SIGALRM)
