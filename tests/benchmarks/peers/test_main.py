"""The measurement of one server, here a service of this environment, and the table of medians and ratios."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from benchmarks.peers.__main__ import measure, table
from benchmarks.peers.servers import CHECKREADER, Server
from serving.errors import CheckreaderError
from serving.repository.store import Repository


class Here(Server):
    """The service in the environment of the tests."""

    @property
    def venv(self) -> Path:
        return Path(sys.prefix)


@pytest.fixture
def server() -> Server:
    return Here(CHECKREADER.name, CHECKREADER.command, environment=CHECKREADER.environment)


@pytest.fixture
def picture() -> tuple[list[float], list[float]]:
    """A golden digit and its released probabilities."""
    digits, images = Repository.open().golden
    return images[0].ravel().tolist(), digits[0].expected["lenet5"]["onnx_float32"]


def test_measure(server: Server, picture: tuple[list[float], list[float]]) -> None:
    figures = measure(server, *picture, seconds=0.1, pause=0.05)
    assert figures["ready_seconds"] > 0
    assert figures["rate_1"] > 0
    assert figures["p50_ms_16"] <= figures["p99_ms_16"]
    assert figures["processes"] == 1
    assert figures["resident_mb"] > 20
    assert figures["idle_cpu"] >= 0


def test_another_answer(server: Server, picture: tuple[list[float], list[float]]) -> None:
    values, expected = picture
    with pytest.raises(CheckreaderError, match=r"checkreader: its answer is off by 0\.5"):
        measure(server, values, [expected[0] + 0.5, *expected[1:]], seconds=0.1)


def test_a_server_that_does_not_start(server: Server, picture: tuple[list[float], list[float]]) -> None:
    broken = dataclasses.replace(server, command=("python", "-c", "raise SystemExit('no such model')"))
    with pytest.raises(CheckreaderError, match="checkreader does not start: no such model"):
        measure(broken, *picture, seconds=0.1)


def test_table() -> None:
    """A ratio is to the mean of the starts before and after; what only some use at all has none."""
    first = {"checkreader": [{"rate_1": 90.0, "idle_cpu": 0.0}, {"rate_1": 110.0, "idle_cpu": 0.0}]}
    second = {"checkreader": [{"rate_1": 120.0, "idle_cpu": 0.0}, {"rate_1": 120.0, "idle_cpu": 0.0}]}
    peer = {"peer": [{"rate_1": 50.0, "idle_cpu": 0.1}]}
    summary = table([first | peer, second | peer])
    assert summary["servers"]["checkreader"]["rate_1"] == 115.0
    assert summary["checkreader_to_peer"] == {"peer": {"rate_1": [2.0, 2.4]}}
