"""Lets pages of other sites ask the service, by the operator's leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from serving.http.asgi import JSON

# Headers of replies that scripts of other sites could not read otherwise.
EXPOSED: Final = ("Inference-Header-Content-Length", "X-Request-Id", "Retry-After", "WWW-Authenticate")


class CrossOrigin(CORSMiddleware):
    """Answers preflight requests, which bring no key, and marks every reply, errors too, for the allowed origins.

    No cookies are used, so none are allowed: a key goes in the header Authorization.

    Args:
        app: answers the requests.
        origins: as browsers send them, `https://host:port`; "*" stands for any.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("*",),
            expose_headers=EXPOSED,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Returns a refusal as JSON, as all of them are."""
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        body = msgspec.json.encode({"error": f"{bytes(response.body).decode()}: see --cors-origin"})
        headers = {
            name: value
            for name, value in response.headers.items()
            if name not in ("content-length", "content-type")
        }
        return Response(body, response.status_code, headers, media_type=JSON.decode())
