"""Whoever uses a name of version 0.1 is told the new one."""

from __future__ import annotations

import pytest

from serving.cli.renamed import COMMANDS, VARIABLES, check_command, check_variables
from serving.errors import CheckreaderError
from tests.support.command_line import failed


@pytest.mark.parametrize(("old", "new"), VARIABLES.items())
def test_a_variable_of_the_old_name(old: str, new: str) -> None:
    with pytest.raises(CheckreaderError, match=rf"\${old} is now \${new}"):
        check_variables({old: "x"})
    check_variables({old: "x", new: "y"})
    check_variables({new: "y"})


@pytest.mark.parametrize(("old", "new"), COMMANDS.items())
def test_a_command_of_the_old_name(old: tuple[str, ...], new: str) -> None:
    with pytest.raises(CheckreaderError, match=f"'checkreader {' '.join(old)}' is now {new}"):
        check_command([*old, "--help"])
    check_command([old[0]])


def test_the_command_line_checks_both(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "benchmarks.load" in failed(capsys, "benchmark", "serve", "--help")
    monkeypatch.setenv("CHECKDIGIT_MODELS", "x")
    monkeypatch.delenv("CHECKREADER_MODELS", raising=False)
    assert failed(capsys, "info") == "error: $CHECKDIGIT_MODELS is now $CHECKREADER_MODELS: set that instead"
