"""The load generator, against a service of a few lines that behaves and misbehaves on command."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import socket
import statistics
from collections.abc import Callable, Coroutine
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import generator as load
from benchmarks.load.generator import Request, arrivals, closed_loop, open_loop, summarize
from benchmarks.load.scenarios import stats
from serving.errors import CheckreaderError
from tests.support.fake_service import CHUNKED, CONTINUE, FAILED, HALF, HANG_UP, LAST, OK, service

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param


async def closed(reply: bytes | None, timeout: float = 10, once: bool = False) -> load.Result:
    async with service(reply, once=once) as port:
        request = Request("127.0.0.1", port, "/", body=b"hello")
        return await closed_loop(request, 2, 0.2, warmup=0.01, timeout=timeout)


@pytest.mark.parametrize("reply", [OK, CHUNKED, CONTINUE, LAST])
def test_closed_loop(run: Run, reply: bytes) -> None:
    result = run(closed(reply))
    assert result.requests > 4  # more than one for each connection
    assert result.errors == {}
    assert result.rate > 0
    assert result.cpu > 0
    assert result.lag_ms is None
    assert 0 < result.p50 <= result.p90 <= result.p95 <= result.p99 <= result.max


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (FAILED, "500"),
        (HANG_UP, "connection lost"),
        (HALF, "connection lost"),
        (b"SMTP ready\r\n", "bad reply"),
    ],
)
def test_failures_are_counted(run: Run, reply: bytes, reason: str) -> None:
    result = run(closed(reply))
    assert set(result.errors) == {reason}
    assert result.errors[reason] > 2  # connections are replaced
    assert (result.requests, result.rate) == (0, 0)
    assert math.isnan(result.p99)


def test_several_requests_are_sent_in_turn(run: Run) -> None:
    bodies = []

    async def measure() -> load.Result:
        async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with (
                contextlib.closing(writer),
                contextlib.suppress(asyncio.IncompleteReadError, ConnectionError),
            ):
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    bodies.append(await reader.readexactly(1))
                    writer.write(OK)

        async with await asyncio.start_server(read, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            requests = [Request("127.0.0.1", port, "/", body=body) for body in (b"a", b"b", b"c")]
            return await closed_loop(requests, 1, 0.05, warmup=0.0)

    assert run(measure()).errors == {}
    assert b"".join(bodies).startswith(b"abcab")


def test_silence_times_out(run: Run) -> None:
    assert set(run(closed(None, timeout=0.05)).errors) == {"timeout"}


def test_service_that_goes_away(run: Run) -> None:
    assert "cannot connect" in run(closed(HANG_UP, once=True)).errors


def test_nothing_listens(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    expected = f"^cannot connect to 127.0.0.1:{port}: Connection refused: is the service running\\?$"
    request = Request("127.0.0.1", port, "/")
    for call in (closed_loop(request, 1, 1), open_loop(request, 1, 1, 1), stats("127.0.0.1", port, "m")):
        with pytest.raises(CheckreaderError, match=expected):
            run(call)


def test_open_loop_sends_every_arrival(run: Run) -> None:
    async def measure() -> load.Result:
        async with service(OK) as port:
            return await open_loop(Request("127.0.0.1", port, "/"), 500, 0.2, 4, warmup=0, seed=3)

    result = run(measure())
    assert result.requests == len(arrivals(500, 0.2, 3))
    assert result.errors == {}
    assert result.lag_ms >= 0


def test_open_loop_counts_the_wait(run: Run) -> None:
    """One connection cannot keep up: who waits for it is neither left out nor timed from later."""

    async def measure() -> load.Result:
        async with service(OK) as port:
            return await open_loop(Request("127.0.0.1", port, "/"), 50_000, 0.03, 1, warmup=0, timeout=60)

    result = run(measure())
    assert result.requests == len(arrivals(50_000, 0.03, 0))
    assert 0 < result.lag_ms < result.mean
    assert result.rate < 50_000


def test_open_loop_gives_up_what_waited_too_long(run: Run) -> None:
    async def measure() -> load.Result:
        async with service(None) as port:
            return await open_loop(Request("127.0.0.1", port, "/"), 200, 0.1, 1, warmup=0, timeout=0.1)

    assert run(measure()).errors == {"timeout": len(arrivals(200, 0.1, 0))}


def test_arrivals() -> None:
    moments = arrivals(1000, 20, seed=1)
    assert (moments == arrivals(1000, 20, seed=1)).all()
    assert len(moments) != len(arrivals(1000, 20, seed=2))
    assert len(moments) == pytest.approx(20_000, abs=4 * math.sqrt(20_000))
    gaps = np.diff(moments)
    assert gaps.min() >= 0
    assert moments[-1] < 20
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # as of an exponential distribution


@given(st.lists(st.integers(1, len(CONTINUE + CHUNKED)), max_size=6))
def test_replies_in_pieces(cuts: list[int]) -> None:
    """However the network cuts them, two replies are two replies."""

    async def feed() -> tuple[int, int]:
        freed = []
        at = load.clock()
        window = load.LoadRun(itertools.repeat(b""), ("", 0), at, at + 60, 10, freed.append)
        connection = load.Connection(window)
        connection.connection_made(SimpleNamespace(write=lambda data: None, abort=lambda: None))
        for reply in (CONTINUE, CHUNKED):
            connection.send(at, at)
            edges = [0, *sorted(cut for cut in cuts if cut < len(reply)), len(reply)]
            for start, stop in pairwise(edges):
                connection.data_received(reply[start:stop])
        assert not window.errors
        return len(window.latencies), len(freed)

    assert asyncio.run(feed()) == (2, 3)


@given(st.lists(st.floats(1e-6, 100), min_size=2, max_size=200))
def test_percentiles(latencies: list[float]) -> None:
    result = summarize(latencies, 2.0)
    cuts = statistics.quantiles([1e3 * latency for latency in latencies], n=100, method="inclusive")
    expected = [cuts[percent - 1] for percent in (50, 90, 95, 99)]
    assert [result.p50, result.p90, result.p95, result.p99] == pytest.approx(expected)
    assert result.max == pytest.approx(1e3 * max(latencies))
    assert result.mean == pytest.approx(1e3 * statistics.fmean(latencies))
    assert result.rate == len(latencies) / 2


def test_a_window_without_replies() -> None:
    result = summarize([], 1.0, errors={"503": 2})
    text = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(result)))
    assert text["errors"] == {"503": 2}
    assert (text["requests"], text["rate"], text["p99"], text["lag_ms"]) == (0, 0, None, None)


def test_encode() -> None:
    assert Request("::1", 80, "/x").encode() == b"GET /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"
    post = Request("a", 8000, "/x", (("K", "v"),), b"\r\n").encode()
    assert post == b"POST /x HTTP/1.1\r\nHost: a:8000\r\nK: v\r\nContent-Length: 2\r\n\r\n\r\n"
