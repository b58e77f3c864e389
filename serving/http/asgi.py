"""HTTP at ASGI's level: whole bodies in, whole replies out, every mistake as `{"error": …}`.

Starlette finds the endpoint; finding it there for every picture, and its
requests and responses, would take 15 of the 105 µs from socket to socket.
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

from serving.errors import (
    Busy,
    CheckreaderError,
    Expired,
    Forbidden,
    TooLarge,
    Unauthorized,
    Unknown,
    Unsupported,
)
from serving.http.admission import GONE, Door, request_id

T = TypeVar("T")

JSON: Final = b"application/json"
STATUS: Final[dict[type[CheckreaderError], int]] = {
    CheckreaderError: 400,
    Unauthorized: 401,
    Forbidden: 403,
    Unknown: 404,
    TooLarge: 413,
    Unsupported: 415,
    Busy: 503,
    Expired: 504,
}
# Replies shorter than this (bytes) are not compressed: it would cost more than it spares.
_WORTH_COMPRESSING: Final = 1024
# What zlib calls the formats that HTTP calls gzip and deflate.
_WINDOW: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_REFUSED: Final = re.compile(r"q\s*=\s*0(\.0*)?")
_log = logging.getLogger("checkreader")


class Gone(Exception):
    """The client is no longer there."""


class Reply(NamedTuple):
    """`plain` keeps it uncompressed, whatever the client accepts; `reading` says that the body is one."""

    body: bytes
    media: bytes = JSON
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    plain: bool = False
    reading: bool = False


class Request:
    """What an endpoint sees of a request.

    Args:
        scope: ASGI's, with the path's parameters.
        receive: ASGI's.
    """

    __slots__ = ("_receive", "headers", "parameters", "query")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.parameters: dict[str, str] = scope.get("path_params", {})
        self.query: bytes = scope["query_string"]

    def header(self, name: bytes) -> str | None:
        """A header's value; `name` in lower case."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def items(self) -> list[tuple[str, str]]:
        """The query's parameters."""
        return parse_qsl(self.query.decode("latin-1"), keep_blank_values=True)

    async def body(self, limit: int) -> bytes:
        """The whole body, decompressed; `serving.http.connection` limits the time that it may take.

        Args:
            limit: bytes, as sent and decompressed.

        Raises:
            TooLarge, Unsupported, Gone.
            CheckreaderError: it is not what its Content-Encoding says.
        """
        encoding = (self.header(b"content-encoding") or "identity").lower()
        if encoding != "identity" and encoding not in _WINDOW:
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
                raise Gone
            parts.append(message.get("body", b""))
            length += len(parts[-1])
            if length > limit:
                raise _too_large(limit)
            more = message.get("more_body", False)
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        return body if encoding == "identity" else _decompressed(body, encoding, limit)

    async def unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which is cancelled if the client goes away before.

        Raises:
            Gone.
        """
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(self._receive())  # after the body, nothing but a disconnect comes
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Gone
            return task.result()
        finally:
            task.cancel()
            gone.cancel()


Handler: TypeAlias = Callable[[Request], Awaitable[Reply]]


def json(content: Any, status: int = 200) -> Reply:
    """A short reply; tritonclient's asynchronous client unpacks none but those to `infer`."""
    return Reply(msgspec.json.encode(content), JSON, status, plain=True)


class Endpoint:
    """A handler as an ASGI application; a class, since Starlette takes functions for handlers of its own.

    Args:
        handler: what answers.
        operation: what it is called in the records: its method and path.
        door: what lets requests in.
        public: whether no key is needed.
    """

    def __init__(self, handler: Handler, operation: str, door: Door, public: bool = False) -> None:
        self.handler = handler
        self.operation = operation
        self.door = door
        self.public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter_ns()
        request, door = Request(scope, receive), self.door
        given = request.header(b"x-request-id")
        known = request_id(given) if given is not None or door.logs else ""
        reply: Reply | None = None
        door.inside += 1
        try:
            reply = await self._reply(scope, request)
            if reply is not None:
                if known:
                    reply = reply._replace(headers=(*reply.headers, (b"x-request-id", known.encode())))
                await respond(reply, request.headers.get(b"accept-encoding"), send)
        finally:
            door.inside -= 1
            spent, status = time.perf_counter_ns() - start, GONE if reply is None else reply.status
            door.record(self.operation, status, spent)
            if door.logs:
                client, declared = scope.get("client"), request.header(b"content-length") or ""
                door.log(
                    known,
                    client[0] if client else "",
                    scope["method"],
                    scope["path"],
                    status,
                    spent,
                    int(declared) if declared.isdigit() else 0,
                    0 if reply is None else len(reply.body),
                    reply.body if reply is not None and reply.reading else None,
                )

    async def _reply(self, scope: Scope, request: Request) -> Reply | None:
        """None: the client is gone."""
        try:
            if not self.public:
                self.door.enter(request.header(b"authorization"))
            return await self.handler(request)
        except CheckreaderError as error:
            self.door.refused(error)
            return mistake(error)
        except Gone:
            return None
        except Exception as error:
            self.door.refused(error)
            _log.exception("internal error at %s %s", scope["method"], scope["path"])
            return json({"error": "internal error: see the service's log"}, 500)


def mistake(error: CheckreaderError) -> Reply:
    """The reply to a request that failed."""
    reply = json({"error": str(error)}, STATUS[type(error)])
    if isinstance(error, Busy):
        return reply._replace(headers=((b"retry-after", b"1"),))
    if isinstance(error, Unauthorized):  # the body is not waited for, and neither is what is too large
        return reply._replace(headers=((b"www-authenticate", b"Bearer"), (b"connection", b"close")))
    if isinstance(error, TooLarge):
        return reply._replace(headers=((b"connection", b"close"),))
    return reply


async def respond(reply: Reply, accepted: bytes | None, send: Send) -> None:
    """Sends a reply, compressed if it is worth it and `accepted`, the client's Accept-Encoding, allows it."""
    body, headers = reply.body, reply.headers
    if accepted and not reply.plain and len(body) >= _WORTH_COMPRESSING:
        encoding = chosen(accepted.decode("latin-1"))
        if encoding:
            packer = zlib.compressobj(6, wbits=_WINDOW[encoding])
            body = packer.compress(body) + packer.flush()
            headers += ((b"content-encoding", encoding.encode()), (b"vary", b"accept-encoding"))
    # The length of a 304 would be that of the body which is not sent.
    length = () if reply.status == 304 else ((b"content-length", b"%d" % len(body)),)
    start = (b"content-type", reply.media), *length, *headers
    await send({"type": "http.response.start", "status": reply.status, "headers": start})
    await send({"type": "http.response.body", "body": body})


def chosen(accepted: str, known: Sequence[str] = ("gzip", "deflate")) -> str | None:
    """The first encoding of an Accept-Encoding that is among the `known` and not refused."""
    for entry in accepted.lower().split(","):
        name, _, quality = entry.partition(";")
        if name.strip() in known and not _REFUSED.fullmatch(quality.strip()):
            return name.strip()
    return None


def _decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    unpacker = zlib.decompressobj(_WINDOW[encoding])
    try:
        plain = unpacker.decompress(body, limit + 1)  # never more than that, however small `body` is
    except zlib.error as error:
        raise CheckreaderError(f"the body is not {encoding}, as its Content-Encoding says: {error}") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not unpacker.eof or unpacker.unused_data:
        raise CheckreaderError(f"the {encoding} body is cut short, or bytes follow it")
    return plain


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"body too large: at most {limit:,} bytes are read")
