"""One table of operations; `/openapi.json` and the page `/docs` are both made from it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from serving import __version__

_PAGE = Path(__file__).parent / "web" / "docs.html"


@dataclass(frozen=True)
class Parameter:
    """A parameter in the query; those in the path are read from the path itself."""

    name: str
    about: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    `takes` and `gives` are media type → JSON schema; `errors` are the statuses of a client's mistakes.
    """

    method: str
    path: str
    handler: Callable[[Request], Awaitable[Response]]
    group: str
    summary: str
    about: str = ""
    parameters: tuple[Parameter, ...] = ()
    takes: dict[str, Any] = field(default_factory=dict)
    gives: dict[str, Any] = field(default_factory=lambda: {"application/json": {"type": "object"}})
    errors: tuple[int, ...] = ()
    curl: str = ""
    reply: str = ""


ERRORS = {
    400: "The request makes no sense; `error` says what was expected.",
    404: "There is no such model or version.",
    413: "The body is too large.",
    415: "The body is compressed; send it as it is.",
    503: "Not every model is ready.",
}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The OpenAPI 3.1 description."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = re.sub(r":\w+}", "}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation, path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "checkdigit", "version": __version__, "description": "Reads handwritten digits."},
        "paths": paths,
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string"}},
                }
            }
        },
    }


def _described(operation: Operation, path: str) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ] + [
        {"name": one.name, "in": "query", "description": one.about, "schema": one.schema}
        for one in operation.parameters
    ]
    answers: dict[str, Any] = {
        "200": {
            "description": "OK",
            "content": {media: {"schema": schema} for media, schema in operation.gives.items()},
        }
    }
    for status in operation.errors:
        schema = {"$ref": "#/components/schemas/Error"}
        answers[str(status)] = {
            "description": ERRORS[status],
            "content": {"application/json": {"schema": schema}},
        }
    described: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{operation.method.lower()}{path}").strip("_"),
        "tags": [operation.group],
        "summary": operation.summary,
        "description": operation.about,
        "parameters": parameters,
        "responses": answers,
    }
    if operation.takes:
        described["requestBody"] = {
            "required": True,
            "content": {media: {"schema": schema} for media, schema in operation.takes.items()},
        }
    return described


def page(operations: Iterable[Operation]) -> str:
    """The documentation as one HTML page that loads nothing from anywhere."""
    groups: dict[str, list[str]] = {}
    for operation in operations:
        groups.setdefault(operation.group, []).append(_section(operation))
    body = "".join(f"<h2>{html.escape(group)}</h2>{''.join(parts)}" for group, parts in groups.items())
    return Template(_PAGE.read_text("utf-8")).substitute(version=html.escape(__version__), operations=body)


def _section(operation: Operation) -> str:
    path = re.sub(r":\w+}", "}", operation.path)
    parts = [
        f"<section><h3><b class={operation.method.lower()}>{operation.method}</b> "
        f"<code>{html.escape(path)}</code></h3><p>{html.escape(operation.summary)}</p>"
    ]
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
