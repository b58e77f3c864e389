"""The service: `build_app(settings)` is an ASGI application.

Whatever a client does wrong comes back as `{"error": …}` with a status of 4xx.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serving import openapi
from serving.asgi import JSON, Endpoint, Reply, Request
from serving.dataplane import DataPlane
from serving.endpoints import Endpoints
from serving.operations import operations
from serving.repository import Repository
from serving.runtime import onnx
from serving.settings import Settings

_INFER = re.compile(r"/v2/models/([^/]+)/infer")


class App:
    """The application over a data plane."""

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane
        endpoints = Endpoints(plane)
        self._infer = Endpoint(endpoints.infer)
        self._rest = _routed(endpoints)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The one path that is asked thousands of times a second goes past the router.
        if scope["type"] == "http" and scope["method"] == "POST":
            found = _INFER.fullmatch(scope["path"])
            if found:
                scope["path_params"] = {"model": found[1]}
                return await self._infer(scope, receive, send)
        await self._rest(scope, receive, send)


def build_app(settings: Settings) -> App:
    """The application, with the released ONNX models loaded and checked.

    Raises:
        CheckdigitError: the models cannot be found, or one of them fails its check.
    """
    onnx.require(settings.device)
    repository = Repository.open(settings.models)
    names = settings.only or tuple(repository.manifest.models)
    # One thread: the batcher spreads what is worth it over the cores.
    models = [repository.load(name, threads=1, device=settings.device, tf32=settings.tf32) for name in names]
    default = repository.manifest.default
    _settle_memory()
    return App(DataPlane(models, default if default in names else names[0], settings))


def _settle_memory() -> None:
    """What was loaded stays: the collector need not look at it again, and what loading took is given back."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def _routed(endpoints: Endpoints) -> Starlette:
    table = operations(endpoints)
    description = msgspec.json.encode(openapi.document(table))
    page = openapi.page(table).encode()

    async def describe(request: Request) -> Reply:
        return Reply(description)

    async def docs(request: Request) -> Reply:
        return Reply(page, b"text/html; charset=utf-8")

    async def root(request: Request) -> Reply:
        return Reply(b"", status=307, headers=((b"location", b"/docs"),))

    routes = [Route(one.path, Endpoint(one.handler), methods=[one.method]) for one in table]
    for path, handler in (("/openapi.json", describe), ("/docs", docs), ("/", root)):
        routes.append(Route(path, Endpoint(handler), methods=["GET"]))
    app = Starlette(routes=routes, exception_handlers={HTTPException: _unrouted})
    app.router.redirect_slashes = False  # a redirect would lose the body of a POST
    return app


async def _unrouted(request: StarletteRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, status = request.url.path, error.status_code
    if path.startswith("/v1/") and (status == 404 or request.method == "POST"):
        status, what = 400, f"Malformed request: {request.method} {path}; every path is listed at /docs"
    elif status == 404:
        what = f"Not Found: {path}; every path is listed at /docs"
    else:
        what = f"Method Not Allowed: {request.method} {path}; every path is listed at /docs"
    body = msgspec.json.encode({"error": what})
    return Response(body, status, error.headers, media_type=JSON.decode())
