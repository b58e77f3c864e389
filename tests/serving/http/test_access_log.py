"""The access log: what it holds, what it never holds, and that it delays nobody."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.http.access_log import AccessLog, StdoutWriter, request_id
from serving.settings import Settings
from tests.support.service import running
from tests.support.tiny import png, seven


@pytest.fixture
def logged(models: Path) -> Callable[..., list[dict]]:
    """Posts one picture and returns the log's records."""

    def post(level: str, headers: dict[str, str] | None = None, body: bytes = b"") -> list[dict]:
        lines: list[bytes] = []
        with running(models, access_log=level) as (app, client):
            app.admission.access_log.write = lines.append
            reply = client(
                "POST", "/digits?max_error=0.1", content=body or png(seven()), headers=headers or {}
            )
        assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
        records = [json.loads(line) for line in lines]
        if records:
            assert records[0]["id"] == reply.headers["x-request-id"]
            assert records[0]["bytes_out"] == len(reply.content)
        return records

    return post


def test_the_log_tells_nothing_of_what_was_read(logged) -> None:
    (record,) = logged("requests")
    assert set(record) == {
        *("time", "id", "client", "method", "path", "status", "ms", "bytes_in", "bytes_out")
    }
    assert (record["method"], record["path"], record["status"]) == ("POST", "/digits", 200)
    assert record["bytes_in"] == len(png(seven()))
    assert record["time"].endswith("Z")
    assert record["ms"] > 0


def test_readings_are_logged_where_they_are_asked_for(logged) -> None:
    (record,) = logged("readings")
    assert record["reading"]["digits"][0]["digit"] in range(10)
    (record,) = logged("readings", body=b"rubbish")
    assert (record["status"], "reading" in record) == (400, False)


def test_it_is_off_by_default(logged) -> None:
    assert logged("off") == []
    assert Settings().access_log == "off"


@pytest.mark.parametrize(
    ("header", "kept"),
    [("till-7/42", True), ("", False), ("a b", False), ("x" * 200, False), ('"}', False)],
)
def test_a_harmless_request_id_is_kept(logged, header: str, kept: bool) -> None:
    (record,) = logged("requests", {"x-request-id": header})
    assert (record["id"] == header) is kept
    assert len(record["id"]) in (16, len("till-7/42"))


def test_request_ids_differ() -> None:
    assert request_id("mine") == "mine"
    assert request_id(None) != request_id(None)


def test_a_request_id_comes_back_without_a_log_too(models: Path) -> None:
    with running(models) as (_, client):
        reply = client("GET", "/v2", headers={"x-request-id": "mine"})
        assert reply.headers["x-request-id"] == "mine"
        assert "x-request-id" not in client("GET", "/v2").headers


def test_unrouted_requests_are_logged(models: Path) -> None:
    lines: list[bytes] = []
    with running(models, access_log="requests") as (app, client):
        app.admission.access_log.write = lines.append
        for method, path, status in (("GET", "/nowhere%0a", 404), ("DELETE", "/digits", 405)):
            reply = client(method, path)
            record = json.loads(lines.pop())
            assert (record["method"], record["status"]) == (method, status)
            assert record["id"] == reply.headers["x-request-id"]


def test_a_long_path_is_cut() -> None:
    lines: list[bytes] = []
    AccessLog("requests", lines.append).log_request("id", "client", "GET", "/" + "x" * 30_000, 404, 0)
    assert len(lines[0]) < 4096


def test_a_slow_reader_of_the_log_delays_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    reader_ready, lines = threading.Event(), []
    monkeypatch.setattr(os, "write", lambda _, line: (reader_ready.wait(30), lines.append(line)))
    write = StdoutWriter(capacity=2)
    for number in range(50):
        write(b"%d\n" % number)
    reader_ready.set()
    write.flush()
    assert len(lines) <= 4
    assert lines[0] == b"0\n"


def test_lines_are_written_in_their_order() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as log:
        write = StdoutWriter(descriptor=writer)
        for number in range(3):
            write(b"%d\n" % number)
        write.flush()
        os.close(writer)
        assert log.read() == b"0\n1\n2\n"
