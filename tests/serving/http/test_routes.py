"""The table of operations: complete, without doubles, and with examples that hold."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path

import msgspec
import pytest

from serving.app import build_app
from serving.http.endpoints import Endpoints
from serving.http.openapi import Operation
from serving.http.routes import route_table
from serving.settings import Settings


@pytest.fixture(scope="module")
def table(models: Path) -> list[Operation]:
    async def build() -> list[Operation]:
        app = build_app(Settings(models=models))
        return route_table(Endpoints(app.plane, app.reloader))

    return asyncio.run(build())


def test_no_operation_is_listed_twice(table: list[Operation]) -> None:
    operations = [(operation.method, operation.path) for operation in table]
    assert len(operations) == len(set(operations))


def test_every_endpoint_has_a_path(table: list[Operation]) -> None:
    handlers = {name for name in vars(Endpoints) if not name.startswith("_")}
    assert {operation.handler.__name__ for operation in table} == handlers


def test_example_replies_are_of_the_declared_type(table: list[Operation]) -> None:
    examples = [operation for operation in table if operation.reply]
    assert len(examples) >= 4
    for operation in examples:
        body = operation.response_bodies["application/json"]
        assert any(decodes(operation.reply, kind) for kind in (body if isinstance(body, tuple) else (body,)))


def decodes(reply: str, kind: type) -> bool:
    with contextlib.suppress(msgspec.DecodeError):
        msgspec.json.decode(reply, type=kind)
        return True
    return False


def test_example_requests_go_to_their_path(table: list[Operation]) -> None:
    for operation in table:
        for line in operation.curl.splitlines():
            path = re.search(r"localhost:8000(/[^\s'?]*)", line)
            assert path is not None, line
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation.path))
            also = pattern.replace("/versions/[^/]+", "").replace("/labels/[^/]+", "")
            assert re.fullmatch(f"{pattern}|{also}", path[1]), (operation.path, path[1])


def test_what_takes_a_body_names_its_errors(table: list[Operation]) -> None:
    for operation in table:
        if operation.request_bodies:
            assert {400, 401, 404, 408, 413, 415, 503, 504} <= {error.status for error in operation.errors}


def test_a_verb_is_no_part_of_a_models_name(client) -> None:
    """`:predict` is routed before the status, whose last parameter would take it."""
    for path in (
        "/v1/models/lenet5:predict",
        "/v1/models/lenet5/versions/1:predict",
        "/v1/models/lenet5/labels/stable:predict",
    ):
        reply = client("POST", path, json={"instances": [[[0.0] * 28] * 28]})
        assert list(reply.json()) == ["predictions"], path


def test_statistics_of_all_are_no_model(client) -> None:
    """`/v2/models/stats` is routed before the model of that name."""
    models = client("GET", "/v2/models/stats").json()["model_stats"]
    assert len(models) > 1
    assert [model["name"] for model in client("GET", "/v2/models/lenet5/stats").json()["model_stats"]] == [
        "lenet5"
    ]
