"""Uvicorn's HTTP connections with limits on time and headers, whole answers, and every refusal as JSON."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from serving.errors import CheckreaderError, HeadersTooLarge, Malformed, TimedOut
from serving.http.asgi import CONNECTION

# s from a request's first byte, or from the connection's start, to the end of its headers.
HEADER_TIMEOUT: Final = 10.0
# s from there to the end of its body, and for the rest of a body that was refused.
BODY_TIMEOUT: Final = 20.0
MAX_HEADERS: Final = 2**16  # bytes
MAX_DROPPED: Final = 2**26  # bytes that are read and dropped after an answer that did not wait for them
# s that an idle connection is kept: longer than clients and proxies do, or they would send into a closing one.
KEEP_ALIVE: Final = 75
DRAIN: Final = 10  # s that requests in flight may take after the signal to stop
LAST_REQUEST: Final = 1.0  # s that an idle connection is kept after it, for a request that is on its way
PROBE: Final = 0.5  # s between two looks whether a client that has ended its side is still there
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_TCP_CLOSE: Final = 7  # Linux's state of a socket that was reset
_UPGRADE: Final = re.compile(rb"(?i)\r\nupgrade:")
_HOST: Final = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?\])(?::\d*)?", re.ASCII)


class Connection(HttpToolsProtocol):
    """Ends a connection only when the client can have read the last answer, and where no request arrives in time.

    A request that arrives in one piece, as nearly all do, needs no timer.

    Attributes:
        lost: the connection has ended, and nothing can be sent.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lost = False
        self._extensions: dict[str, object] = {CONNECTION: self}
        self._deadline: asyncio.TimerHandle | None = None
        self._request_begun = False  # and not complete
        self._awaits_headers = True  # of the request that is begun or comes next
        self._header_bytes = 0  # of headers that are not complete
        self._hosts = 0  # Host headers of the request
        self._host: bytes | None = None  # the last of them
        self._malformed: str | None = None  # what is wrong with the request's headers
        self._drops = False  # reads no more requests
        self._refusal: bytes | None = None  # waits for the answers to the requests before
        self._lingers = False  # has sent its last answer
        self._dropped = 0  # bytes, since an answer that did not wait for them
        self._probed = False  # was sent an interim response
        self._stopping = False  # ends with its next answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._inner = transport
        super().connection_made(cast(asyncio.Transport, _Transport(transport, self._end)))
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._drops:
            return self._drop(len(data))
        if self._stopping and not self._request_begun:
            self._stop_timer()  # the last request comes
        if self._awaits_headers:
            data = _without_upgrade(data)
        super().data_received(data)
        if self._drops or self.transport.is_closing():
            return
        if not self._awaits_headers:
            if self.cycle.response_complete:
                self._drop(len(data))
        elif self._request_begun:
            self._header_bytes += len(data)
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

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answers what the client has asked for before it ended its side; True keeps the connection for that."""
        if self._lingers or self.scheme == "https":  # TLS ends both sides at once
            return False
        if self._request_begun:
            self._refuse(Malformed("the request ended before it was complete"))
            return self._refusal is not None
        if not self._is_answering():
            return False
        self.cycle.keep_alive = False
        self._stop_timer()
        self._deadline = self.loop.call_later(PROBE, self._probe)
        return True

    def shutdown(self) -> None:
        """Ends the connection after the requests that are begun or, for a moment, may be on their way."""
        if self._stopping:
            return
        self._stopping = True
        if self._lingers:
            self._linger()
        elif self._is_answering():
            self.cycle.keep_alive = False
        elif not self._awaits_headers:
            self._end()
        elif not self._request_begun:
            self._unset_keepalive_if_required()
            self._stop_timer()
            self._deadline = self.loop.call_later(LAST_REQUEST, self._inner.close)

    def join_next_response(self) -> None:
        """Writes the head of the response that is sent next together with its body, which must not be empty.

        A write is a system call and a packet, and may wake the client: in two it would cost twice that.
        """
        self.transport.joins = True  # type: ignore[attr-defined]

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._request_begun, self._hosts, self._dropped = True, 0, 0
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._awaits_headers:  # trailers are of no use, and nothing would limit them
            return
        name = name.lower()
        self.headers.append((name, value))
        if name == b"host":
            self._hosts += 1
            if value != self._host:
                self._host = value
                if _HOST.fullmatch(value) is None:
                    self._malformed = "the Host header holds no host"
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked":
                self._malformed = "this Transfer-Encoding is not read: send chunked or a Content-Length"
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        if self._hosts != 1 and (self._hosts > 1 or self.parser.get_http_version() != "1.0"):
            self._malformed = f"expected one Host header, got {self._hosts}"
        if self._malformed is not None:
            raise ValueError(self._malformed)  # ends the parser, which then calls send_400_response
        super().on_headers_complete()
        self._awaits_headers, self._header_bytes = False, 0
        self._stop_timer()
        if self._stopping:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._request_begun, self._awaits_headers = False, True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal is not None and self.timeout_keep_alive_task is not None:  # no request is left
            self._unset_keepalive_if_required()
            self._inner.write(self._refusal)
            self._end()

    def send_400_response(self, msg: str) -> None:
        self._refuse(Malformed(self._malformed or "not an HTTP request: expected HTTP/1.1"))

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

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
        if self._awaits_headers and self._is_answering():  # the request before comes first
            self._start_timer()
        elif self.cycle is None or (
            self._request_begun and (self._awaits_headers or not self.cycle.response_started)
        ):
            part = "headers" if self._awaits_headers else "body"
            self._refuse(TimedOut(f"the request's {part} did not arrive within {limit:g} s"))
        else:
            self._inner.close()

    def _refuse(self, error: CheckreaderError) -> None:
        """Answers the request that is begun, after those before it, and ends the connection."""
        admission = getattr(self.config.app, "admission", None)  # absent where another application is served
        if admission is not None:
            admission.count_refusal(error)
        body = msgspec.json.encode({"error": str(error)})
        headers = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        refusal = STATUS_LINE[error.status] + headers % len(body) + body
        self._stop_timer()
        self._unset_keepalive_if_required()
        if self._awaits_headers:
            if self._is_answering():
                self._refusal, self._drops = refusal, True
                return
        elif self.pipeline:  # the application waits for the requests before
            self.pipeline.popleft()
            self._refusal, self._drops = refusal, True
            return
        elif self.cycle.response_started:
            refusal = b""
        else:  # the application waits for the body
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._inner.write(refusal)
        self._linger()

    def _end(self) -> None:
        """Closes the connection, at once unless the client may be sending still."""
        if self.transport.is_closing() or self.lost:
            return
        self._stop_timer()
        if self._request_begun or self._refusal is not None:
            self._linger()
        else:
            self._inner.close()

    def _linger(self) -> None:
        """Ends this side and reads on for a while: closed with bytes unread, it would reset, and no answer be read."""
        self._stop_timer()
        if not self._lingers:
            self._lingers, self._drops, self._refusal = True, True, None
            self.transport.is_closing = lambda: True  # type: ignore[method-assign]
            if self._inner.can_write_eof():
                self._inner.write_eof()
            self.flow.resume_reading()
        self._deadline = self.loop.call_later(
            LAST_REQUEST if self._stopping else BODY_TIMEOUT, self._inner.abort
        )

    def _drop(self, count: int) -> None:
        """Counts bytes that nobody reads, and ends the connection if they are too many."""
        self._dropped += count
        if self._dropped > MAX_DROPPED:
            self._inner.abort()

    def _probe(self) -> None:
        """Finds out whether a client that has ended its side still reads.

        One that has gone answers anything that it is sent by a reset; the others drop an interim response.
        """
        self._deadline = None
        if self.transport.is_closing() or not self._is_answering():
            return
        state = self._inner.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        if state[0] == _TCP_CLOSE:
            self._inner.abort()
            return
        if not self._probed and self.cycle.scope["http_version"] == "1.1":
            self._probed = True
            self._inner.write(_CONTINUE)
        self._deadline = self.loop.call_later(PROBE, self._probe)


class _Transport:
    """A connection's transport for uvicorn, closed by the connection's own rule; a plain attribute costs no call.

    Attributes:
        joins: the next piece that is written is a response's head, which waits for its body.
    """

    __slots__ = ("_head", "_transport", "close", "is_closing", "joins")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self._transport = transport
        self._head = b""
        self.joins = False
        self.is_closing = transport.is_closing
        self.close = close

    def write(self, data: bytes) -> None:
        if self.joins:
            self._head, self.joins = data, False
            return
        if self._head:
            data, self._head = self._head + data, b""
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


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
