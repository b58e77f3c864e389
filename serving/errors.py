"""Errors that a person can act on.

Anything a user can cause (a broken file, a full disk, a wrong flag) is raised
as `CheckreaderError` with one line that says what, where and what to do. The
command line prints it as `error: …`, the service as `{"error": "…"}`; neither
shows a traceback. The subclasses are those that a protocol answers with a
status of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar


class CheckreaderError(Exception):
    """A failure that the user can fix; the message says how.

    Attributes:
        status: of the HTTP reply.
        grpc_code: name of gRPC's status code.
        reason: what `/metrics` calls it.
        about: what the API's description says of the status.
    """

    status: ClassVar[int] = 400
    grpc_code: ClassVar[str] = "INVALID_ARGUMENT"
    reason: ClassVar[str] = "invalid"
    about: ClassVar[str] = "The request makes no sense; `error` says what was expected."


class Malformed(CheckreaderError):
    """Bytes that are no request of the protocol at all."""

    reason = "malformed"
    about = "The request is not HTTP/1.1."


class Unauthorized(CheckreaderError):
    """No API key, or a wrong one."""

    status = 401
    grpc_code = "UNAUTHENTICATED"
    reason = "unauthorized"
    about = "There is no API key in the header Authorization, or a wrong one."


class Forbidden(CheckreaderError):
    """A request that is not allowed from where it was sent."""

    status = 403
    grpc_code = "PERMISSION_DENIED"
    reason = "forbidden"
    about = "The service listens beyond this machine, and has no API keys."


class Unknown(CheckreaderError):
    """There is no model, or no version of it, by that name."""

    status = 404
    grpc_code = "NOT_FOUND"
    reason = "unknown"
    about = "There is no such model, version or label."


class TimedOut(CheckreaderError):
    """A request whose headers or body did not arrive in time."""

    status = 408
    grpc_code = "DEADLINE_EXCEEDED"
    reason = "timeout"
    about = "The body did not arrive in time."


class TooLarge(CheckreaderError):
    """A body beyond the limit."""

    status = 413
    grpc_code = "RESOURCE_EXHAUSTED"
    reason = "too_large"
    about = "The body is too large, as sent or decompressed, or a picture in it has too many pixels."


class Unsupported(CheckreaderError):
    """A body in an encoding that is not read."""

    status = 415
    reason = "unsupported"
    about = "The body is in an encoding other than gzip or deflate."


class HeadersTooLarge(CheckreaderError):
    """A request whose headers are beyond the limit."""

    status = 431
    grpc_code = "RESOURCE_EXHAUSTED"
    reason = "too_large"
    about = "The request's headers are too large."


class Busy(CheckreaderError):
    """The queue is full: the same request may succeed a moment later."""

    status = 503
    grpc_code = "UNAVAILABLE"
    reason = "busy"
    about = "Too many requests are waiting: try again in a moment."


class Expired(CheckreaderError):
    """A request that waited in the queue beyond its timeout."""

    status = 504
    grpc_code = "DEADLINE_EXCEEDED"
    reason = "expired"
    about = "The request waited longer than its timeout."


@contextlib.contextmanager
def naming(path: Path, temporary: Path) -> Iterator[None]:
    """Lets an `OSError` in the block name a file or folder where it names its temporary stand-in, or a file inside.

    Args:
        path: what a person knows.
        temporary: what stands in for it until the block ends.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error.filename, str) and Path(error.filename).is_relative_to(temporary):
            error.filename = str(path / Path(error.filename).relative_to(temporary))
        raise
