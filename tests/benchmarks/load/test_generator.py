"""The load generator, against a service of a few lines that behaves and misbehaves on command."""

from __future__ import annotations

import asyncio
import io
import math
import socket
import statistics
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.load import generator as load
from benchmarks.load import scenarios
from benchmarks.load.generator import Request, arrivals, closed_loop, open_loop, summarize
from benchmarks.load.scenarios import requests, split, stats
from serving.errors import CheckreaderError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n" + OK
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
HANG_UP = b""
HALF = OK[:-1]

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param


@asynccontextmanager
async def service(reply: bytes | None, *, once: bool = False) -> AsyncIterator[int]:
    """Answers every request with `reply`, None being silence, and hangs up after half of one.

    With `once` it stops to listen at the first request.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                if once:
                    server.close()
                if reply is not None:
                    writer.write(reply)
                    await writer.drain()
                if reply in (HANG_UP, HALF) or b"connection: close" in head + (reply or b"").lower():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


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
        window = load._Run(b"", ("", 0), at, at + 60, 10, freed.append)
        connection = load._Connection(window)
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
    cuts = statistics.quantiles([1e3 * one for one in latencies], n=100, method="inclusive")
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


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)


def test_json_request(pixels: np.ndarray) -> None:
    request = requests("http://[::1]:8000/root/", "a b", "json", 3, pixels)
    assert (request.host, request.port, request.path) == ("::1", 8000, "/root/v2/models/a%20b/infer")
    (tensor,) = msgspec.json.decode(request.body)["inputs"]
    assert (tensor["name"], tensor["datatype"], tensor["shape"]) == ("image", "FP32", [3, 28, 28, 1])
    expected = pixels[[0, 1, 0]] / np.float32(255)
    assert (np.array(tensor["data"], np.float32) == expected.ravel()).all()


def test_binary_request(pixels: np.ndarray) -> None:
    request = requests("http://host", "m", "binary", 2, pixels)
    assert (request.port, request.path) == (80, "/v2/models/m/infer")
    assert ("Inference-Header-Content-Length", "0") in request.headers
    assert (np.frombuffer(request.body, "<f4") == (pixels / np.float32(255)).ravel()).all()


def test_picture_request(pixels: np.ndarray) -> None:
    request = requests("http://host", "m", "picture", 1, pixels)
    assert request.path == "/digits?model=m"
    assert (np.asarray(Image.open(io.BytesIO(request.body))) == pixels[0]).all()


@pytest.mark.parametrize("url", ["host:8000", "https://host", "http://", "http://host:x", "http://[::1"])
def test_bad_address(url: str, pixels: np.ndarray) -> None:
    with pytest.raises(CheckreaderError):
        requests(url, "m", "json", 1, pixels)


@pytest.mark.parametrize(("kind", "rows"), [("picture", 2), ("json", 0), ("binary", -1)])
def test_bad_rows(kind: scenarios.Kind, rows: int, pixels: np.ndarray) -> None:
    with pytest.raises(CheckreaderError):
        requests("http://host", "m", kind, rows, pixels)


def test_stats(run: Run) -> None:
    async def ask(reply: bytes) -> dict[str, Any]:
        async with service(reply) as port:
            return await stats("127.0.0.1", port, "m")

    assert run(ask(CHUNKED)) == {}
    with pytest.raises(CheckreaderError, match="404: no such model"):
        run(ask(b'HTTP/1.1 404 X\r\nContent-Length: 25\r\n\r\n{"error":"no such model"}'))
    for reply in (FAILED, HANG_UP, b"SMTP ready\r\n", OK[:-2] + b"[]"):
        with pytest.raises(CheckreaderError, match="no JSON object"):
            run(ask(reply))


def test_split() -> None:
    def told(requests: int, rows: int, executions: int, queue: int, infer: int) -> dict[str, Any]:
        def part(ns: int) -> dict[str, int]:
            return {"count": requests, "ns": ns}

        parts = {"queue": queue, "compute_input": 0, "compute_infer": infer, "compute_output": 0}
        inference_stats = {name: part(ns) for name, ns in parts.items()}
        one = {"inference_count": rows, "execution_count": executions, "inference_stats": inference_stats}
        return {"model_stats": [one]}

    before, after = told(10, 10, 10, 5_000, 7_000), told(110, 410, 60, 205_000, 57_000)
    expected = {"queue": 2.0, "compute_input": 0, "compute_infer": 0.5, "compute_output": 0}
    assert split(before, after) == expected | {"rows_per_execution": 8}
    assert all(math.isnan(value) for value in split(after, after).values())
