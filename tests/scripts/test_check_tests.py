from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import check_tests
from tests.support.paths import ROOT

SOURCE = """
import thing
from thing import _imported, public

_LOCAL = 3

class Fake:
    def __init__(self):
        self._state = 1

    def use(self, other):
        return self._state, self._inherited, other._state, _LOCAL, other.__class__, thing._read

def test(monkeypatch):
    monkeypatch.setattr(thing, "_PATCHED", 1)
    monkeypatch.setattr("thing.part._BY_PATH", 1)
    getattr(thing, "_by_name")
    monkeypatch.setattr(thing, "PUBLIC", 1)
"""


def test_private_uses() -> None:
    names = {name for _, name in check_tests.private_uses(ast.parse(SOURCE))}
    assert names == {"_imported", "_read", "_PATCHED", "_BY_PATH", "_by_name"}


def test_lines_are_those_of_the_file() -> None:
    assert list(check_tests.private_uses(ast.parse("\n\nprint(thing._x)"))) == [(3, "_x")]


@pytest.mark.parametrize(
    ("name", "private"), [("_x", True), ("_X", True), ("__x__", False), ("x_", False), ("_", False)]
)
def test_is_private(name: str, private: bool) -> None:
    assert check_tests.is_private(name) is private


def test_untested_modules(tmp_path: Path) -> None:
    """A module is tested by a file of its name at the same path, a package by one inside or beside it."""
    long, short = "\n" * 41, "\n" * 40
    modules = {
        "serving/http/routes.py": long,
        "serving/http/asgi.py": long,
        "serving/http/small.py": short,
        "serving/web/__init__.py": long,
        "serving/bulk/__init__.py": long,
        "pipeline/_hidden.py": long,
        "checkreader/reader.py": long,
    }
    tests = [
        "serving/http/test_routes.py",
        "serving/test_web.py",
        "serving/bulk/test_bulk.py",
        "pipeline/test_hidden.py",
    ]
    for file, text in (modules | {f"tests/{name}": "" for name in tests}).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    untested = [str(path) for path in check_tests.untested_modules(tmp_path)]
    assert untested == ["serving/http/asgi.py", "checkreader/reader.py"]


def test_bounds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(check_tests, "PRIVATE_BOUND", 1_000)
    monkeypatch.setattr(check_tests, "UNTESTED_BOUND", 1_000)
    assert check_tests.main() == 0
    monkeypatch.setattr(check_tests, "UNTESTED_BOUND", -1)
    assert check_tests.main() == 1
    assert "of at most -1" in capsys.readouterr().out


def test_the_command() -> None:
    command = [sys.executable, ROOT / "scripts" / "check_tests.py"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "uses of private names in tests: " in process.stdout
    assert process.returncode in (0, 1), process.stderr
