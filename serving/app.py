"""Builds the service, an ASGI application: `build_app(settings)`.

A client's mistake is answered by `{"error": …}` with a status of 4xx.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import re
from collections.abc import Iterable
from functools import partial
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.engine.dataplane import DataPlane
from serving.engine.hot_reload import ModelReloader, stamp
from serving.engine.served_model import load_model, load_models
from serving.engine.statistics import Counts
from serving.engine.worker_state import SharedState
from serving.errors import CheckreaderError
from serving.http import openapi
from serving.http.access_log import AccessLog, request_id
from serving.http.admission import AdmissionControl
from serving.http.api_keys import Keys
from serving.http.api_keys import read as read_keys
from serving.http.asgi import JSON, Endpoint, Handler, HttpRequest, HttpResponse
from serving.http.cors import CrossOrigin
from serving.http.endpoints import Endpoints
from serving.http.routes import route_table
from serving.repository.store import Repository, find
from serving.runtime import onnx
from serving.settings import Settings
from serving.web.site import Site

_INFER_PATH: Final = "/v2/models/{model}/infer"  # as in the table of routes
_INFER: Final = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", _INFER_PATH))
_DIGITS_PATH: Final = "/digits"
_PUBLIC: Final = ("/v2/health/live", "/v2/health/ready")  # an orchestrator probes them, without a key
_log = logging.getLogger("checkreader")


class App:
    """Routes requests to the endpoints over a data plane.

    Args:
        plane: answers the requests.
        reloader: keeps the models up to date.
        site: the page for people.
        keys: the API keys; None: everybody may ask.
    """

    def __init__(
        self, plane: DataPlane, reloader: ModelReloader, site: Site, keys: Keys | None = None
    ) -> None:
        self.plane = plane
        self.reloader = reloader
        settings = plane.settings
        access_log = AccessLog(settings.access_log)
        self.admission = AdmissionControl(plane.counts, keys, settings.max_requests, access_log)
        endpoints = Endpoints(plane, reloader)
        self._root_path = settings.root_path
        self._infer = Endpoint(endpoints.infer, f"POST {_INFER_PATH}", self.admission)
        self._digits = Endpoint(endpoints.digits, f"POST {_DIGITS_PATH}", self.admission)
        self._rest = _routed(endpoints, site, self.admission)
        self._answer: ASGIApp = self._route
        if settings.cors_origins:
            self._answer = CrossOrigin(self._route, settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._root_path and scope["type"] == "http":
            scope = {**scope, "path": _strip(scope["path"], self._root_path)}
        # The two paths that are requested thousands of times a second bypass the router.
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            if path == _DIGITS_PATH:
                return await self._digits(scope, receive, send)
            match = _INFER.fullmatch(path)
            if match:
                scope["path_params"] = match.groupdict()
                return await self._infer(scope, receive, send)
        await self._rest(scope, receive, send)


def build_app(settings: Settings, state: SharedState | None = None) -> App:
    """Builds the application, with the released ONNX models loaded and checked.

    Args:
        settings: the operator's settings.
        state: shared with the other workers; None: there are none.

    Raises:
        CheckreaderError: the models cannot be found, one of them fails its check, or the API keys cannot be used.
    """
    keys = read_keys(settings.api_keys)
    onnx.require_device(settings.device)
    manifest_stamp = stamp(find(settings.models))
    repository = Repository.open(settings.models)
    state = state or SharedState()
    last_report, unloaded = state.last_report(), state.desired().unloaded
    for name in settings.only:
        if name not in unloaded:
            repository.model(name)  # raises for an unknown name
    counts = Counts() if last_report is None else last_report.counts
    counts.starts += 1
    models, previous, refused = load_models(
        repository,
        settings,
        partial(load_model, repository, counts, settings),
        unloaded,
        # At the first start every model has to load; a worker that replaces another serves those that do.
        strict=last_report is None,
    )
    for version in refused:
        _log.error("model %s version %s is not served: %s", version.name, version.version, version.reason)
    default = repository.manifest.default
    if settings.only and default not in settings.only:
        default = settings.only[0]
    plane = DataPlane(models, default, settings, previous, counts)
    site = Site(plane, repository)
    reloader = ModelReloader(plane, repository, state, site.show_release, manifest_stamp, refused)
    app = App(plane, reloader, site, keys)
    _settle_memory()
    return app


def _strip(path: str, root_path: str) -> str:
    """Returns a path without the prefix, which a proxy may have stripped already."""
    if path == root_path:
        return "/"
    return path.removeprefix(root_path) if path.startswith(f"{root_path}/") else path


def _settle_memory() -> None:
    """Exempts the loaded models from garbage collection, and returns the memory that loading took to the system."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)


def _routed(endpoints: Endpoints, site: Site, admission: AdmissionControl) -> Starlette:
    """Builds the router: the operations, their description, and the page."""
    table, root_path = route_table(endpoints), endpoints.settings.root_path
    description = msgspec.json.encode(openapi.document(table, root_path))
    page = openapi.page(table).encode()

    async def describe(request: HttpRequest) -> HttpResponse:
        return HttpResponse(description)

    async def docs(request: HttpRequest) -> HttpResponse:
        return HttpResponse(page, b"text/html; charset=utf-8")

    def route(method: str, path: str, handler: Handler, public: bool) -> Route:
        return Route(path, Endpoint(handler, f"{method} {path}", admission, public), methods=[method])

    routes = [
        route(operation.method, operation.path, operation.handler, operation.path in _PUBLIC)
        for operation in table
    ]
    _check_root_path(root_path, [operation.path for operation in table])
    pages = ("GET", "/openapi.json", describe), ("GET", "/docs", docs), *site.routes()
    # A browser requests pages by itself, without a key.
    routes += [route(method, path, handler, method == "GET") for method, path, handler in pages]

    async def unrouted(request: StarletteRequest, error: Exception) -> Response:
        response = _unrouted(request, error)
        admission.count_refusal("unknown")
        admission.record_request("other", response.status_code, 0)
        if admission.access_log.enabled:
            id = request_id(request.headers.get("x-request-id"))
            response.headers["x-request-id"] = id
            client, path = request.client.host if request.client else "", request.url.path
            admission.access_log.log_request(
                id, client, request.method, path, response.status_code, 0, 0, len(response.body)
            )
        return response

    app = Starlette(routes=routes, exception_handlers={HTTPException: unrouted})
    app.router.redirect_slashes = False  # a redirect would lose the body of a POST
    return app


def _check_root_path(root_path: str, paths: Iterable[str]) -> None:
    """Checks that the prefix can be told from the service's own paths, as a proxy may have stripped it."""
    own = {path.split("/")[1] for path in (*paths, "/docs", "/openapi.json", "/web")}
    if root_path and root_path.split("/")[1] in own:
        raise CheckreaderError(
            f"--root-path {root_path} begins as a path of the service itself: choose another, as /checkreader"
        )


def _unrouted(request: StarletteRequest, error: Exception) -> Response:
    """Answers a request for a path or method that does not exist."""
    assert isinstance(error, HTTPException)
    path, status = request.url.path, error.status_code
    if path.startswith("/v1/") and (status == 404 or request.method == "POST"):
        status, message = 400, f"Malformed request: {request.method} {path}; every path is listed at /docs"
    elif status == 404:
        message = f"Not Found: {path}; every path is listed at /docs"
    else:
        message = f"Method Not Allowed: {request.method} {path}; every path is listed at /docs"
    body = msgspec.json.encode({"error": message})
    return Response(body, status, error.headers, media_type=JSON.decode())
