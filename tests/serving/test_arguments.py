from __future__ import annotations

import pytest

from serving.arguments import Parser
from serving.cli.main import COMMANDS, PIPELINE, main


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="program")
    command = parser.add_subparsers(required=True).add_parser("read")
    command.add_argument("file")
    command.add_argument("--max-error", type=float)
    command.add_argument("--model", "-m")
    return parser


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--max-eror 0.1", "--max-eror 0.1 (did you mean --max-error?)"),
        ("--max_error=0.1", "--max_error=0.1 (did you mean --max-error?)"),
        ("--modell x --max-eror", "--modell x --max-eror (did you mean --model and --max-error?)"),
        ("--zzz", "--zzz"),
        ("more", "more"),
    ],
)
def test_the_option_that_was_meant(parser: Parser, arguments: str, message: str, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["read", "file", *arguments.split()])
    error = capsys.readouterr().err
    assert error.startswith("usage: program read ")
    assert message in error.splitlines()[-1]
    assert ("did you mean" in error) == ("did you mean" in message)


def test_what_is_right_is_parsed(parser: Parser) -> None:
    options = parser.parse_args(["read", "file", "--max-error", "0.5"])
    assert (options.file, options.max_error) == ("file", 0.5)


@pytest.mark.parametrize("command", [*COMMANDS, *dict(PIPELINE)])
def test_every_command_has_this_parser(command: str, capsys) -> None:
    required = ["x.png"] if command in ("classify", "read", "explain") else []
    option = "--models" if command in (*COMMANDS, "release", "evaluate", "calibrate") else "--run"
    with pytest.raises(SystemExit, match="2"):
        main([command, *required, f"{option}x", "y"])
    error = capsys.readouterr().err
    assert f"(did you mean {option}?)" in error.splitlines()[-1]
    assert error.startswith(f"usage: checkreader {command} ")
