"""The service: `build_app(settings)` is an ASGI application.

Whatever a client does wrong comes back as `{"error": …}` with a status of 4xx.
"""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from serving import openapi
from serving.dataplane import DataPlane, Unknown
from serving.endpoints import Compressed, Endpoints, TooLarge, json
from serving.errors import CheckdigitError
from serving.operations import operations
from serving.repository import Repository
from serving.settings import Settings

_STATUS: dict[type[Exception], int] = {Unknown: 404, TooLarge: 413, Compressed: 415}


def build_app(settings: Settings) -> Starlette:
    """The application, with every released ONNX model loaded and checked.

    Raises:
        CheckdigitError: the models cannot be found, or one of them fails its check.
    """
    repository = Repository.open(settings.models)
    models = {name: repository.load(name) for name in repository.manifest.models}
    plane = DataPlane(models, repository.manifest.default, settings.max_rows)
    table = operations(Endpoints(plane, settings))
    description = msgspec.json.encode(openapi.document(table))
    page = openapi.page(table)

    async def describe(request: Request) -> Response:
        return Response(description, media_type="application/json")

    async def docs(request: Request) -> Response:
        return Response(page, media_type="text/html")

    async def root(request: Request) -> Response:
        return RedirectResponse("/docs")

    routes = [Route(one.path, one.handler, methods=[one.method]) for one in table]
    routes += [Route("/openapi.json", describe), Route("/docs", docs), Route("/", root)]
    app = Starlette(
        routes=routes,
        exception_handlers={
            CheckdigitError: _mistake,
            HTTPException: _http,
            ClientDisconnect: _gone,
            Exception: _bug,
        },
    )
    app.router.redirect_slashes = False  # a redirect would lose the body of a POST
    return app


async def _mistake(request: Request, error: Exception) -> Response:
    return json({"error": str(error)}, _STATUS.get(type(error), 400))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    what = {
        404: f"Not Found: {path}; every path is listed at /docs",
        405: f"Method Not Allowed: {request.method} {path}; every path is listed at /docs",
    }.get(error.status_code, error.detail)
    reply = json({"error": what}, error.status_code)
    reply.headers.update(error.headers or {})
    return reply


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody is there to read it


async def _bug(request: Request, error: Exception) -> Response:
    return json({"error": "internal error: see the service's log"}, 500)
