"""The command `checkreader`.

It loads what a subcommand needs only when that is called: `classify` runs
without a web server installed, and nothing here needs TensorFlow.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from serving import __version__
from serving.cli import explain, renamed
from serving.cli import read as reading
from serving.decoding.thresholds import MAX_ERROR, DigitPrediction, choose_threshold
from serving.errors import CheckreaderError
from serving.extras import install_command, require_packages
from serving.images.digit import tensor
from serving.manifest import Model
from serving.recognition import digits
from serving.repository.store import Repository
from serving.table import format_table

PIPELINE = (
    ("train", "train LeNet-5"),
    ("quantize", "make the trained model's 8-bit sibling"),
    ("export", "write every format"),
    ("verify", "prove that the formats compute the same"),
    ("calibrate", "choose what a field model accepts, by labeled fields"),
    ("evaluate", "measure accuracy and calibration"),
    ("benchmark", "measure size, speed and memory of every format"),
    ("report", "show a run: what it is, learned, does, and where it fails"),
    ("release", "put a verified run into models/"),
)
_BROKEN_PIPE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
_SERVE = f"this needs the serve extra: {install_command('serve')}"
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
    except CheckreaderError as error:
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
    renamed.check_variables(os.environ)
    renamed.check_command(arguments)
    if arguments and arguments[0] in dict(PIPELINE):
        return _pipeline(arguments)
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def _drop_output() -> None:
    """What is still buffered cannot be written; without this the interpreter would try once more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _pipeline(arguments: list[str]) -> int:
    with require_packages(
        f"'checkreader {arguments[0]}' needs the training extra: {install_command('train')}"
    ):
        (entry,) = metadata.entry_points(group="checkreader.commands", name="pipeline")
        command: Callable[[list[str]], int] = entry.load()
        return command(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="checkreader", description="Reads handwritten digits; trains, exports and serves LeNet-5."
    )
    parser.add_argument("--version", action="version", version=f"checkreader {__version__}")
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
            help="models folder; default: $CHECKREADER_MODELS, else the released ones",
        )
        command.set_defaults(run=run)
        return command

    serve = add("serve", _serve, "answer over HTTP", "checkreader serve --port 8000")
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (%(default)s; 0.0.0.0 = all)"
    )
    serve.add_argument(
        "--port", type=_port, default=8000, help="port to listen on (%(default)s; 0 = any free one)"
    )

    serve.add_argument(
        "--grpc-port", type=_port, metavar="PORT", help="also speak gRPC on this port (default: no gRPC)"
    )
    serve.add_argument(
        "--workers",
        type=_positive,
        default=1,
        metavar="N",
        help="processes that share the port (%(default)s)",
    )
    serve.add_argument(
        "--api-keys",
        type=Path,
        metavar="FILE",
        help="keys, one in each line, of which a request must have one as Authorization: Bearer KEY; "
        "default: $CHECKREADER_API_KEYS, else everybody may ask",
    )
    serve.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain in PEM: HTTPS")
    serve.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, in PEM and not encrypted")
    serve.add_argument(
        "--access-log",
        nargs="?",
        choices=("off", "requests", "readings"),
        const="requests",
        default="off",
        help="a line of JSON for each request on standard output; with 'readings' also what was read (%(default)s)",
    )
    serve.add_argument(
        "--max-requests",
        type=_positive,
        default=1024,
        metavar="N",
        help="requests under way at a time in each worker; more are refused with 503 (%(default)s)",
    )
    serve.add_argument(
        "--max-body",
        type=_positive,
        default=16,
        metavar="MIB",
        help="largest request, in MiB as sent and decompressed; more is refused with 413 (%(default)s)",
    )
    serve.add_argument(
        "--model", action="append", default=[], metavar="NAME", help="serve only this one; may be repeated"
    )
    serve.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "tensorrt"),
        default="auto",
        help="what computes (auto: CUDA if it works, else the CPU)",
    )
    serve.add_argument(
        "--tf32", action="store_true", help="on a GPU, round products to TF32: faster, less exact"
    )
    serve.add_argument(
        "--batch-rows",
        type=_positive,
        default=256,
        metavar="N",
        help="rows that share a batch (%(default)s)",
    )
    serve.add_argument(
        "--batch-delay",
        type=_microseconds,
        default=0,
        metavar="US",
        help="microseconds to wait for others while requests come together (%(default)s); "
        "a lone client's requests never wait",
    )

    classify = add("classify", _classify, "read pictures of digits", "checkreader classify seven.png")
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

    read = add(
        "read",
        reading.run,
        "read amounts and numbers, from pictures or a whole folder of them",
        "checkreader read amount.png --draw seen.png\n"
        "  checkreader read account.png --scheme aba --json\n"
        "  checkreader read scans/ --crop 410,120,180,40 --out results.jsonl",
    )
    reading.add_options(read)

    explained = add(
        "explain",
        explain.run,
        "draw what the network makes of one digit, layer by layer",
        "checkreader explain seven.png --out explained.png",
    )
    explain.add_options(explained)

    info = add("info", _info, "list the released models", "checkreader info --json")
    info.add_argument("--json", action="store_true", help="print JSON")

    for name, help in PIPELINE:  # listed here, run by _pipeline
        commands.add_parser(name, help=help, add_help=False)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected a whole number from 1")
    return number


def _microseconds(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError("expected microseconds, 0 to 1000000")
    return number


def _serve(options: argparse.Namespace) -> int:
    from serving.settings import Settings

    settings = Settings(
        host=options.host,
        port=options.port,
        grpc_port=options.grpc_port,
        models=Path(options.models) if options.models else None,
        only=tuple(options.model),
        device=options.device,
        tf32=options.tf32,
        workers=options.workers,
        api_keys=options.api_keys,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        access_log=options.access_log,
        max_requests=options.max_requests,
        max_body=options.max_body * 2**20,
        batch_rows=options.batch_rows,
        batch_delay=options.batch_delay / 1e6,
    )
    with require_packages(_SERVE):
        server = importlib.import_module("serving.server.serve")
    server.serve(settings)
    return 0


def _classify(options: argparse.Namespace) -> int:
    repository = Repository.open(options.models)
    name = options.model or repository.manifest.default
    runtime = "onnxruntime" if options.runtime == "onnx" else options.runtime
    loaded = repository.load(name, runtime)
    bar = choose_threshold(loaded.model.thresholds, options.max_error)  # refused once, not for every file
    results: list[tuple[str, DigitPrediction]] = []
    bad = 0
    for file in options.files:
        try:
            data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        except OSError as error:
            bad += 1
            _fail(f"{file}: {error.strerror}")
            continue
        try:
            pixels = digits.normalize_pictures([data])
            results += [
                (file, one) for one in digits.recognize(pixels, loaded.network.infer(tensor(pixels)), bar)
            ]
        except CheckreaderError as error:
            bad += 1
            _fail(f"{file}: {error}")
    if options.json:
        found = [{"file": file} | msgspec.to_builtins(reading) for file, reading in results]
        _print_json({"model": {"name": name, "version": loaded.model.version}, "digits": found})
    elif results:
        rows = [
            (file, str(one.digit), f"{one.confidence:.3f}", one.reason or "accepted") for file, one in results
        ]
        print(format_table(("file", "digit", "confidence", "verdict"), rows, right=False))
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
    rows = [(f"  {one.format}", f"{one.bytes:,}", one.path) for one in model.artifacts]
    print(format_table(("  format", "bytes", "file"), rows, right=False))


def _print_json(content: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())


if __name__ == "__main__":
    sys.exit(main())
