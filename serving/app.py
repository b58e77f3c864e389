"""The service: `build_app(settings)` is an ASGI application.

Whatever a client does wrong comes back as `{"error": …}` with a status of 4xx.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import re

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serving.engine.dataplane import DataPlane
from serving.engine.hot_reload import Keeper, Refused, stamp
from serving.engine.served_model import load
from serving.engine.statistics import Counts
from serving.engine.worker_state import Board
from serving.errors import CheckreaderError
from serving.http import openapi
from serving.http.admission import Door, request_id
from serving.http.api_keys import Keys
from serving.http.api_keys import read as read_keys
from serving.http.asgi import JSON, Endpoint, Handler, Reply, Request
from serving.http.endpoints import Endpoints
from serving.http.routes import operations
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository, find
from serving.runtime import onnx
from serving.settings import Settings
from serving.web.site import Site

_INFER = re.compile(r"/v2/models/([^/]+)/infer")
_INFER_PATH = "/v2/models/{model}/infer"  # as the table of operations has it
_log = logging.getLogger("checkreader")
_HEALTH = ("/v2/health/live", "/v2/health/ready")  # what an orchestrator asks, without a key


class App:
    """The application over a data plane.

    Args:
        plane: what answers.
        keeper: what keeps its models up to date.
        site: the page for people.
        keys: who may ask; None: everybody.
    """

    def __init__(self, plane: DataPlane, keeper: Keeper, site: Site, keys: Keys | None = None) -> None:
        self.plane = plane
        self.keeper = keeper
        settings = plane.settings
        self.door = Door(plane.counts, keys, settings.max_requests, settings.access_log)
        endpoints = Endpoints(plane, keeper)
        self._infer = Endpoint(endpoints.infer, f"POST {_INFER_PATH}", self.door)
        self._rest = _routed(endpoints, site, self.door)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The one path that is asked thousands of times a second goes past the router.
        if scope["type"] == "http" and scope["method"] == "POST":
            found = _INFER.fullmatch(scope["path"])
            if found:
                scope["path_params"] = {"model": found[1]}
                return await self._infer(scope, receive, send)
        await self._rest(scope, receive, send)


def build_app(settings: Settings, board: Board | None = None) -> App:
    """The application, with the released ONNX models loaded and checked.

    Args:
        settings: what the operator chose.
        board: shared with the other workers; None: there are none.

    Raises:
        CheckreaderError: the models cannot be found, one of them fails its check, or the API keys are none.
    """
    keys = read_keys(settings.api_keys)
    onnx.require_device(settings.device)
    seen = stamp(find(settings.models))
    repository = Repository.open(settings.models)
    board = board or Board()
    before = board.before()
    manifest, unloaded = repository.manifest, board.desired().unloaded
    names = [name for name in settings.only or manifest.models if name not in unloaded]

    models: list[LoadedModel] = []
    previous: list[LoadedModel] = []
    refused: list[Refused] = []
    entries = [(name, repository.model(name), models) for name in names]
    entries += [(name, entry, previous) for name, entry in manifest.previous.items() if name in names]
    for name, entry, target in entries:
        try:
            target.append(load(repository, name, entry, settings))
        except CheckreaderError as error:
            if before is None:  # at the first start nothing less than everything will do
                raise
            _log.error("model %s version %s is not served: %s", name, entry.version, error)
            refused.append(Refused(name, entry.version, str(error), target is previous))
    counts = before.counts if before is not None else Counts()
    counts.starts += 1
    chosen = settings.only or (manifest.default,)
    default = manifest.default if manifest.default in chosen else chosen[0]
    plane = DataPlane(models, default, settings, previous, counts)
    site = Site(plane, repository)
    app = App(plane, Keeper(plane, repository, board, site.use, seen, refused), site, keys)
    _settle_memory()
    return app


def _settle_memory() -> None:
    """What was loaded stays: the collector need not look at it again, and what loading took is given back."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def _routed(endpoints: Endpoints, site: Site, door: Door) -> Starlette:
    table = operations(endpoints)
    description = msgspec.json.encode(openapi.document(table))
    page = openapi.page(table).encode()

    async def describe(request: Request) -> Reply:
        return Reply(description)

    async def docs(request: Request) -> Reply:
        return Reply(page, b"text/html; charset=utf-8")

    def route(method: str, path: str, handler: Handler, public: bool) -> Route:
        return Route(path, Endpoint(handler, f"{method} {path}", door, public), methods=[method])

    routes = [route(one.method, one.path, one.handler, one.path in _HEALTH) for one in table]
    pages = ("GET", "/openapi.json", describe), ("GET", "/docs", docs), *site.operations()
    # What a browser loads by itself comes without a key.
    routes += [route(method, path, handler, method == "GET") for method, path, handler in pages]

    async def unrouted(request: StarletteRequest, error: Exception) -> Response:
        response = _unrouted(request, error)
        door.refused("unknown")
        door.record("other", response.status_code, 0)
        if door.logs:
            known = request_id(request.headers.get("x-request-id"))
            response.headers["x-request-id"] = known
            client, path = request.client.host if request.client else "", request.url.path
            door.log(known, client, request.method, path, response.status_code, 0, 0, len(response.body))
        return response

    app = Starlette(routes=routes, exception_handlers={HTTPException: unrouted})
    app.router.redirect_slashes = False  # a redirect would lose the body of a POST
    return app


def _unrouted(request: StarletteRequest, error: Exception) -> Response:
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
