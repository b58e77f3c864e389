"""API keys, limits and counters, over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from serving.app import build_app
from serving.settings import Settings
from tests.support.service import running
from tests.support.tiny import png, seven

KEY = "0123456789abcdef"
PUBLIC = ["/v2/health/live", "/v2/health/ready", "/", "/web/page.css", "/docs", "/openapi.json"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    (tmp_path / "keys").write_text(KEY)
    return tmp_path / "keys"


def test_without_a_key_nothing_is_read(models: Path, keys: Path) -> None:
    with running(models, api_keys=keys) as (app, client):
        for method, path in (
            ("POST", "/digits"),
            ("POST", "/fields"),
            ("POST", "/v2/models/lenet5/infer"),
            ("GET", "/metrics"),
            ("POST", "/web/normalized"),
            ("POST", "/v2/repository/models/lenet5/unload"),
        ):
            for headers in ({}, {"authorization": "Bearer no such key at all"}):
                reply = client(method, path, content=png(seven()), headers=headers)
                assert reply.status_code == 401, path
                assert reply.headers["www-authenticate"] == "Bearer"
                assert "API key" in reply.json()["error"]
        authorized = {"authorization": f"Bearer {KEY}"}
        assert client("POST", "/digits", content=png(seven()), headers=authorized).status_code == 200
        assert app.plane.counts.refused == {"unauthorized": 12}


def test_health_and_pages_need_no_key(models: Path, keys: Path) -> None:
    with running(models, api_keys=keys) as (_, client):
        for path in PUBLIC:
            assert client("GET", path).status_code == 200, path


def test_more_requests_than_may_be_in_flight(models: Path) -> None:
    with running(models, max_requests=2) as (app, client):
        app.admission.in_flight = 2  # as if they were
        reply = client("POST", "/digits", content=png(seven()))
        assert reply.status_code == 503
        assert reply.headers["retry-after"] == "1"
        assert client("GET", "/v2/health/live").status_code == 200
        app.admission.in_flight = 1
        assert client("POST", "/digits", content=png(seven())).status_code == 200
        assert app.admission.in_flight == 1


def test_a_disconnected_client_is_recorded(models: Path) -> None:
    app = build_app(Settings(models=models))
    sent = []

    async def receive() -> dict:
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/digits", "headers": [], "query_string": b""}
    asyncio.run(app({**scope, "http_version": "1.1", "scheme": "http", "root_path": ""}, receive, send))
    assert sent == []
    assert app.plane.counts.requests == {"POST /digits 499": 1}
    assert app.admission.in_flight == 0
