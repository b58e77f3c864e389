from __future__ import annotations

import argparse
import math

import pytest

from serving.arguments import Parser, error_bound, number, positive, share
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


@pytest.mark.parametrize(
    ("convert", "text", "value"),
    [
        (positive, "1", 1),
        (share, "0", 0),
        (share, "0.99", 0.99),
        (error_bound, "1", 1),
        (error_bound, "1e-3", 1e-3),
        (number(float, math.isfinite, "a number"), "-2", -2),
    ],
)
def test_numbers(convert, text: str, value: float) -> None:
    assert convert(text) == value


@pytest.mark.parametrize(
    ("convert", "text"),
    [
        (positive, "0"),
        (positive, "1.5"),
        (share, "1"),
        (share, "nan"),
        (error_bound, "0"),
        (error_bound, "1.1"),
        (error_bound, "a"),
    ],
)
def test_numbers_that_do_not_fit(convert, text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=rf"^expected a .*number .*, got '{text}'$"):
        convert(text)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("read", "--max-error 2"),
        ("read", "--length 99"),
        ("read", "--crop 2"),
        ("classify", "--max-error 0"),
        ("serve", "--batch-delay x"),
        ("serve", "--port x"),
        ("serve", "--max-body x"),
        ("quantize", "--prune 1"),
        ("quantize", "--cluster 1"),
        ("quantize", "--cluster 257"),
        ("train", "--epochs 0"),
        ("train", "--seed -1"),
        ("train", "--seed 4294967296"),
        ("train", "--distillation 2"),
    ],
)
def test_messages_name_the_option_and_show_its_value(command: str, option: str, capsys) -> None:
    files = ["x.png"] if command in ("classify", "read") else []
    with pytest.raises(SystemExit, match="2"):
        main([command, *files, *option.split()])
    name, value = option.split()
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith(f"checkreader {command}: error: argument {name}: ")
    assert message.endswith(f", got '{value}'")
    assert "invalid" not in message


@pytest.mark.parametrize("command", [*COMMANDS, *dict(PIPELINE)])
def test_every_command_has_this_parser(command: str, capsys) -> None:
    required = ["x.png"] if command in ("classify", "read", "explain") else []
    if command == "labels":
        required = ["corrections.jsonl", "--review", "doubts", "--to", "labeled"]
    option = "--models" if command in (*COMMANDS, "release", "evaluate", "calibrate") else "--run"
    with pytest.raises(SystemExit, match="2"):
        main([command, *required, f"{option}x", "y"])
    error = capsys.readouterr().err
    assert f"(did you mean {option}?)" in error.splitlines()[-1]
    assert error.startswith(f"usage: checkreader {command} ")
