"""HTTP → data plane → HTTP: every endpoint reads a request, calls one function, writes a reply."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio
import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from serving.dataplane import DataPlane, check_shape
from serving.errors import CheckdigitError
from serving.protocol import oip, pictures
from serving.runtime import cpus
from serving.settings import Settings

T = TypeVar("T")


class TooLarge(CheckdigitError):
    """A body beyond the limit."""


class Compressed(CheckdigitError):
    """A body in a Content-Encoding."""


class Endpoints:
    """One method for each operation; `operations.py` says which path it answers."""

    def __init__(self, plane: DataPlane, settings: Settings) -> None:
        self.plane = plane
        self.settings = settings
        # Pictures are decoded and models run beside the event loop, so that health answers at once;
        # never more at a time than there are CPUs, which bounds memory too.
        self.workers = anyio.CapacityLimiter(cpus())

    async def _work(self, task: Callable[[], T]) -> T:
        return await run_sync(task, limiter=self.workers)

    async def digits(self, request: Request) -> Response:
        query = pictures.query(request.query_params.multi_items())
        body = await _body(request, self.settings.max_body)
        kind = request.headers.get("content-type")

        def read() -> bytes:
            posted = pictures.pictures(kind, body, self.settings.max_pictures)
            return pictures.render(*self.plane.read_digits(posted, query.model, query.max_error, query.crop))

        return Response(await self._work(read), media_type="application/json")

    async def server(self, request: Request) -> Response:
        return json(oip.server_metadata())

    async def live(self, request: Request) -> Response:
        return json({"live": True})

    async def ready(self, request: Request) -> Response:
        return json({"ready": True})  # the port is opened after every model passed its check

    async def metadata(self, request: Request) -> Response:
        return json(oip.model_metadata(self.plane.find(*_named(request))))

    async def model_ready(self, request: Request) -> Response:
        return json({"name": self.plane.find(*_named(request)).name, "ready": True})

    async def infer(self, request: Request) -> Response:
        name, version = _named(request)
        loaded = self.plane.find(name, version)
        body = await _body(request, self.settings.max_body)
        length = request.headers.get(oip.HEADER_LENGTH)
        spec = loaded.network.input

        def run() -> oip.Response:
            check = partial(check_shape, name, spec, max_rows=self.settings.max_rows)
            asked = oip.parse(body, length, spec, check)
            return oip.render(asked, loaded, self.plane.infer(name, version, asked.inputs, asked.outputs))

        reply = await self._work(run)
        if reply.header_length is None:
            return Response(reply.body, media_type="application/json")
        headers = {oip.HEADER_LENGTH: str(reply.header_length)}
        return Response(reply.body, headers=headers, media_type="application/octet-stream")


def json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def _body(request: Request, limit: int) -> bytes:
    """The whole body; refused as soon as it is known to exceed `limit` bytes."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Compressed(f"Content-Encoding {encoding!r} is not read: send the body as it is")
    refusal = TooLarge(f"body too large: at most {limit:,} bytes are read")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise refusal
    return bytes(body)


def _named(request: Request) -> tuple[str, str | None]:
    return request.path_params["model"], request.path_params.get("version")
