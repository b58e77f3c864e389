"""Clients that ping a quiet connection, by HTTP/2's own frames."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serving.app import build_app
from serving.grpc.servicer import PING_INTERVAL, serve
from serving.settings import Settings

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 4, 6, 7
ACK: Final = 1
ENHANCE_YOUR_CALM: Final = 11


def frame(kind: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + bytes(4) + payload


class Peer:
    """A client that speaks frames: pings and what comes back."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.file = self.socket.makefile("rb")
        self.socket.sendall(PREFACE + frame(SETTINGS))

    def ping(self) -> bool:
        """Pings, and tells whether that was answered before the connection was ended."""
        self.socket.sendall(frame(PING, bytes(8)))
        while True:
            header = self.file.read(9)
            payload = self.file.read(int.from_bytes(header[:3], "big"))
            if header[3] == PING and header[4] & ACK:
                return True
            if header[3] == GOAWAY:
                assert int.from_bytes(payload[4:8], "big") == ENHANCE_YOUR_CALM
                return False

    def is_silent(self, seconds: float) -> bool:
        """Tells whether the server sends nothing for a while, such as the end of the connection."""
        return select.select([self.socket], [], [], seconds)[0] == []


@contextmanager
def connected(models: Path, ping_interval: float) -> Iterator[Peer]:
    app = build_app(Settings(models=models))
    with asyncio.Runner() as runner:
        server, port = runner.run(serve(app.plane, app.reloader, app.admission, 0, ping_interval))
        peer = Peer(port)
        try:
            yield peer
        finally:
            peer.file.close()
            peer.socket.close()
            runner.run(server.stop(0))


def test_clients_ping_no_more_often_than_is_allowed() -> None:
    assert PING_INTERVAL < 10


def test_a_quiet_client_may_ping(models: Path) -> None:
    """However often, as long as it keeps the interval; without a call too."""
    interval = 0.02
    with connected(models, interval) as peer:
        for _ in range(10):
            assert peer.ping()
            assert peer.is_silent(2 * interval)


def test_a_flood_of_pings_ends_the_connection(models: Path) -> None:
    with connected(models, PING_INTERVAL) as peer:
        assert not all(peer.ping() for _ in range(10))
