"""Limits on time and headers of a connection, on a loop whose timers the test fires itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from serving.engine.statistics import Counts
from serving.http import connection
from serving.http.admission import AdmissionControl
from serving.http.connection import BODY_TIMEOUT, HEADER_TIMEOUT, MAX_HEADERS, Connection

GET = b"GET /v2 HTTP/1.1\r\nHost: checkreader\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: checkreader\r\nContent-Length: 4\r\n\r\n"


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

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
    """Answers with the request's method and body."""

    def __init__(self) -> None:
        self.admission = AdmissionControl(Counts())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        headers = [(name, value) for name, value in scope["headers"] if name.endswith(b"upgrade")]
        content = json.dumps([scope["method"], body.decode(), len(headers)]).encode()
        start = [(b"content-length", b"%d" % len(content))]
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
        async def receive() -> None:
            self.connection.data_received(data)
            for _ in range(5):  # lets the application run
                await asyncio.sleep(0)

        self._runner.run(receive())

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
    assert peer.transport.closed
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
    peer.send(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(MAX_HEADERS // 1000 + 1):
        if not peer.transport.closed:
            peer.send(b"x" * 1000)
    assert peer.reply() == (
        431,
        {"error": "the request's headers are too large: at most 65,536 bytes are read"},
    )
    assert peer.refused == {"too_large": 1}


def test_what_is_not_http(peer: Peer) -> None:
    peer.send(b"\x16\x03\x01 hello\r\n\r\n")
    assert peer.reply() == (400, {"error": "not an HTTP request: expected HTTP/1.1"})
    assert peer.transport.closed
    assert peer.refused == {"malformed": 1}


@pytest.mark.parametrize("header", [b"Upgrade: h2c", b"upgrade: websocket"])
def test_an_upgrade_is_declined_and_the_body_kept(peer: Peer, header: bytes) -> None:
    peer.send(POST.replace(b"Host", header + b"\r\nHost") + b"abcd")
    assert peer.reply() == (200, ["POST", "abcd", 1])


def test_an_application_without_admission_control(peer: Peer) -> None:
    del peer.app.admission
    peer.send(b"rubbish\r\n\r\n")
    assert peer.reply()[0] == 400
