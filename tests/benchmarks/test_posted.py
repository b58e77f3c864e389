"""The comparison of posted pictures under its smallest load."""

from __future__ import annotations

import io
import itertools
import os
from pathlib import Path
from typing import Any

import pytest
import uvloop
from PIL import Image

from benchmarks import posted
from benchmarks.load.generator import Request, Result, summarize
from benchmarks.posted import Service, Window
from serving.errors import CheckreaderError
from tests.support.paths import ROOT

PICTURE = [b"a picture"]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[int, Result]:
    """What the load generator measures at each port."""
    results = {8000: summarize([0.002] * 8, 1.0), 8001: summarize([0.004] * 4, 1.0)}

    async def closed_loop(requests: list[Request], *_: Any, **__: Any) -> Result:
        assert {request.path for request in requests} == {"/digits"}
        return results[requests[0].port]

    monkeypatch.setattr(posted, "closed_loop", closed_loop)
    return results


def test_both_are_measured_with_every_kind(
    answers: dict[int, Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posted, "pictures", lambda: {"small": PICTURE, "mix": PICTURE})
    ticks = itertools.count()
    monkeypatch.setattr(Service, "cpu_seconds", lambda service: next(ticks) / 1000)
    table = uvloop.run(posted.compare(Service(8000, 1), Service(8001, 2), rounds=2))
    assert list(table) == ["small", "mix"]
    assert table["mix"]["ratios"] == [2.0, 2.0]
    assert (table["mix"]["rate"], table["mix"]["earlier_rate"], table["mix"]["ratio"]) == (8, 4, 2.0)
    assert (table["mix"]["cpu_us"], table["mix"]["cpu_ratio"]) == (125, 2.0)
    assert (table["mix"]["p50_ms"], table["mix"]["p99_ms"]) == (2.0, 2.0)


def test_cpu_time_is_that_of_the_process(answers: dict[int, Result], monkeypatch: pytest.MonkeyPatch) -> None:
    assert Service(8000, os.getpid()).cpu_seconds() == pytest.approx(sum(os.times()[:2]), abs=0.1)
    used = iter([1.0, 1.004])
    monkeypatch.setattr(Service, "cpu_seconds", lambda service: next(used))
    window = uvloop.run(Service(8000, 1).read(PICTURE, 1.0))
    assert window == Window(8.0, 2.0, 2.0, pytest.approx(500))


def test_a_refused_picture_ends_the_measurement(answers: dict[int, Result]) -> None:
    answers[8000] = summarize([0.001], 1.0, errors={"400": 1})
    with pytest.raises(CheckreaderError, match=r"port 8000: .*400"):
        uvloop.run(Service(8000, os.getpid()).read(PICTURE, 1.0))


def test_pictures() -> None:
    sizes = {
        kind: {Image.open(io.BytesIO(picture)).size for picture in encoded}
        for kind, encoded in posted.pictures().items()
    }
    assert sizes["96×96"] == {(96, 96)}
    assert sizes["172×172"] == {(172, 172)}
    assert len(sizes["mix"]) == 7


def test_an_earlier_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert posted.module(ROOT) == "serving.cli.main"
    assert posted.module(tmp_path) == "serving.cli"
    with pytest.raises(CheckreaderError, match="cannot check nonsense out"), posted.checkout("nonsense"):
        pass
