"""Bodies in, responses out, as ASGI messages."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving import errors
from serving.engine.statistics import Counts
from serving.errors import Busy, CheckreaderError, TooLarge, Unauthorized, Unsupported
from serving.http.access_log import AccessLog
from serving.http.admission import AdmissionControl
from serving.http.asgi import (
    CONNECTION,
    ClientDisconnected,
    Endpoint,
    HttpRequest,
    HttpResponse,
    error_response,
    json_response,
    send_response,
)


def scope(**headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": pairs}


def receiving(parts: Iterable[bytes], end: bool = True):
    """ASGI's receive for a body in parts, after which the client waits or, without `end`, goes away."""
    listed = list(parts)
    messages = [
        {"type": "http.request", "body": part, "more_body": not end or at < len(listed) - 1}
        for at, part in enumerate(listed)
    ]

    async def receive() -> Any:
        if messages:
            return messages.pop(0)
        if end:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive


def body(parts: Iterable[bytes], limit: int = 100, end: bool = True, **headers: str) -> bytes:
    request = HttpRequest(scope(**headers), receiving(parts, end))
    return asyncio.run(request.body(limit))


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5))
def test_body_in_parts(parts: list[bytes]) -> None:
    assert body(parts, limit=150) == b"".join(parts)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "x-gzip", "deflate"]), st.integers(1, 50))
def test_compressed_body(data: bytes, encoding: str, step: int) -> None:
    packed = zlib.compress(data) if encoding == "deflate" else gzip.compress(data)
    parts = [packed[at : at + step] for at in range(0, len(packed), step)]
    assert body(parts, limit=400, content_encoding=encoding.upper()) == data


@pytest.mark.parametrize("parts", [[b"x" * 101], [b"x" * 60, b"x" * 41]])
@pytest.mark.parametrize("headers", [{}, {"content_length": "101"}, {"content_length": "5"}])
def test_too_large(parts: list[bytes], headers: dict[str, str]) -> None:
    with pytest.raises(TooLarge, match="at most 100 bytes"):
        body(parts, **headers)


def test_a_declared_length_is_refused_before_anything_is_read() -> None:
    async def receive() -> Any:
        raise AssertionError("read")

    with pytest.raises(TooLarge):
        asyncio.run(HttpRequest(scope(content_length="101"), receive).body(100))


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(TooLarge):
        body([gzip.compress(bytes(10_000_000))], limit=20_000, content_encoding="gzip")


def test_unknown_encoding() -> None:
    with pytest.raises(Unsupported, match="'br' is not read"):
        body([b""], content_encoding="br")


@pytest.mark.parametrize("parts", [[], [b"half"]])
def test_a_client_that_disconnects_in_its_body(parts: list[bytes]) -> None:
    with pytest.raises(ClientDisconnected):
        body(parts, end=False)


def test_work_is_cancelled_when_the_client_goes() -> None:
    cancelled = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(ClientDisconnected):
        asyncio.run(HttpRequest(scope(), receiving([], end=False)).cancel_on_disconnect(work()))
    assert cancelled


def test_work_is_answered_while_the_client_waits() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert asyncio.run(HttpRequest(scope(), receiving([])).cancel_on_disconnect(work())) == 7


def sent(reply: HttpResponse, accepted: bytes | None = None) -> tuple[int, dict[bytes, bytes], bytes]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(send_response(reply, accepted, send))
    start, content = messages
    headers = dict(start["headers"])
    assert int(headers[b"content-length"]) == len(content["body"])
    return start["status"], headers, content["body"]


ANSWERED = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CheckreaderError)
]
LARGE = b"0123456789" * 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (None, None),
        (b"", None),
        (b"br", None),
        (b"gzip;q=0", None),
        (b"identity", None),
        (b"gzip", b"gzip"),
        (b"br, deflate;q=0.5", b"deflate"),
        (b"GZIP ; q=1", b"gzip"),
    ],
)
def test_compressed_response(accepted: bytes | None, encoding: bytes | None) -> None:
    _, headers, content = sent(HttpResponse(LARGE), accepted)
    assert headers.get(b"content-encoding") == encoding
    plain = {None: bytes, b"gzip": gzip.decompress, b"deflate": zlib.decompress}[encoding](content)
    assert plain == LARGE
    assert sent(HttpResponse(b"short"), accepted)[2] == b"short"


@pytest.mark.parametrize("kind", ANSWERED)
def test_errors(kind: type[CheckreaderError]) -> None:
    status, headers, content = sent(error_response(kind("what")))
    assert (status, content) == (kind.status, b'{"error":"what"}')
    assert (headers.get(b"retry-after") == b"1") is (kind is Busy)
    assert (headers.get(b"connection") == b"close") is (kind in (TooLarge, Unauthorized))


def served(handler: Any) -> list[Any]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(Endpoint(handler, "GET /", AdmissionControl(Counts()))(scope(), receiving([b""]), send))
    return messages


def test_a_bug_is_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        raise KeyError("secret")

    start, content = served(handler)
    assert start["status"] == 500
    assert b"secret" not in content["body"]
    assert "KeyError" in caplog.text


def test_a_disconnected_client_gets_no_response() -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        raise ClientDisconnected

    assert served(handler) == []


@pytest.mark.parametrize(("lost", "status"), [(False, "200"), (True, "499")])
def test_an_answer_that_came_too_late_is_not_counted_as_sent(lost: bool, status: str) -> None:
    connection = SimpleNamespace(lost=False, join_next_response=lambda: None)
    counts, lines = Counts(), []

    async def handler(request: HttpRequest) -> HttpResponse:
        connection.lost = lost
        return HttpResponse(b"late")

    async def send(message: Any) -> None:
        """Drops it, as uvicorn does."""

    endpoint = Endpoint(
        handler, "GET /", AdmissionControl(counts, access_log=AccessLog("requests", lines.append))
    )
    asyncio.run(endpoint(scope() | {"extensions": {CONNECTION: connection}}, receiving([b""]), send))
    assert counts.requests == {f"GET / {status}": 1}
    assert f'"status":{status},'.encode() in lines[0]


@pytest.mark.parametrize(
    ("method", "body", "joins"), [("GET", b"a body", 1), ("GET", b"", 0), ("HEAD", b"a body", 0)]
)
def test_a_response_with_a_body_is_written_in_one_piece(method: str, body: bytes, joins: int) -> None:
    joined: list[None] = []
    connection = SimpleNamespace(lost=False, join_next_response=lambda: joined.append(None))

    async def handler(request: HttpRequest) -> HttpResponse:
        return HttpResponse(body)

    async def send(message: Any) -> None:
        """Drops it."""

    endpoint = Endpoint(handler, f"{method} /", AdmissionControl(Counts()))
    of_method = scope() | {"method": method, "extensions": {CONNECTION: connection}}
    asyncio.run(endpoint(of_method, receiving([b""]), send))
    assert len(joined) == joins


def test_query_and_headers() -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        return json_response([request.query_parameters(), request.header(b"x-one"), request.header(b"x-two")])

    async def call() -> bytes:
        request = HttpRequest(scope(x_one="1") | {"query_string": b"a=1&b=%20&a="}, receiving([]))
        return (await handler(request)).body

    assert asyncio.run(call()) == b'[[["a","1"],["b"," "],["a",""]],"1",null]'
