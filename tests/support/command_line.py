"""Runs of the command `checkreader`."""

from __future__ import annotations

import re

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


def without_progress(text: str) -> list[str]:
    """Returns the lines of standard error but those that a stage writes every few seconds on a slow machine."""
    return [line for line in text.splitlines() if not re.search(r": [0-9]+ s$", line)]
