"""The command `checkreader`.

The packages of an extra (a runtime, the web server, TensorFlow) are imported by the subcommand that needs them, when it
is called: `classify` runs without a web server installed, and nothing of `serving` needs TensorFlow.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType, ModuleType
from typing import Final, NamedTuple, NoReturn

from serving import __version__
from serving.arguments import Parser
from serving.cli import classify, explain, info, labels, read, renamed, serve
from serving.errors import CheckreaderError
from serving.extras import install_command, require_packages
from serving.settings import add_option


class Command(NamedTuple):
    """A subcommand of `serving`.

    Attributes:
        module: has `add_options(parser)` and `run(options)`, which returns the exit code.
        help: a line for the list of commands.
        example: command lines for the command's own help.
    """

    module: ModuleType
    help: str
    example: str


COMMANDS: Final = {
    "serve": Command(serve, "answer over HTTP", "checkreader serve --port 8000"),
    "classify": Command(
        classify,
        "read pictures of digits: short for read --as digit",
        "checkreader classify seven.png\n  checkreader classify boxes/ --out results.csv",
    ),
    "read": Command(
        read,
        "read amounts, numbers, dates, MICR lines, digits and whole checks, from pictures or a folder of them",
        "checkreader read amount.png --draw seen.png\n"
        "  checkreader read account.png --scheme aba --json\n"
        "  checkreader read date.png --as date --order dmy --after 2000-01-01\n"
        "  checkreader read line.png --as micr --country us\n"
        "  checkreader read check.jpg --as check --locale us\n"
        "  checkreader read scans/ --crop 410,120,180,40 --out results.jsonl\n"
        "  checkreader read checks/ --as check --out checks.csv --review doubts",
    ),
    "labels": Command(
        labels,
        "turn the corrections of a review into labeled folders",
        "checkreader labels corrections.jsonl --review doubts --to labeled",
    ),
    "explain": Command(
        explain,
        "draw what the network makes of one digit, layer by layer",
        "checkreader explain seven.png --out explained.png",
    ),
    "info": Command(info, "list the released models", "checkreader info --json"),
}
# Subcommands of the pipeline, which parses their options itself.
PIPELINE: Final = (
    ("train", "train LeNet-5"),
    ("quantize", "make the trained model's 8-bit version"),
    ("export", "write every format"),
    ("verify", "prove that the formats compute the same"),
    ("calibrate", "choose what a field model accepts, by labeled fields"),
    ("evaluate", "measure accuracy and calibration"),
    ("benchmark", "measure size, speed and memory of every format"),
    ("report", "show a run: what it is, learned, does, and where it fails"),
    ("release", "put a verified run into models/"),
)
# What else the pipeline brings that is no stage of a run.
TOOLS: Final = (("draw-checks", "write pictures of drawn checks with labels"),)
_BROKEN_PIPE: Final = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
_INTERRUPTED: Final = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line.

    Returns:
        The exit code: 0, 1 after an `error: …` line, 3 where a folder has something that cannot be read, 130 after
        Ctrl-C.

    Raises:
        SystemExit: 2 for a usage mistake, 0 after --help, 143 after SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with _cleaning_up():
            code = _run(arguments)
        sys.stdout.flush()
        return code
    except CheckreaderError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
        _drop_output()
        return _BROKEN_PIPE
    except OSError as error:
        _drop_output()
        message = error.strerror or str(error)
        return _fail(f"{error.filename}: {message}" if error.filename else message)


@contextlib.contextmanager
def _cleaning_up() -> Iterator[None]:
    """Lets SIGTERM, and a terminal that is closed, end a command as Ctrl-C does: what is half-written goes."""
    endings = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        for number in endings:
            if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` ignores SIGHUP
                handlers[number] = signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _run(arguments: list[str]) -> int:
    renamed.check_variables(os.environ)
    renamed.check_command(arguments)
    if arguments and arguments[0] in dict((*PIPELINE, *TOOLS)):
        return _run_pipeline(arguments)
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _run_pipeline(arguments: list[str]) -> int:
    with require_packages(
        f"'checkreader {arguments[0]}' needs the training extra: {install_command('train')}"
    ):
        from importlib import metadata  # takes 15 ms, which no other command needs

        (entry,) = metadata.entry_points(group="checkreader.commands", name="pipeline")
        run: Callable[[list[str]], int] = entry.load()
        return run(arguments)


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def _drop_output() -> None:
    """Discards buffered output that cannot be written, which the interpreter would otherwise try again at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="checkreader", description="Reads handwritten digits; trains, exports and serves LeNet-5."
    )
    parser.add_argument("--version", action="version", version=f"checkreader {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            epilog=f"example:\n  {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_option(subparser, "models")
        command.module.add_options(subparser)
        subparser.set_defaults(run=command.module.run)
    for name, help in (*PIPELINE, *TOOLS):
        subparsers.add_parser(name, help=help, add_help=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
