"""`checkreader classify`: reads pictures of single digits."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from serving.decoding.thresholds import MAX_ERROR, DigitPrediction, OperatingPoint, operating_point
from serving.errors import CheckreaderError
from serving.images.digit import tensor
from serving.images.pages import split
from serving.recognition import digits
from serving.repository.store import Repository
from serving.table import format_table


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds the arguments and options."""
    command.add_argument(
        "files", nargs="+", metavar="FILE", help="PNG, JPEG, TIFF, BMP or WebP; - = standard input"
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--model", metavar="NAME", help="default: the release's default model")
    command.add_argument(
        "--max-error",
        type=float,
        metavar="E",
        help=f"largest tolerated share of wrong predictions among the accepted ({MAX_ERROR}, else the model's smallest)",
    )
    command.add_argument(
        "--runtime",
        choices=("auto", "onnx", "litert"),
        default="auto",
        help="default: ONNX Runtime if installed, else LiteRT",
    )


def run(options: argparse.Namespace) -> int:
    """Prints the prediction for each page of each file that can be read.

    Returns:
        1 if a file or a page could not be read, else 0.

    Raises:
        CheckreaderError: the model cannot be used, or the bound is no share.
    """
    repository = Repository.open(options.models)
    name = options.model or repository.manifest.default
    runtime = "onnxruntime" if options.runtime == "onnx" else options.runtime
    digits.require_digits(name, repository.model(name))
    loaded = repository.load(name, runtime)
    point = operating_point(loaded.model.thresholds, options.max_error)  # refused once, not for every file

    def classify(page: bytes) -> DigitPrediction:
        source = digits.normalize_pictures([page])
        return digits.recognize(source, loaded.network.infer(tensor(source.pixels)), point)[0]

    predictions: list[tuple[str, DigitPrediction]] = []
    failures = 0
    for file in options.files:
        try:
            picture = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            pages = split(picture)
        except (CheckreaderError, OSError) as error:
            print(f"error: {file}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
            failures += 1
            continue
        for number, outcome in pages.each(classify):
            if isinstance(outcome, CheckreaderError):
                print(f"error: {file}: {outcome}", file=sys.stderr)
                failures += 1
            else:
                predictions.append((file, msgspec.structs.replace(outcome, page=number)))
    if options.json:
        _print_json(name, loaded.model.version, point, predictions)
    elif predictions:
        _print_table(predictions)
        print(point)
    return 1 if failures else 0


def _print_json(
    name: str, version: str, point: OperatingPoint, predictions: list[tuple[str, DigitPrediction]]
) -> None:
    reply = {
        "model": {"name": name, "version": version},
        **point.bounds,
        "digits": [{"file": file} | msgspec.to_builtins(prediction) for file, prediction in predictions],
    }
    print(msgspec.json.format(msgspec.json.encode(reply), indent=2).decode())


def _print_table(predictions: list[tuple[str, DigitPrediction]]) -> None:
    rows = [
        (
            file,
            str(prediction.page),
            str(prediction.digit),
            f"{prediction.confidence:.3f}",
            prediction.reason or "accepted",
        )
        for file, prediction in predictions
    ]
    print(format_table(("file", "page", "digit", "confidence", "verdict"), rows, right=False))
