from __future__ import annotations

import pytest

from benchmarks import stops


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stops, "SECONDS", 0.2)
    monkeypatch.setattr(stops, "CLIENTS", 4)


def test_a_stop() -> None:
    figures = stops.stops(1, "http", count=1)
    assert figures["connections"] > 4
    assert (figures["rounds"], figures["lost"]) == (1, 0)


def test_a_kill() -> None:
    figures = stops.kills("http", count=1)
    assert figures["connections"] > 4
    assert (figures["rounds"], figures["lost"]) == (1, 0)
    assert figures["lost_accepted"] <= 4


def test_over_grpc_a_frame_is_the_answer() -> None:
    figures = stops.stops(1, "grpc", count=1)
    assert figures["connections"] > 4
    assert figures["lost"] == 0
