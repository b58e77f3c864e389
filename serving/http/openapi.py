"""Makes `/openapi.json` and the page `/docs`, both from the table of `serving.http.routes`."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, TypeAlias

import msgspec

from serving import __version__
from serving.errors import CheckreaderError
from serving.http.asgi import Handler

_PAGE = Path(__file__).parents[1] / "web" / "static" / "docs.html"
# The type that decodes or encodes a body, several types to choose from, or a schema where no type does.
Body: TypeAlias = type[msgspec.Struct] | tuple[Any, ...] | dict[str, Any]


class Error(msgspec.Struct):
    """The body of every response that is no success."""

    error: str


@dataclass(frozen=True)
class Parameter:
    """A parameter in the query or a header; those in the path are read from the path itself."""

    name: str
    about: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})
    place: str = "query"


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        group: heading under which the page shows it.
        parameters: of the query and the headers.
        request_bodies: the request's media types and bodies.
        body_optional: the request may come without a body.
        response_bodies: the response's media types and bodies.
        errors: what can go wrong.
        curl: an example of a request.
        reply: an example of a response, as JSON.
    """

    method: str
    path: str
    handler: Handler
    group: str
    summary: str
    about: str = ""
    parameters: tuple[Parameter, ...] = ()
    request_bodies: Mapping[str, Body] = field(default_factory=dict)
    body_optional: bool = False
    response_bodies: Mapping[str, Body] = field(default_factory=dict)
    errors: tuple[type[CheckreaderError], ...] = ()
    curl: str = ""
    reply: str = ""


def document(operations: Sequence[Operation], root_path: str = "") -> dict[str, Any]:
    """Returns the OpenAPI 3.1 description; its schemas come from the types that decode and encode the bodies.

    Args:
        operations: the table.
        root_path: the path under which a proxy shows the service.
    """
    bodies = [
        body
        for operation in operations
        for body in (*operation.request_bodies.values(), *operation.response_bodies.values())
    ]
    types = [Error, *(kind for body in bodies for kind in _types(body))]
    references, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(types, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "checkreader", "version": __version__, "description": "Reads handwritten digits."},
        "servers": [{"url": root_path or "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],  # a key where the operator wants one
    }


def _types(body: Body) -> tuple[Any, ...]:
    return () if isinstance(body, dict) else body if isinstance(body, tuple) else (body,)


def _describe(operation: Operation, schemas: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    def schema(body: Body) -> dict[str, Any]:
        if isinstance(body, dict):
            return body
        choices = [schemas[kind] for kind in _types(body)]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}

    def content(bodies: Mapping[str, Body]) -> dict[str, Any]:
        return {media: {"schema": schema(body)} for media, body in bodies.items()}

    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ] + [
        {
            "name": parameter.name,
            "in": parameter.place,
            "description": parameter.about,
            "schema": parameter.schema,
        }
        for parameter in operation.parameters
    ]
    responses: dict[str, Any] = {"200": {"description": "OK", "content": content(operation.response_bodies)}}
    for error in operation.errors:
        responses[str(error.status)] = {
            "description": error.about,
            "content": content({"application/json": Error}),
        }
    description: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{operation.method.lower()}{operation.path}").strip("_"),
        "tags": [operation.group],
        "summary": operation.summary,
        "description": operation.about,
        "parameters": parameters,
        "responses": responses,
    }
    if operation.request_bodies:
        description["requestBody"] = {
            "required": not operation.body_optional,
            "content": content(operation.request_bodies),
        }
    return description


def page(operations: Iterable[Operation]) -> str:
    """Returns the documentation as one HTML page that loads nothing else."""
    # A handler that answers several paths is described once.
    by_handler: dict[Handler, list[Operation]] = {}
    for operation in operations:
        by_handler.setdefault(operation.handler, []).append(operation)
    groups: dict[str, list[str]] = {}
    for section in by_handler.values():
        groups.setdefault(section[0].group, []).append(_section(*section))
    body = "".join(f"<h2>{html.escape(group)}</h2>{''.join(parts)}" for group, parts in groups.items())
    return Template(_PAGE.read_text("utf-8")).substitute(version=html.escape(__version__), operations=body)


def _section(operation: Operation, *others: Operation) -> str:
    parts = [
        f"<section><h3><b class={operation.method.lower()}>{operation.method}</b> "
        f"<code>{html.escape(operation.path)}</code></h3><p>{html.escape(operation.summary)}</p>"
    ]
    if others:
        also = ", ".join(f"<code>{html.escape(other.path)}</code>" for other in others)
        parts.append(f"<p class=also>Also {also}</p>")
    if operation.about:
        parts.append(f"<p>{html.escape(operation.about)}</p>")
    if operation.parameters:
        rows = "".join(
            f"<tr><td><code>{html.escape(parameter.name)}</code><td>{html.escape(parameter.about)}"
            for parameter in operation.parameters
        )
        parts.append(f"<table><tr><th>parameter<th>meaning{rows}</table>")
    if operation.request_bodies:
        media = ", ".join(f"<code>{html.escape(kind)}</code>" for kind in operation.request_bodies)
        parts.append(f"<p>Body: {media}</p>")
    if operation.curl:
        parts.append(f"<pre>{html.escape(operation.curl)}</pre>")
    if operation.reply:
        pretty = json.dumps(json.loads(operation.reply), indent=2)
        parts.append(f"<details><summary>Reply</summary><pre>{html.escape(pretty)}</pre></details>")
    if operation.errors:
        rows = "".join(f"<li><b>{error.status}</b> {html.escape(error.about)}" for error in operation.errors)
        parts.append(f"<details><summary>Errors</summary><ul>{rows}</ul></details>")
    return "".join(parts) + "</section>"
