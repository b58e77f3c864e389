"""The command `checkdigit`.

It loads what a subcommand needs only when that is called: `classify` runs
without a web server installed, and nothing here needs TensorFlow.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from serving import __version__
from serving.dataplane import DataPlane
from serving.decode import MAX_ERROR, Reading, threshold
from serving.errors import CheckdigitError
from serving.manifest import Model
from serving.repository import Repository

PIPELINE = (
    ("train", "train LeNet-5"),
    ("quantize", "make the trained model's 8-bit sibling"),
    ("export", "write every format"),
    ("verify", "prove that the formats compute the same"),
    ("evaluate", "measure accuracy and calibration on the test set"),
    ("benchmark", "measure size, speed and memory of every format"),
    ("release", "put a verified run into models/"),
)
_BROKEN_PIPE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
_INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line.

    Returns:
        The exit code: 0, 1 after an `error: …` line, 130 after Ctrl-C.

    Raises:
        SystemExit: 2 for a usage mistake, 0 after --help.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except CheckdigitError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        _drop_output()
        return _BROKEN_PIPE
    except OSError as error:
        _drop_output()
        what = error.strerror or str(error)
        return _fail(f"{error.filename}: {what}" if error.filename else what)


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in dict(PIPELINE):
        return _pipeline(arguments)
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    return command(options)


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def _drop_output() -> None:
    """What is still buffered cannot be written; without this the interpreter would try once more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _pipeline(arguments: list[str]) -> int:
    try:
        command: Callable[[list[str]], int] = importlib.import_module("pipeline.cli").main
        return command(arguments)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith(("serving", "pipeline.")):
            raise  # a mistake of ours, not a missing extra
        raise CheckdigitError(
            f"'checkdigit {arguments[0]}' needs the training extra: pip install 'checkdigit[train]'"
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="checkdigit", description="Reads handwritten digits; trains, exports and serves LeNet-5."
    )
    parser.add_argument("--version", action="version", version=f"checkdigit {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], help: str, example: str) -> Any:
        command = commands.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}.",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument(
            "--models",
            metavar="DIR",
            help="models folder; default: $CHECKDIGIT_MODELS, else the released ones",
        )
        command.set_defaults(run=run)
        return command

    serve = add("serve", _serve, "answer over HTTP", "checkdigit serve --port 8000")
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (%(default)s; 0.0.0.0 = all)"
    )
    serve.add_argument(
        "--port", type=_port, default=8000, help="port to listen on (%(default)s; 0 = any free one)"
    )

    classify = add("classify", _classify, "read pictures of digits", "checkdigit classify seven.png")
    classify.add_argument(
        "files", nargs="+", metavar="FILE", help="PNG, JPEG, TIFF, BMP or WebP; - = standard input"
    )
    classify.add_argument("--json", action="store_true", help="print JSON")
    classify.add_argument("--model", metavar="NAME", help="default: the release's default model")
    classify.add_argument(
        "--max-error",
        type=float,
        default=MAX_ERROR,
        metavar="E",
        help="largest tolerated share of wrong readings among the accepted (%(default)s)",
    )
    classify.add_argument(
        "--runtime",
        choices=("auto", "onnx", "litert"),
        default="auto",
        help="default: ONNX Runtime if installed, else LiteRT",
    )

    info = add("info", _info, "list the released models", "checkdigit info --json")
    info.add_argument("--json", action="store_true", help="print JSON")

    for name, help in PIPELINE:  # listed here, run by _pipeline
        commands.add_parser(name, help=help, add_help=False)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _serve(options: argparse.Namespace) -> int:
    try:
        import uvicorn

        from serving.app import build_app
        from serving.settings import Settings
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("serving"):
            raise
        raise CheckdigitError(
            "'checkdigit serve' needs the serve extra: pip install 'checkdigit[serve]'"
        ) from None
    models = Path(options.models) if options.models else None
    settings = Settings(host=options.host, port=options.port, models=models)
    with _listen(settings.host, settings.port) as listener:
        host, port = listener.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                print(f"checkdigit {__version__} at {address}", flush=True)

        config = uvicorn.Config(
            build_app(settings), log_level="warning", access_log=False, server_header=False
        )
        # Uvicorn finishes what is in flight and then raises the signal again; it ends here, as success.
        signal.signal(signal.SIGTERM, _stop)
        Server(config).run(sockets=[listener])
    return 0


def _stop(number: int, frame: object) -> None:
    raise SystemExit(0)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]  # Python repeats the address
        raise CheckdigitError(f"cannot listen on {host}:{port}: {reason}") from None


def _classify(options: argparse.Namespace) -> int:
    repository = Repository.open(options.models)
    name = options.model or repository.manifest.default
    runtime = "onnxruntime" if options.runtime == "onnx" else options.runtime
    loaded = repository.load(name, runtime)
    threshold(loaded.model.thresholds, options.max_error)  # refused once, not for every file
    plane = DataPlane({name: loaded}, name)
    results: list[tuple[str, Reading]] = []
    bad = 0
    for file in options.files:
        try:
            data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        except OSError as error:
            bad += 1
            _fail(f"{file}: {error.strerror}")
            continue
        try:
            _, (reading,) = plane.read_digits([data], max_error=options.max_error)
            results.append((file, reading))
        except CheckdigitError as error:
            bad += 1
            _fail(f"{file}: {error}")
    if options.json:
        digits = [{"file": file} | msgspec.to_builtins(reading) for file, reading in results]
        _print_json({"model": {"name": name, "version": loaded.model.version}, "digits": digits})
    elif results:
        rows = [
            (file, str(one.digit), f"{one.confidence:.3f}", one.reason or "accepted") for file, one in results
        ]
        _print_table(("file", "digit", "confidence", "verdict"), rows)
    return 1 if bad else 0


def _info(options: argparse.Namespace) -> int:
    repository = Repository.open(options.models)
    manifest = repository.manifest
    if options.json:
        _print_json(manifest)
        return 0
    print(f"release {manifest.release} in {repository.folder}")
    for name, model in manifest.models.items():
        print(f"\n{name} version {model.version}" + (" (default)" if name == manifest.default else ""))
        _describe(model)
    return 0


def _describe(model: Model) -> None:
    if model.description:
        print(f"  {model.description}")
    if model.accuracy:
        measured = model.accuracy
        print(
            f"  accuracy {measured.value:.2%} (95 % interval {measured.low:.2%} to {measured.high:.2%}, "
            f"n = {measured.n:,}, {measured.data})"
        )
    for entry in model.thresholds:
        print(
            f"  max_error {entry.max_error}: accepted from confidence {entry.threshold:.6g}, "
            f"which is {entry.accepted:.1%} of n = {entry.n:,}, {entry.error:.2%} of them wrong"
        )
    _print_table(
        ("  format", "bytes", "file"),
        [(f"  {one.format}", f"{one.bytes:,}", one.path) for one in model.artifacts],
    )


def _print_json(content: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
