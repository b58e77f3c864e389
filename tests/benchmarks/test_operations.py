from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
import uvloop

from benchmarks import operations
from benchmarks.load.generator import Request
from serving.manifest import NAME
from serving.repository.store import Repository


def test_the_script_of_wrk() -> None:
    posted = Request("127.0.0.1", 8000, "/digits", (("Content-Type", "image/png"),), b"\x00A\xff")
    assert operations.wrk_script(posted).splitlines() == [
        'wrk.method = "POST"',
        r'wrk.body = "\000\065\255"',
        'wrk.headers["Content-Type"] = "image/png"',
    ]


def test_the_report_of_wrk() -> None:
    assert operations.wrk_rate("  8 requests in 2.00s\nRequests/sec:   1234.56\n") == 1234.56
    for line in ("Non-2xx or 3xx responses: 1", "Socket errors: connect 0, read 1"):
        with pytest.raises(SystemExit, match=line):
            operations.wrk_rate(f"Requests/sec: 1\n  {line}\n")


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed: apt install wrk")
def test_compare_workers() -> None:
    figures = operations.compare_workers(rounds=1, seconds=1)
    assert all(figures[kind]["one"] > 0 and figures[kind]["two"] > 0 for kind in operations.KINDS)


def test_without_wrk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="apt install wrk"):
        operations.main([])


def test_releases(tmp_path: Path) -> None:
    """Each names the digit models' next version, and none comes after the block."""
    shutil.copy(Repository.open().folder / NAME, tmp_path / NAME)
    first = int(Repository.open().model("lenet5").version) + 1

    async def release_twice() -> list[str]:
        with operations.releasing(tmp_path, 0.001) as versions:
            while len(versions) < 2:
                await asyncio.sleep(0)
            return versions

    versions = asyncio.run(release_twice())
    assert versions == [str(first), str(first + 1)]
    models = json.loads((tmp_path / NAME).read_text())["models"]
    assert {models[name]["version"] for name in operations.DIGIT_MODELS} == {versions[-1]}


def test_release_under_load() -> None:
    figures = uvloop.run(operations.release_under_load(rounds=1, rate=50.0, window=0.5, interval=0.2))
    assert figures["failed"] == 0
    assert figures["releases"] >= 2
    assert set(figures["p99_ms"]) == {"steady", "one", "often"}


def test_page_bytes() -> None:
    sizes = operations.page_bytes()
    assert 10_000 < sizes["files"] < 100_000
    assert 30_000 < sizes["wasm"] < 150_000
