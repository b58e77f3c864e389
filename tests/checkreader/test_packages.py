"""A package called serving or pipeline of another distribution is named, in the command and in Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from checkreader.packages import foreign
from tests.support.paths import ROOT


def test_ours_are_ours() -> None:
    assert foreign() is None


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which Python finds another `serving` first."""
    (tmp_path / "other" / "serving").mkdir(parents=True)
    (tmp_path / "other" / "serving" / "__init__.py").touch()
    path = os.pathsep.join([str(tmp_path / "other"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def test_the_command_answers_in_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "checkreader", "info"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: Python imports 'serving' from {tmp_path / 'other' / 'serving'}")


def test_python_raises_import_error(environment: dict[str, str], tmp_path: Path) -> None:
    code = "import checkreader\ntry:\n    checkreader.open()\nexcept ImportError as error:\n    print(error)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Python imports 'serving' from")


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    complaint = foreign(tmp_path)
    assert complaint is not None
    assert "which is not checkreader's" in complaint


def test_unknown_attributes() -> None:
    import checkreader

    with pytest.raises(AttributeError, match="has no attribute 'rader'"):
        _ = checkreader.rader
    assert "open" in dir(checkreader)
