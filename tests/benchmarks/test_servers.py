from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from benchmarks.servers import checkreader, request, server


def test_a_server_answers_until_the_block_ends() -> None:
    with checkreader() as (port, process):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/lenet5") as reply:
            assert reply.status == 200
        assert process.poll() is None
    assert process.poll() is not None


def test_a_server_of_another_checkout(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text("raise SystemExit(7)")
    with pytest.raises(SystemExit, match="other ended with 7"), server("other", checkout=tmp_path):
        pass


def test_a_server_that_ends_before_it_answers() -> None:
    with (
        pytest.raises(SystemExit, match=r"calendar --nonsense ended with \d"),
        server("calendar", "--nonsense"),
    ):
        pass


def test_a_request_for_golden_digits() -> None:
    posted = request(8000, "binary", 3, "lenet5-int8")
    assert (posted.port, posted.path) == (8000, "/v2/models/lenet5-int8/infer")
    assert posted.body is not None
    assert len(posted.body) == 3 * 28 * 28 * 4
