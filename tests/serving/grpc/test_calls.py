"""A call's way to what answers it, without a connection."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc
import msgspec
import pytest

from serving.engine.statistics import Counts
from serving.errors import Unknown
from serving.grpc.calls import header, unary
from serving.grpc.messages import MESSAGES
from serving.http.access_log import AccessLog
from serving.http.admission import AdmissionControl
from serving.http.api_keys import Keys

PATH, CLASSES = "/package.Service/ModelReady", MESSAGES["ModelReady"]
KEY = "0123456789abcdef"
REQUEST = CLASSES.request(name="lenet5").SerializeToString()


class Aborted(Exception):
    """What gRPC's `abort` raises."""


class Context:
    """gRPC's context of a call."""

    def __init__(self, **headers: str) -> None:
        self.headers = headers

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return tuple(self.headers.items())

    def peer(self) -> str:
        return "ipv4:127.0.0.1:5"

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Aborted(code.name, details)


async def ready(request: Any) -> Any:
    if request.name == "nope":
        raise Unknown("no such model")
    return {"ready": request.name == "lenet5", "unknown": 1}


def answered(body: bytes = REQUEST, call: Any = ready, needs_key: Any = None, **headers: str) -> tuple:
    """The reply or the status and message, and the counters."""
    counts = Counts()
    admission = AdmissionControl(counts, Keys([KEY]))
    handler = unary(PATH, CLASSES, call, admission, needs_key)
    try:
        reply = CLASSES.reply.FromString(asyncio.run(handler.unary_unary(body, Context(**headers)))).ready
    except Aborted as aborted:
        reply = aborted.args
    return reply, counts.requests, counts.refused


def test_a_reply() -> None:
    reply, requests, refused = answered(authorization=f"Bearer {KEY}")
    assert (reply, requests, refused) == (True, {"grpc ModelReady OK": 1}, {})


def test_without_a_key_nothing_is_parsed() -> None:
    for body in (REQUEST, b"\xff"):
        (code, _), requests, refused = answered(body)
        assert (code, requests, refused) == (
            "UNAUTHENTICATED",
            {"grpc ModelReady UNAUTHENTICATED": 1},
            {"unauthorized": 1},
        )


def test_the_request_may_say_that_it_needs_none() -> None:
    def needs_key(request: Any) -> bool:
        return request.name != "lenet5"

    assert answered(needs_key=needs_key)[0] is True
    other = CLASSES.request(name="other").SerializeToString()
    assert answered(other, needs_key=needs_key)[0][0] == "UNAUTHENTICATED"
    assert answered(other, needs_key=needs_key, authorization=f"Bearer {KEY}")[0] is False
    assert answered(b"\xff", needs_key=needs_key)[0][0] == "INVALID_ARGUMENT"


def test_errors(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(request: Any) -> Any:
        raise ValueError("secret")

    unknown = CLASSES.request(name="nope").SerializeToString()
    assert answered(unknown, authorization=f"Bearer {KEY}")[0] == ("NOT_FOUND", "no such model")
    with caplog.at_level(logging.ERROR, "checkreader"):
        reply, _, refused = answered(call=fail, authorization=f"Bearer {KEY}")
    assert (reply, refused) == (("INTERNAL", "internal error: see the service's log"), {"internal": 1})
    assert f"internal error at {PATH}" in caplog.text


def test_the_access_log() -> None:
    lines: list[bytes] = []
    admission = AdmissionControl(Counts(), access_log=AccessLog("requests", lines.append))
    handler = unary(PATH, CLASSES, ready, admission)
    asyncio.run(handler.unary_unary(REQUEST, Context(**{"x-request-id": "abc"})))
    (record,) = map(msgspec.json.decode, lines)
    assert (record["id"], record["path"], record["status"]) == ("abc", PATH, "OK")


def test_headers() -> None:
    assert header(Context(a="b"), "a") == "b"
    assert header(Context(), "a") is None
