"""Each part of the benchmark under its smallest load."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import uvloop

from benchmarks import service
from benchmarks.servers import checkreader, server


@pytest.fixture(scope="module")
def ours() -> Iterator[tuple[int, int]]:
    """Port and process of the service."""
    with checkreader() as (port, process):
        yield port, process.pid


def test_single_pictures(ours: tuple[int, int]) -> None:
    with server("benchmarks.bare", "{port}") as (bare, _):
        table = uvloop.run(service.single_pictures(ours[0], bare, rounds=1, seconds=0.1))
    assert set(table) == {"json_1", "json_16", "binary_1", "binary_16"}
    for row in table.values():
        assert row["ratio"] == pytest.approx(row["rate"] / row["bare_rate"], rel=0.1)
        assert row["ratios"] == [row["ratio"]]


def test_large_requests(ours: tuple[int, int]) -> None:
    row = uvloop.run(service.large_requests(ours[0], rounds=1, seconds=0.2))
    assert row["pictures_per_second"] > 0
    assert row["ratio"] == pytest.approx(row["pictures_per_second"] / row["in_process"], rel=0.1)


def test_resident_memory(ours: tuple[int, int]) -> None:
    resident = uvloop.run(service.resident_memory(*ours, requests=10, seconds=0.05))["resident_mb"]
    assert len(resident) > 1
    assert all(20 < megabytes < 1000 for megabytes in resident.values())


def test_batcher_overhead() -> None:
    figures = uvloop.run(service.batcher_overhead(submissions=20))
    assert figures["more_us"] == pytest.approx(figures["through_us"] - figures["straight_us"], abs=0.2)


def test_start_seconds() -> None:
    assert service.start_seconds() > 0
