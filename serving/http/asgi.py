"""HTTP at ASGI's level: whole bodies in, whole responses out, every error as `{"error": …}`.

Starlette routes the requests but for the path that is asked most. Its routing, requests and responses would
take 31 µs a request where this module takes 6, of some 105 from socket to socket.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from serving.errors import Busy, CheckreaderError, TooLarge, Unauthorized, Unsupported
from serving.http.access_log import request_id
from serving.http.admission import AdmissionControl

T = TypeVar("T")

JSON: Final = b"application/json"
CONNECTION: Final = "checkreader.connection"  # ASGI's extension that holds the request's connection
CLIENT_CLOSED_REQUEST: Final = 499  # never sent, only recorded: the client has disconnected
_MIN_COMPRESSED: Final = 1024  # bytes; compressing a shorter body costs more than it saves
# zlib's `wbits` of the formats that HTTP calls gzip and deflate.
_WBITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_ZERO_QUALITY: Final = re.compile(r"q\s*=\s*0(\.0*)?")
_log = logging.getLogger("checkreader")


class ClientDisconnected(Exception):
    """The client has closed the connection before its request was answered."""


class HttpResponse(NamedTuple):
    """A response before it is compressed.

    Attributes:
        body: the bytes.
        media: its Content-Type.
        status: of the response.
        headers: others than Content-Type and Content-Length.
        plain: is never compressed, whatever the client accepts.
        reading: the body is a reading, which the access log may hold.
    """

    body: bytes
    media: bytes = JSON
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    plain: bool = False
    reading: bool = False


class HttpRequest:
    """A request as a handler sees it.

    Args:
        scope: ASGI's, with the path's parameters.
        receive: ASGI's.

    Attributes:
        headers: names in lower case.
        path_parameters: the parts of the path that the route names.
        query: the query string.
    """

    __slots__ = ("_receive", "headers", "path_parameters", "query")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.path_parameters: dict[str, str] = scope.get("path_params", {})
        self.query: bytes = scope["query_string"]

    def header(self, name: bytes) -> str | None:
        """Returns a header's value; `name` is in lower case."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def query_parameters(self) -> list[tuple[str, str]]:
        """Returns names and values in the order of the query string."""
        return parse_qsl(self.query.decode("latin-1"), keep_blank_values=True)

    async def body(self, limit: int) -> bytes:
        """Reads the whole body and decompresses it; `serving.http.connection` limits the time that it may take.

        Args:
            limit: bytes, as sent and decompressed.

        Raises:
            TooLarge: the body is longer.
            Unsupported: its Content-Encoding is not read.
            ClientDisconnected: the client disconnects in the middle of it.
            CheckreaderError: it is not what its Content-Encoding says.
        """
        encoding = (self.header(b"content-encoding") or "identity").lower()
        if encoding != "identity" and encoding not in _WBITS:
            raise Unsupported(
                f"Content-Encoding {encoding!r} is not read: send gzip, deflate, or the body as it is"
            )
        declared = self.headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        parts: list[bytes] = []
        length, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            parts.append(message.get("body", b""))
            length += len(parts[-1])
            if length > limit:
                raise _too_large(limit)
            more = message.get("more_body", False)
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        return body if encoding == "identity" else _decompress(body, encoding, limit)

    async def cancel_on_disconnect(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits `work`, and cancels it if the client disconnects; to be called once the body is read.

        Raises:
            ClientDisconnected: the client has disconnected first.
        """
        task = asyncio.ensure_future(work)
        disconnect = asyncio.ensure_future(self._receive())  # after the body, no other message comes
        try:
            await asyncio.wait((task, disconnect), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientDisconnected
            return task.result()
        finally:
            task.cancel()
            disconnect.cancel()


Handler: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponse]]


def json_response(content: Any, status: int = 200) -> HttpResponse:
    """Returns `content` as JSON, never compressed: tritonclient's asynchronous client unpacks `infer`'s alone."""
    return HttpResponse(msgspec.json.encode(content), JSON, status, plain=True)


class Endpoint:
    """A handler as an ASGI application; a class, since Starlette takes functions for handlers of its own.

    Args:
        handler: answers the requests.
        operation: method and path, as the counters have it.
        admission: admits, refuses and counts the requests.
        public: needs no API key.
    """

    def __init__(
        self, handler: Handler, operation: str, admission: AdmissionControl, public: bool = False
    ) -> None:
        self.handler = handler
        self.operation = operation
        self.admission = admission
        self.public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter_ns()
        request, admission = HttpRequest(scope, receive), self.admission
        access_log = admission.access_log
        client_id = request.header(b"x-request-id")
        id = request_id(client_id) if client_id is not None or access_log.enabled else ""
        response: HttpResponse | None = None
        admission.in_flight += 1
        try:
            response = await self._respond(scope, request)
            if response is not None:
                if id:
                    headers = (*response.headers, (b"x-request-id", id.encode()))
                    response = response._replace(headers=headers)
                connection = scope.get("extensions", {}).get(CONNECTION)
                if connection is not None and response.body and scope["method"] != "HEAD":
                    connection.join_next_response()
                await send_response(response, request.headers.get(b"accept-encoding"), send)
                # Uvicorn silently drops a response whose connection had ended before.
                if connection is not None and connection.lost:
                    response = None
        finally:
            admission.in_flight -= 1
            ns = time.perf_counter_ns() - start
            status = CLIENT_CLOSED_REQUEST if response is None else response.status
            admission.record_request(self.operation, status, ns)
            if access_log.enabled:
                client, declared = scope.get("client"), request.header(b"content-length") or ""
                access_log.log_request(
                    id,
                    client[0] if client else "",
                    scope["method"],
                    scope["path"],
                    status,
                    ns,
                    int(declared) if declared.isdigit() else 0,
                    0 if response is None else len(response.body),
                    response.body if response is not None and response.reading else None,
                )

    async def _respond(self, scope: Scope, request: HttpRequest) -> HttpResponse | None:
        """Returns the handler's response or the error's; None if the client has disconnected."""
        try:
            if not self.public:
                self.admission.admit(request.header(b"authorization"))
            return await self.handler(request)
        except CheckreaderError as error:
            self.admission.count_refusal(error)
            return error_response(error)
        except ClientDisconnected:
            return None
        except Exception as error:
            self.admission.count_refusal(error)
            _log.exception("internal error at %s %s", scope["method"], scope["path"])
            return json_response({"error": "internal error: see the service's log"}, 500)


def error_response(error: CheckreaderError) -> HttpResponse:
    """Returns the response to a request that failed."""
    response = json_response({"error": str(error)}, error.status)
    if isinstance(error, Busy):
        return response._replace(headers=((b"retry-after", b"1"),))
    # The rest of the body is not read: the connection cannot be used again.
    if isinstance(error, Unauthorized):
        return response._replace(headers=((b"www-authenticate", b"Bearer"), (b"connection", b"close")))
    if isinstance(error, TooLarge):
        return response._replace(headers=((b"connection", b"close"),))
    return response


async def send_response(response: HttpResponse, accept_encoding: bytes | None, send: Send) -> None:
    """Sends a response, compressed if it is long enough and the client accepts it.

    Args:
        response: to be sent.
        accept_encoding: the request's header.
        send: ASGI's.
    """
    body, headers = response.body, response.headers
    if accept_encoding and not response.plain and len(body) >= _MIN_COMPRESSED:
        encoding = negotiate_encoding(accept_encoding.decode("latin-1"))
        if encoding:
            compressor = zlib.compressobj(6, wbits=_WBITS[encoding])
            body = compressor.compress(body) + compressor.flush()
            headers += ((b"content-encoding", encoding.encode()), (b"vary", b"accept-encoding"))
    # The length of a 304 would be that of the body which is not sent.
    length = () if response.status == 304 else ((b"content-length", b"%d" % len(body)),)
    start = (b"content-type", response.media), *length, *headers
    await send({"type": "http.response.start", "status": response.status, "headers": start})
    await send({"type": "http.response.body", "body": body})


def negotiate_encoding(accept_encoding: str, available: Sequence[str] = ("gzip", "deflate")) -> str | None:
    """Returns the first encoding of an Accept-Encoding that is available and not refused by `q=0`."""
    for entry in accept_encoding.lower().split(","):
        name, _, quality = entry.partition(";")
        if name.strip() in available and not _ZERO_QUALITY.fullmatch(quality.strip()):
            return name.strip()
    return None


def _decompress(body: bytes, encoding: str, limit: int) -> bytes:
    decompressor = zlib.decompressobj(_WBITS[encoding])
    try:
        plain = decompressor.decompress(body, limit + 1)  # never more than that, however small `body` is
    except zlib.error as error:
        raise CheckreaderError(f"the body is not {encoding}, as its Content-Encoding says: {error}") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not decompressor.eof or decompressor.unused_data:
        raise CheckreaderError(f"the {encoding} body is cut short, or bytes follow it")
    return plain


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"body too large: at most {limit:,} bytes are read")
