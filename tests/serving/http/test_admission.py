"""Keys, limits and the access log, over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.app import App, build_app
from serving.http import admission
from serving.settings import Settings
from tests.conftest import Client
from tests.support.tiny import png, seven

KEY = "0123456789abcdef"
OPEN = ["/v2/health/live", "/v2/health/ready", "/", "/web/page.css", "/docs", "/openapi.json"]


@contextmanager
def opened(models: Path, **chosen: object) -> Iterator[tuple[App, Client]]:
    app = build_app(Settings(models=models, **chosen))
    with asyncio.Runner() as runner:
        yield app, Client(app, runner)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    (tmp_path / "keys").write_text(KEY)
    return tmp_path / "keys"


def test_without_a_key_nothing_is_read(models: Path, keys: Path) -> None:
    with opened(models, api_keys=keys) as (app, client):
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
        known = {"authorization": f"Bearer {KEY}"}
        assert client("POST", "/digits", content=png(seven()), headers=known).status_code == 200
        assert app.plane.counts.refused == {"unauthorized": 12}


def test_what_stands_open(models: Path, keys: Path) -> None:
    with opened(models, api_keys=keys) as (_, client):
        for path in OPEN:
            assert client("GET", path).status_code == 200, path


def test_who_may_load_and_unload(models: Path, keys: Path) -> None:
    path = "/v2/repository/models/lenet5/load"
    with opened(models, host="0.0.0.0") as (_, client):
        reply = client("POST", path)
        assert reply.status_code == 403
        assert "need --api-keys" in reply.json()["error"]
    with opened(models, host="0.0.0.0", api_keys=keys) as (_, client):
        assert client("POST", path, headers={"authorization": f"Bearer {KEY}"}).status_code == 200


def test_more_requests_than_may_be_under_way(models: Path) -> None:
    with opened(models, max_requests=2) as (app, client):
        app.door.inside = 2  # as if they were
        reply = client("POST", "/digits", content=png(seven()))
        assert reply.status_code == 503
        assert reply.headers["retry-after"] == "1"
        assert client("GET", "/v2/health/live").status_code == 200
        app.door.inside = 1
        assert client("POST", "/digits", content=png(seven())).status_code == 200
        assert app.door.inside == 1


@pytest.fixture
def logged(models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict]]:
    """What the log says of one posted picture."""

    def ask(log: str, headers: dict[str, str] | None = None, body: bytes = b"") -> list[dict]:
        lines: list[bytes] = []
        monkeypatch.setattr("serving.http.admission._to_stdout", lines.append)
        with opened(models, access_log=log) as (_, client):
            reply = client(
                "POST", "/digits?max_error=0.1", content=body or png(seven()), headers=headers or {}
            )
        assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
        found = [json.loads(line) for line in lines]
        if found:
            assert found[0]["id"] == reply.headers["x-request-id"]
            assert found[0]["bytes_out"] == len(reply.content)
        return found

    return ask


def test_the_log_tells_nothing_of_what_was_read(logged) -> None:
    (line,) = logged("requests")
    assert set(line) == {"time", "id", "client", "method", "path", "status", "ms", "bytes_in", "bytes_out"}
    assert (line["method"], line["path"], line["status"]) == ("POST", "/digits", 200)
    assert line["bytes_in"] == len(png(seven()))
    assert line["time"].endswith("Z")
    assert line["ms"] > 0


def test_unless_it_is_asked_to(logged) -> None:
    (line,) = logged("readings")
    assert line["reading"]["digits"][0]["digit"] in range(10)
    (line,) = logged("readings", body=b"rubbish")
    assert (line["status"], "reading" in line) == (400, False)


def test_it_is_off_at_first(logged) -> None:
    assert logged("off") == []
    assert Settings().access_log == "off"


@pytest.mark.parametrize(
    ("given", "kept"), [("till-7/42", True), ("", False), ("a b", False), ("x" * 200, False), ('"}', False)]
)
def test_a_decent_request_id_is_kept(logged, given: str, kept: bool) -> None:
    (line,) = logged("requests", {"x-request-id": given})
    assert (line["id"] == given) is kept
    assert len(line["id"]) in (16, len("till-7/42"))


def test_a_request_id_comes_back_without_a_log_too(models: Path) -> None:
    with opened(models) as (_, client):
        reply = client("GET", "/v2", headers={"x-request-id": "mine"})
        assert reply.headers["x-request-id"] == "mine"
        assert "x-request-id" not in client("GET", "/v2").headers


def test_a_client_that_goes_away_is_recorded(models: Path) -> None:
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
    assert app.door.inside == 0


def test_a_log_that_nobody_reads_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    going, lines = threading.Event(), []
    monkeypatch.setattr("serving.http.admission._WAITING", 2)
    monkeypatch.setattr(
        "serving.http.admission.os.write", lambda _, line: (going.wait(30), lines.append(line))
    )
    log = admission._Log()
    for number in range(50):
        log(b"%d\n" % number)
    going.set()
    log.flush()
    assert len(lines) <= 4
    assert lines[0] == b"0\n"


def test_a_long_path_is_cut(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []
    monkeypatch.setattr("serving.http.admission._to_stdout", lines.append)
    with opened(models, access_log="requests") as (_, client):
        client("GET", f"/v2/models/{'x' * 30_000}")
    assert len(lines[0]) < 4096


def test_what_leads_nowhere_is_logged_too(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []
    monkeypatch.setattr("serving.http.admission._to_stdout", lines.append)
    with opened(models, access_log="requests") as (_, client):
        for method, path, status in (("GET", "/nowhere%0a", 404), ("DELETE", "/digits", 405)):
            reply = client(method, path)
            line = json.loads(lines.pop())
            assert (line["method"], line["status"], line["id"]) == (
                method,
                status,
                reply.headers["x-request-id"],
            )


def test_another_site_s_page_unloads_nothing(models: Path) -> None:
    path = "/v2/repository/models/lenet5/load"
    with opened(models) as (_, client):
        assert client("POST", path, headers={"origin": "http://evil.example"}).status_code == 403
        assert client("POST", path, headers={"origin": "http://checkreader"}).status_code == 200
