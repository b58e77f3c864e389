"""Runs of the command `checkreader`."""

from __future__ import annotations

import pytest

from serving.cli.main import main


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Runs a command that must end with one line of error, and returns that."""
    assert main(arguments) == 1
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("error: ")
    return line
