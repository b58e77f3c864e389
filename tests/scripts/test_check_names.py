from __future__ import annotations

import ast

import pytest

from scripts import check_names

SOURCE = """
def read(given, *, size=1):
    for one in given:
        with open(one) as file:
            (a, b) = [taken for taken in file]
    try:
        if (seen := a):
            pass
    except OSError as error:
        size.own = 1
"""


def test_bindings() -> None:
    names = sorted(name for _, name in check_names.bindings(ast.parse(SOURCE)))
    assert names == ["a", "b", "error", "file", "given", "one", "seen", "size", "taken"]


def test_every_package_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    check_names.main([])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines if "bindings" in line] == list(check_names.VAGUE_BOUNDS)
