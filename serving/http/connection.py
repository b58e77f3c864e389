"""Uvicorn's HTTP connections with limits on time and headers, and with every refusal as JSON."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.errors import CheckreaderError, HeadersTooLarge, Malformed, TimedOut

# s from a request's first byte, or from the connection's start, to the end of its headers.
HEADER_TIMEOUT: Final = 10.0
# s from there to the end of its body.
BODY_TIMEOUT: Final = 20.0
MAX_HEADERS: Final = 2**16  # bytes
# s that an idle connection is kept: longer than clients and proxies do, or they would send into a closing one.
KEEP_ALIVE: Final = 75
DRAIN: Final = 10  # s that requests in flight may take after the signal to stop
_UPGRADE: Final = re.compile(rb"(?i)\r\nupgrade:")


class Connection(HttpToolsProtocol):
    """Ends connections on which a request does not arrive in time, which uvicorn would keep for ever.

    A request that arrives in one piece, as nearly all do, needs no timer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._request_begun = False  # and not complete
        self._awaits_headers = True  # of the request that is begun or comes next
        self._header_bytes = 0  # of headers that are not complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._awaits_headers:
            data = _without_upgrade(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._awaits_headers:
            self._header_bytes += len(data) if self._request_begun else 0
            if self._header_bytes > MAX_HEADERS:
                return self._refuse(
                    HeadersTooLarge(
                        f"the request's headers are too large: at most {MAX_HEADERS:,} bytes are read"
                    )
                )
        if self._request_begun or self._is_idle():
            self._start_timer()
        else:
            self._stop_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._request_begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._awaits_headers:  # trailers are of no use, and nothing would limit them
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._awaits_headers, self._header_bytes = False, 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._request_begun, self._awaits_headers = False, True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(Malformed("not an HTTP request: expected HTTP/1.1"))

    def _is_idle(self) -> bool:
        """Tells that no request is in flight and that uvicorn's own keep-alive timer does not run."""
        return (self.cycle is None or self.cycle.response_complete) and self.timeout_keep_alive_task is None

    def _start_timer(self) -> None:
        if self._deadline is None:
            limit = HEADER_TIMEOUT if self._awaits_headers else BODY_TIMEOUT
            self._deadline = self.loop.call_later(limit, self._on_timeout, limit)

    def _stop_timer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_timeout(self, limit: float) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self._awaits_headers and answering:  # the request before comes first
            self._start_timer()
        elif self.cycle is None or (
            self._request_begun and (self._awaits_headers or not self.cycle.response_started)
        ):
            part = "headers" if self._awaits_headers else "body"
            self._refuse(TimedOut(f"the request's {part} did not arrive within {limit:g} s"))
        else:
            self.transport.close()

    def _refuse(self, error: CheckreaderError) -> None:
        admission = getattr(self.config.app, "admission", None)  # absent where another application is served
        if admission is not None:
            admission.count_refusal(error)
        body = msgspec.json.encode({"error": str(error)})
        headers = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(STATUS_LINE[error.status] + headers % len(body) + body)
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """Declines an offer to change the protocol by hiding the header; the parser would drop the body with it."""
    end = data.find(b"\r\n\r\n")
    headers = data if end < 0 else data[: end + 2]
    if b"upgrade:" not in headers.lower():
        return data
    return _UPGRADE.sub(b"\r\nx-upgrade:", headers) + data[len(headers) :]


def uvicorn_config(app: Any, cert: Path | None = None, key: Path | None = None) -> dict[str, Any]:
    """Returns uvicorn's settings.

    Args:
        app: the ASGI application.
        cert, key: PEM files, for TLS; both or neither.
    """
    return {
        "app": app,
        "http": Connection,
        "loop": "auto",
        "ws": "none",
        "lifespan": "off",
        "log_level": "warning",
        "access_log": False,
        "timeout_keep_alive": KEEP_ALIVE,
        "timeout_graceful_shutdown": DRAIN,
        "server_header": False,
        "ssl_certfile": cert,
        "ssl_keyfile": key,
    }
