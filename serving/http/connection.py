"""Uvicorn's HTTP connections, with habits of ours: nobody may dawdle, and every refusal is JSON."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

# s from a request's first byte, or from the connection's start, to the end of its headers.
HEADER_TIMEOUT: Final = 10.0
# s from there to the end of its body.
BODY_TIMEOUT: Final = 20.0
_MAX_HEAD: Final = 2**16  # bytes of headers
# s that an idle connection is kept: longer than clients and proxies do, or they would send into a closing one.
_KEEP_ALIVE: Final = 75
DRAIN: Final = 10  # s that requests in flight may take after the signal to stop
_REFUSED: Final = {400: "malformed", 408: "timeout", 431: "too_large"}  # as `/metrics` calls it
_UPGRADE: Final = re.compile(rb"(?i)\r\nupgrade:")


class Connection(HttpToolsProtocol):
    """Ends connections on which a request does not arrive, which uvicorn would keep for ever.

    What arrives in one piece, as nearly everything does, needs no timer.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._begun = False  # a request has, and is not complete
        self._in_head = True  # no request's headers are complete
        self._head = 0  # bytes of headers that are not

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            data = _without_upgrade(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head += len(data) if self._begun else 0
            if self._head > _MAX_HEAD:
                return self._refuse(
                    431, f"the request's headers are too large: at most {_MAX_HEAD:,} bytes are read"
                )
        if self._begun or self._idle():
            self._expect()
        else:
            self._forget()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # trailers are of no use, and nothing would limit them
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        self._forget()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._begun, self._in_head = False, True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "not an HTTP request: expected HTTP/1.1")

    def _idle(self) -> bool:
        """Whether nothing is under way, and uvicorn does not count the time either."""
        return (self.cycle is None or self.cycle.response_complete) and self.timeout_keep_alive_task is None

    def _expect(self) -> None:
        if self._deadline is None:
            limit = HEADER_TIMEOUT if self._in_head else BODY_TIMEOUT
            self._deadline = self.loop.call_later(limit, self._late, limit)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self, limit: float) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._in_head and answering:  # the request before comes first
            self._expect()
        elif self.cycle is None or (self._begun and (self._in_head or not self.cycle.response_started)):
            what = "headers" if self._in_head else "body"
            self._refuse(408, f"the request's {what} did not arrive within {limit:g} s")
        else:
            self.transport.close()

    def _refuse(self, status: int, why: str) -> None:
        door = getattr(self.config.app, "door", None)  # absent where another application is served
        if door is not None:
            door.refused(_REFUSED[status])
        body = msgspec.json.encode({"error": why})
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head % len(body) + body)
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """The offer to change the protocol is declined by overlooking it; the parser would drop the body with it."""
    end = data.find(b"\r\n\r\n")
    head = data if end < 0 else data[: end + 2]
    if b"upgrade:" not in head.lower():
        return data
    return _UPGRADE.sub(b"\r\nx-upgrade:", head) + data[len(head) :]


def config(app: Any, cert: Path | None = None, key: Path | None = None) -> dict[str, Any]:
    """Uvicorn's settings for `app`, with a certificate and its key over TLS."""
    return {
        "app": app,
        "http": Connection,
        "loop": "auto",
        "ws": "none",
        "lifespan": "off",
        "log_level": "warning",
        "access_log": False,
        "timeout_keep_alive": _KEEP_ALIVE,
        "timeout_graceful_shutdown": DRAIN,
        "server_header": False,
        "ssl_certfile": cert,
        "ssl_keyfile": key,
    }
