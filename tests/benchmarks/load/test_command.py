from __future__ import annotations

import json
import re

import pytest

from benchmarks.load.__main__ import parser, run
from serving.errors import CheckreaderError


def test_of_a_service_of_its_own(capsys) -> None:
    options = ["--seconds", "0.2", "--connections", "2", "--kind", "json", "--rows", "3", "--json"]
    assert run(parser().parse_args(options)) == 0
    (cell,) = json.loads(capsys.readouterr().out)
    assert (cell["kind"], cell["rows"], cell["load"], cell["errors"]) == ("json", 3, "2 connections", {})
    assert cell["rate"] > 0
    assert cell["compute_infer"] > 0
    assert cell["rows_per_execution"] >= 3


def test_by_rate_as_a_table(capsys) -> None:
    options = ["--seconds", "0.2", "--rate", "50", "--kind", "picture"]
    assert run(parser().parse_args(options)) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith("kind")
    assert row.split()[:3] == ["picture", "1", "50/s"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "http://127.0.0.1:1"], "cannot connect to 127.0.0.1:1: Connection refused"),
        (["--url", "ftp://x"], "expected an address such as http://127.0.0.1:8000"),
        (["--seconds", "0"], "must be above 0"),
        (["--rate", "inf"], "must be above 0"),
        (["--kind", "picture", "--rows", "2", "--url", "http://127.0.0.1:1"], "picture request of 2 rows"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    with pytest.raises(CheckreaderError, match=re.escape(message)):
        run(parser().parse_args(arguments))
