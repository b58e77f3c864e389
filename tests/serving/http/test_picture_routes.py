"""The operations on pictures: their parameters are those that the protocol reads."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from serving.app import build_app
from serving.http.endpoints import Endpoints
from serving.http.openapi import Operation
from serving.http.picture_routes import picture_operations
from serving.protocol import checks, pictures
from serving.settings import Settings

PARAMETERS = {
    "/digits": pictures.PARAMETERS,
    "/fields": pictures.FIELD_PARAMETERS,
    "/micr": pictures.MICR_PARAMETERS,
    "/checks": checks.PARAMETERS,
}


@pytest.fixture(scope="module")
def operations(models: Path) -> list[Operation]:
    async def build() -> list[Operation]:
        app = build_app(Settings(models=models))
        return picture_operations(Endpoints(app.plane, app.reloader))

    return asyncio.run(build())


def test_every_parameter_is_described(operations: list[Operation]) -> None:
    described = {
        operation.path: {parameter.name for parameter in operation.parameters} for operation in operations
    }
    assert described == {path: set(names) for path, names in PARAMETERS.items()}


def test_every_operation_has_an_example(operations: list[Operation]) -> None:
    for operation in operations:
        assert operation.path in operation.curl
        assert operation.reply
