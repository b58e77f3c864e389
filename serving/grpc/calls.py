"""gRPC's calls around what answers them: API keys, errors as status codes, counters and the access log."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message

from serving.errors import CheckreaderError
from serving.grpc.messages import MessageClasses, parse
from serving.http.access_log import request_id
from serving.http.admission import AdmissionControl

_log: Final = logging.getLogger("checkreader")

Call = Callable[[Any], Awaitable[Any]]


def unary(
    path: str,
    classes: MessageClasses,
    call: Call,
    admission: AdmissionControl,
    needs_key: Callable[[Any], bool] | None = None,
) -> Any:
    """Makes gRPC's handler of a call with one request and one reply.

    It takes and returns bytes, so that a garbled request is answered as any other mistake.

    Args:
        path: of the call, "/package.Service/Method".
        classes: of its messages.
        call: takes the request message and returns the reply message, or a struct or dictionary of its fields.
        admission: admits and records the call.
        needs_key: tells whether a request needs an API key; None: all of them do, before they are parsed.
    """

    async def answer(body: bytes, context: Any) -> bytes:
        start, code = time.perf_counter_ns(), grpc.StatusCode.OK
        try:
            reply = await call(admit(path, classes, body, context, admission, needs_key))
            if not isinstance(reply, Message):
                # Not every field of the replies over HTTP is defined in `inference.proto`.
                reply = json_format.ParseDict(
                    msgspec.to_builtins(reply), classes.reply(), ignore_unknown_fields=True
                )
            encoded: bytes = reply.SerializeToString()
            return encoded
        except Exception as error:
            code, message = describe(path, error)
            admission.count_refusal(error)
            await context.abort(code, message)
            raise  # never reached: abort raises
        finally:
            record(admission, path, code, time.perf_counter_ns() - start, context)

    return grpc.unary_unary_rpc_method_handler(answer)


def admit(
    path: str,
    classes: MessageClasses,
    body: bytes,
    context: Any,
    admission: AdmissionControl,
    needs_key: Callable[[Any], bool] | None,
) -> Any:
    """Returns the request message of a call that is admitted; for the arguments see `unary`.

    Raises:
        CheckreaderError: it is not, or `body` is no such message.
    """
    if needs_key is None:
        admission.admit(header(context, "authorization"))
    request = parse(path, classes, body)
    if needs_key is not None and needs_key(request):
        admission.admit(header(context, "authorization"))
    return request


def record(admission: AdmissionControl, path: str, code: grpc.StatusCode, ns: int, context: Any) -> None:
    """Counts a call and writes its line of the access log."""
    admission.record_request(f"grpc {path.rpartition('/')[2]}", code.name, ns)
    if admission.access_log.enabled:
        id = request_id(header(context, "x-request-id"))
        admission.access_log.log_request(id, context.peer(), "gRPC", path, code.name, ns)


def header(context: Any, name: str) -> str | None:
    """Returns a header of the call."""
    return dict(context.invocation_metadata() or ()).get(name)


def describe(path: str, error: Exception) -> tuple[grpc.StatusCode, str]:
    """Returns the status and message for an error; one that is not the client's is logged."""
    if isinstance(error, CheckreaderError):
        return grpc.StatusCode[error.grpc_code], str(error)
    _log.error("internal error at %s", path, exc_info=error)
    return grpc.StatusCode.INTERNAL, "internal error: see the service's log"
