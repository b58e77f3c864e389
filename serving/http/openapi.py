"""One table of operations; `/openapi.json` and the page `/docs` are both made from it."""

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
from serving.http.asgi import Handler

_PAGE = Path(__file__).parents[1] / "web" / "static" / "docs.html"
# The type that decodes or encodes a body, several if there is a choice, or a schema where no type does.
Body: TypeAlias = type[msgspec.Struct] | tuple[Any, ...] | dict[str, Any]


class Error(msgspec.Struct):
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

    `takes`, which may be `optional`, and `gives` are media type → body; `errors` are the statuses of what can go wrong.
    """

    method: str
    path: str
    handler: Handler
    group: str
    summary: str
    about: str = ""
    parameters: tuple[Parameter, ...] = ()
    takes: Mapping[str, Body] = field(default_factory=dict)
    optional: bool = False
    gives: Mapping[str, Body] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    curl: str = ""
    reply: str = ""


ERRORS = {
    400: "The request makes no sense; `error` says what was expected.",
    401: "There is no API key in the header Authorization, or a wrong one.",
    403: "The service listens beyond this machine, and has no API keys.",
    404: "There is no such model, version or label.",
    408: "The body did not arrive in time.",
    413: "The body is too large, as sent or decompressed, or a picture in it has too many pixels.",
    415: "The body is in an encoding other than gzip or deflate.",
    503: "Too many requests are waiting: try again in a moment.",
    504: "The request waited longer than its timeout.",
}


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI 3.1 description; schemas come from the types that decode and encode the bodies."""
    bodies = [body for one in operations for body in (*one.takes.values(), *one.gives.values())]
    types = [Error, *(kind for body in bodies for kind in _types(body))]
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(types, found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "checkreader", "version": __version__, "description": "Reads handwritten digits."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],  # a key where the operator wants one
    }


def _types(body: Body) -> tuple[Any, ...]:
    return () if isinstance(body, dict) else body if isinstance(body, tuple) else (body,)


def _described(operation: Operation, schemas: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    def schema(body: Body) -> dict[str, Any]:
        if isinstance(body, dict):
            return body
        found = [schemas[kind] for kind in _types(body)]
        return found[0] if len(found) == 1 else {"anyOf": found}

    def content(bodies: Mapping[str, Body]) -> dict[str, Any]:
        return {media: {"schema": schema(body)} for media, body in bodies.items()}

    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ] + [
        {"name": one.name, "in": one.place, "description": one.about, "schema": one.schema}
        for one in operation.parameters
    ]
    answers: dict[str, Any] = {"200": {"description": "OK", "content": content(operation.gives)}}
    for status in operation.errors:
        answers[str(status)] = {
            "description": ERRORS[status],
            "content": content({"application/json": Error}),
        }
    described: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{operation.method.lower()}{operation.path}").strip("_"),
        "tags": [operation.group],
        "summary": operation.summary,
        "description": operation.about,
        "parameters": parameters,
        "responses": answers,
    }
    if operation.takes:
        described["requestBody"] = {"required": not operation.optional, "content": content(operation.takes)}
    return described


def page(operations: Iterable[Operation]) -> str:
    """The documentation as one HTML page that loads nothing from anywhere."""
    # What answers several paths is described once.
    paths: dict[Handler, list[Operation]] = {}
    for operation in operations:
        paths.setdefault(operation.handler, []).append(operation)
    groups: dict[str, list[str]] = {}
    for same in paths.values():
        groups.setdefault(same[0].group, []).append(_section(*same))
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
            f"<tr><td><code>{html.escape(one.name)}</code><td>{html.escape(one.about)}"
            for one in operation.parameters
        )
        parts.append(f"<table><tr><th>parameter<th>meaning{rows}</table>")
    if operation.takes:
        media = ", ".join(f"<code>{html.escape(kind)}</code>" for kind in operation.takes)
        parts.append(f"<p>Body: {media}</p>")
    if operation.curl:
        parts.append(f"<pre>{html.escape(operation.curl)}</pre>")
    if operation.reply:
        pretty = json.dumps(json.loads(operation.reply), indent=2)
        parts.append(f"<details><summary>Reply</summary><pre>{html.escape(pretty)}</pre></details>")
    if operation.errors:
        rows = "".join(f"<li><b>{status}</b> {html.escape(ERRORS[status])}" for status in operation.errors)
        parts.append(f"<details><summary>Errors</summary><ul>{rows}</ul></details>")
    return "".join(parts) + "</section>"
