"""The package itself: its names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import checkreader
from serving import __version__
from serving.errors import CheckreaderError


@pytest.mark.parametrize("name", checkreader.__all__)
def test_every_listed_name_is_there(name: str) -> None:
    assert getattr(checkreader, name) is not None
    assert name in dir(checkreader)


def test_names_from_serving() -> None:
    assert checkreader.Error is CheckreaderError
    assert checkreader.__version__ == __version__


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'checkreader' has no attribute 'opne'"):
        checkreader.opne  # noqa: B018


def test_importing_it_imports_no_numpy() -> None:
    """The command starts by it."""
    code = "import sys, checkreader; sys.exit('numpy' in sys.modules or 'serving' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_packages_of_somebody_else_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkreader, "foreign", lambda: "serving is not checkreader's")
    with pytest.raises(ImportError, match="serving is not checkreader's"):
        checkreader.open  # noqa: B018
