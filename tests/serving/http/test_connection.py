"""Limits on time and headers of a connection, on a loop whose timers the test fires itself."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from serving.engine.statistics import Counts
from serving.http import connection
from serving.http.admission import AdmissionControl
from serving.http.asgi import CONNECTION
from serving.http.connection import (
    BODY_TIMEOUT,
    HEADER_TIMEOUT,
    LAST_REQUEST,
    MAX_DROPPED,
    MAX_HEADERS,
    PROBE,
    Connection,
)

GET = b"GET /v2 HTTP/1.1\r\nHost: checkreader\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: checkreader\r\nContent-Length: 4\r\n\r\n"


class Socket:
    """Tells Linux's state of the connection: 1 is established, 7 closed."""

    state = 1

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option, size) == (socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return bytes([self.state])

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 8000

    def getpeername(self) -> tuple[str, int]:
        return "127.0.0.1", 50000


class Transport(asyncio.Transport):
    """Keeps what is written; `ended` is that no more is, `closed` that nothing is read either."""

    def __init__(self) -> None:
        self.socket = Socket()
        super().__init__({"socket": self.socket})
        self.written = b""
        self.writes = 0
        self.ended = False
        self.closed = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        assert not self.ended
        assert not self.closed
        self.written += data
        self.writes += 1

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


class Timer:
    def __init__(self, delay: float, callback: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.delay = delay
        self.cancelled = False
        self._callback, self._arguments = callback, arguments

    def cancel(self) -> None:
        self.cancelled = True

    def fire(self) -> None:
        assert not self.cancelled
        self._callback(*self._arguments)


class Loop:
    """The running loop, but for its timers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.timers: list[Timer] = []

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: Any) -> Timer:
        self.timers.append(Timer(delay, callback, arguments))
        return self.timers[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


class App:
    """Answers with the request's method and body, once it may; `early` does not wait for the body, `joins` writes once."""

    def __init__(self) -> None:
        self.admission = AdmissionControl(Counts())
        self.answers = asyncio.Event()
        self.answers.set()
        self.connections: list[Any] = []
        self.early = False
        self.joins = False
        self.disconnected = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.connections.append(scope["extensions"][CONNECTION])
        if self.joins:
            self.connections[-1].join_next_response()
        body, more = b"", not self.early
        await self.answers.wait()
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected += 1
                return
            body += message["body"]
            more = message["more_body"]
        headers = [(name, value) for name, value in scope["headers"] if name.endswith(b"upgrade")]
        content = json.dumps([scope["method"], body.decode(), len(headers)]).encode()
        start = [(b"content-length", b"%d" % len(content))]
        if self.early:
            start.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": start})
        await send({"type": "http.response.body", "body": content})


class Peer:
    """The other end of a connection."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.app, self.transport = App(), Transport()
        self.loop = Loop(runner.get_loop())
        self._runner = runner
        config = uvicorn.Config(**connection.uvicorn_config(self.app), log_config=None)
        self.connection = Connection(config, ServerState(), {}, self.loop)
        self.connection.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        self.run(lambda: self.connection.data_received(data))

    def run(self, action: Callable[[], object]) -> None:
        """Does something in the loop and lets the application run."""

        async def act() -> None:
            action()
            for _ in range(5):
                await asyncio.sleep(0)

        self._runner.run(act())

    def answer(self) -> None:
        """Lets the application answer."""
        self.run(self.app.answers.set)

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.transport.written)]

    @property
    def timers(self) -> list[Timer]:
        """Those that run."""
        return [timer for timer in self.loop.timers if not timer.cancelled]

    def reply(self) -> tuple[int, Any]:
        head, _, content = self.transport.written.partition(b"\r\n\r\n")
        assert b"content-length: %d" % len(content) in head
        return int(head.split()[1]), json.loads(content)

    @property
    def refused(self) -> dict[str, int]:
        return self.app.admission.counts.refused


@pytest.fixture
def peer() -> Iterator[Peer]:
    with asyncio.Runner() as runner:
        yield Peer(runner)


@pytest.mark.parametrize("start", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: checkreader\r\nX: "])
def test_headers_that_do_not_arrive(peer: Peer, start: bytes) -> None:
    if start:
        peer.send(start)
    (timer,) = peer.timers
    assert timer.delay == HEADER_TIMEOUT
    timer.fire()
    assert peer.reply() == (408, {"error": "the request's headers did not arrive within 10 s"})
    assert peer.transport.ended
    assert peer.refused == {"timeout": 1}


def test_more_bytes_do_not_start_the_timer_anew(peer: Peer) -> None:
    for byte in GET[:-1]:
        peer.send(bytes([byte]))
    assert len(peer.loop.timers) == 1


def test_a_body_that_does_not_arrive(peer: Peer) -> None:
    peer.send(POST + b"ab")
    (timer,) = peer.timers
    assert timer.delay == BODY_TIMEOUT
    timer.fire()
    assert peer.reply() == (408, {"error": "the request's body did not arrive within 20 s"})
    assert peer.refused == {"timeout": 1}


def test_a_request_in_one_piece_stops_the_timer(peer: Peer) -> None:
    peer.send(POST + b"abcd")
    assert peer.reply() == (200, ["POST", "abcd", 0])
    assert [timer.delay for timer in peer.timers] == [connection.KEEP_ALIVE]  # uvicorn's own
    assert not peer.transport.closed


def test_a_closed_connection_stops_the_timer(peer: Peer) -> None:
    peer.send(b"GET /")
    peer.connection.connection_lost(None)
    assert peer.timers == []


def test_headers_that_are_too_large(peer: Peer) -> None:
    peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    for _ in range(MAX_HEADERS // 1000 + 1):
        peer.send(b"x" * 1000)
    assert peer.reply() == (
        431,
        {"error": "the request's headers are too large: at most 65,536 bytes are read"},
    )
    assert peer.refused == {"too_large": 1}


def test_what_is_not_http(peer: Peer) -> None:
    peer.send(b"\x16\x03\x01 hello\r\n\r\n")
    assert peer.reply() == (400, {"error": "not an HTTP request: expected HTTP/1.1"})
    assert peer.transport.ended
    assert peer.refused == {"malformed": 1}


@pytest.mark.parametrize("header", [b"Upgrade: h2c", b"upgrade: websocket"])
def test_an_upgrade_is_declined_and_the_body_kept(peer: Peer, header: bytes) -> None:
    peer.send(POST.replace(b"Host", header + b"\r\nHost") + b"abcd")
    assert peer.reply() == (200, ["POST", "abcd", 1])


def test_an_application_without_admission_control(peer: Peer) -> None:
    del peer.app.admission
    peer.send(b"rubbish\r\n\r\n")
    assert peer.reply()[0] == 400


# Headers that two programs could understand in two ways


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (b"", "expected one Host header, got 0"),
        (b"Host: a\r\nHost: b\r\n", "expected one Host header, got 2"),
        (b"Host: a\r\nhost: a\r\n", "expected one Host header, got 2"),
        (b"Host: a b\r\n", "the Host header holds no host"),
        (b"Host: user@a\r\n", "the Host header holds no host"),
        (b"Host: a/b\r\n", "the Host header holds no host"),
        (b"Host: a:b\r\n", "the Host header holds no host"),
        (b"Host: [::1\r\n", "the Host header holds no host"),
        (b"Host: \xff\r\n", "the Host header holds no host"),
        (b"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", "this Transfer-Encoding is not read"),
        (b"Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n", "not an HTTP request"),
        (b"Host: a\r\nContent-Length: 1, 1\r\n", "not an HTTP request"),
        (b"Host: a\r\nContent-Length: +1\r\n", "not an HTTP request"),
        (b"Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n", "not an HTTP request"),
        (b"Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "not an HTTP request"),
        (b"Host: a\r\nTransfer-Encoding: xchunked\r\n", ""),
        (b"Host: a\r\nX: a\r\n b\r\n", "not an HTTP request"),  # a folded line
        (b"Host: a\nX: b\r\n", "not an HTTP request"),
        (b"Host: a\rX: b\r\n", "not an HTTP request"),
        (b"Host : a\r\n", "not an HTTP request"),
        (b"Host: a\r\nX(: b\r\n", "not an HTTP request"),
        (b"Host: a\r\nX: a\0b\r\n", "not an HTTP request"),
    ],
)
def test_ambiguous_headers(peer: Peer, headers: bytes, message: str) -> None:
    peer.send(b"POST / HTTP/1.1\r\n" + headers + b"\r\n")
    status, content = peer.reply()
    assert status == 400
    assert content["error"].startswith(message)
    assert peer.transport.ended
    assert peer.refused == {"malformed": 1}
    assert peer.app.connections == []


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a",
        b"a:8000",
        b"a:",
        b"127.0.0.1:80",
        b"[::1]",
        b"[fe80::1%25eth0]:80",
        b"a_b.example",
        b"%C3%A4",
    ],
)
def test_hosts(peer: Peer, host: bytes) -> None:
    for _ in range(2):
        peer.send(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert peer.statuses == [200, 200]


def test_http_1_0_needs_no_host(peer: Peer) -> None:
    peer.send(b"GET / HTTP/1.0\r\n\r\n")
    assert peer.statuses == [200]
    assert peer.transport.closed


@pytest.mark.parametrize("version", [b"", b" HTTP/0.9", b" HTTP/2.0"])
def test_other_versions(peer: Peer, version: bytes) -> None:
    peer.send(b"GET /" + version + b"\r\n\r\n")
    assert peer.statuses[0] == 400


# Answers that a client which sends on must be able to read


def test_the_rest_of_a_refused_body_is_dropped_before_the_connection_is_closed(peer: Peer) -> None:
    peer.app.early = True
    peer.send(POST + b"a")
    assert peer.statuses == [200]
    assert peer.transport.ended
    peer.send(b"bcd" + GET)
    assert peer.statuses == [200]
    assert not peer.transport.closed
    assert not peer.connection.eof_received()  # now the transport closes itself
    (timer,) = peer.timers
    assert timer.delay == BODY_TIMEOUT
    timer.fire()
    assert peer.transport.closed


def test_not_for_ever(peer: Peer) -> None:
    peer.app.early = True
    peer.send(POST + b"a")
    for _ in range(MAX_DROPPED // 2**20):
        peer.send(bytes(2**20))
    assert not peer.transport.closed
    peer.send(b"x")
    assert peer.transport.closed


def test_nor_where_the_connection_is_kept(peer: Peer) -> None:
    peer.app.early = True
    peer.app.answers.clear()
    peer.send(POST.replace(b"4", b"%d" % 2**40))
    peer.app.early = False
    peer.connection.cycle.response_complete = True
    for _ in range(MAX_DROPPED // 2**20 + 1):
        peer.send(bytes(2**20))
    assert peer.transport.closed


def test_a_refusal_waits_for_the_answers_before_it(peer: Peer) -> None:
    peer.app.answers.clear()
    peer.send(GET + GET + b"rubbish\r\n\r\n")
    peer.send(GET)  # not read any more
    assert peer.statuses == []
    peer.answer()
    peer.run(lambda: None)
    assert peer.statuses == [200, 200, 400]
    assert peer.transport.ended


def test_a_refusal_of_a_body_behind_other_requests(peer: Peer) -> None:
    peer.app.answers.clear()
    peer.send(GET + POST.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked"))
    peer.send(b"rubbish\r\n")
    peer.answer()
    assert peer.statuses == [200, 400]
    assert len(peer.app.connections) == 1


def test_a_refused_body_ends_its_request(peer: Peer) -> None:
    peer.send(POST.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked"))
    peer.send(b"rubbish\r\n")
    assert peer.statuses == [400]
    assert peer.app.disconnected == 1


# Clients that end their side


def test_what_was_asked_before_the_end_is_answered(peer: Peer) -> None:
    peer.app.answers.clear()
    peer.send(GET + POST + b"abcd")
    assert peer.connection.eof_received()
    assert not peer.transport.closed
    peer.answer()
    peer.run(lambda: None)
    assert peer.statuses == [200, 200]
    assert peer.transport.closed


def test_the_end_of_an_idle_connection(peer: Peer) -> None:
    assert not peer.connection.eof_received()
    peer.send(GET)
    assert not peer.connection.eof_received()


@pytest.mark.parametrize("start", [b"GET / HT", POST + b"ab"])
def test_a_request_that_the_end_cuts_short(peer: Peer, start: bytes) -> None:
    peer.send(start)
    assert not peer.connection.eof_received()
    assert peer.reply() == (400, {"error": "the request ended before it was complete"})


def test_a_client_that_has_gone_is_told_from_one_that_waits(peer: Peer) -> None:
    peer.app.answers.clear()
    peer.send(GET)
    peer.connection.eof_received()
    for _ in range(3):
        timer = peer.timers[-1]
        assert timer.delay == PROBE
        timer.fire()
    assert peer.statuses == [100]
    assert not peer.transport.closed
    peer.transport.socket.state = 7  # reset
    peer.timers[-1].fire()
    assert peer.transport.aborted


def test_http_1_0_knows_no_interim_response(peer: Peer) -> None:
    peer.app.answers.clear()
    peer.send(b"GET / HTTP/1.0\r\n\r\n")
    peer.connection.eof_received()
    peer.timers[-1].fire()
    assert peer.transport.written == b""


def test_a_connection_says_when_it_is_lost(peer: Peer) -> None:
    peer.app.answers.clear()
    peer.send(GET)
    (connection,) = peer.app.connections
    assert not connection.lost
    peer.connection.connection_lost(None)
    assert connection.lost


# The service stops


def test_an_unused_connection_is_kept_for_a_request_on_its_way(peer: Peer) -> None:
    peer.connection.shutdown()
    peer.connection.shutdown()
    (timer,) = peer.timers
    assert timer.delay == LAST_REQUEST
    peer.send(GET[:9])
    assert [timer.delay for timer in peer.timers] == [HEADER_TIMEOUT]
    peer.send(GET[9:])
    assert peer.statuses == [200]
    assert b"connection: close" in peer.transport.written
    assert peer.transport.closed


def test_an_idle_connection_is_closed_after_that(peer: Peer) -> None:
    peer.send(GET)
    peer.connection.shutdown()
    (timer,) = peer.timers
    timer.fire()
    assert peer.transport.closed


@pytest.mark.parametrize("begun", [GET[:9], POST, POST + b"ab"])
def test_a_request_that_is_begun_is_answered(peer: Peer, begun: bytes) -> None:
    peer.send(begun)
    peer.connection.shutdown()
    peer.send((GET if begun in GET else POST + b"abcd")[len(begun) :])
    assert peer.statuses == [200]
    assert peer.transport.closed


def test_the_rest_of_a_refused_body_holds_up_no_stop(peer: Peer) -> None:
    peer.app.early = True
    peer.send(POST)
    peer.connection.shutdown()
    (timer,) = peer.timers
    assert timer.delay == LAST_REQUEST


@pytest.mark.parametrize("early", [False, True])
def test_a_response_may_be_written_in_one_piece(peer: Peer, early: bool) -> None:
    peer.app.joins, peer.app.early = True, early  # an early answer ends the connection
    for count in (1,) if early else (1, 2):
        peer.send(POST + b"body")
        assert peer.transport.writes == count
    assert set(peer.statuses) == {200}
    assert peer.transport.closed == early


def test_pipelined_responses_are_written_one_by_one(peer: Peer) -> None:
    peer.app.joins = True
    peer.send(POST + b"body" + POST + b"more")
    assert peer.transport.writes == 2
    assert peer.statuses == [200, 200]
