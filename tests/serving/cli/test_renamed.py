"""Names of before: one line that states the new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.cli.main import main
from serving.cli.renamed import COMMANDS, VARIABLES, check_command, check_variables
from serving.errors import CheckreaderError
from tests.support.command_line import failed


@pytest.mark.parametrize(("old", "new"), VARIABLES.items())
def test_an_old_variable_is_refused(old: str, new: str) -> None:
    with pytest.raises(CheckreaderError) as error:
        check_variables({"PATH": "/bin", old: "x"})
    assert str(error.value) == f"${old} is now ${new}: set that instead"


@pytest.mark.parametrize(("old", "new"), VARIABLES.items())
def test_the_new_variable_wins(old: str, new: str) -> None:
    check_variables({old: "x", new: "y"})
    check_variables({new: "y"})
    check_variables({})


def test_each_variable_has_a_name_of_its_own() -> None:
    assert len(set(VARIABLES.values())) == len(VARIABLES)
    assert all(
        old.removeprefix("CHECKDIGIT_") == new.removeprefix("CHECKREADER_") for old, new in VARIABLES.items()
    )


@pytest.mark.parametrize(("old", "new"), COMMANDS.items())
def test_an_old_command_is_refused(old: tuple[str, ...], new: str) -> None:
    for arguments in (old, (*old, "--help")):
        with pytest.raises(CheckreaderError) as error:
            check_command(arguments)
        assert str(error.value) == f"'checkreader {' '.join(old)}' is now {new}"


@pytest.mark.parametrize(
    "arguments", [[], ["benchmark"], ["benchmark", "--help"], ["serve"], ["read", "benchmark"]]
)
def test_other_commands_pass(arguments: list[str]) -> None:
    check_command(arguments)


def test_the_command_line_says_so_in_one_line(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    assert failed(capsys, "benchmark", "serve").startswith("error: 'checkreader benchmark serve' is now ")
    monkeypatch.delenv("CHECKREADER_MODELS", raising=False)
    monkeypatch.setenv("CHECKDIGIT_MODELS", "models")
    assert failed(capsys, "info") == "error: $CHECKDIGIT_MODELS is now $CHECKREADER_MODELS: set that instead"


def test_the_command_line_takes_the_new_variable(
    models: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECKDIGIT_MODELS", "nowhere")
    monkeypatch.setenv("CHECKREADER_MODELS", str(models))
    assert main(["info"]) == 0
    assert "lenet5" in capsys.readouterr().out
