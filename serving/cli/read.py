"""`checkreader read`: reads digits, amounts, numbers, dates, MICR lines and checks, from a few pictures or a folder of any number."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from serving.arguments import error_bound, number
from serving.cli import checks, files, folder
from serving.decoding.amount_grammar import LOCALES
from serving.decoding.check_digits import MAX_LENGTH, SCHEMES
from serving.decoding.dates import FIRST, LAST, ORDERS
from serving.decoding.field_string import KINDS, field_format
from serving.decoding.micr import AUTO, COUNTRIES, MicrFormat
from serving.decoding.thresholds import MAX_ERROR
from serving.errors import CheckreaderError
from serving.images.crop import Crop, parse_crop
from serving.recognition import check_layout
from serving.recognition.check_format import CheckFormat
from serving.recognition.recognizer import Format
from serving.repository.store import Repository

DIGIT = "digit"
MICR = "micr"
CHECK = "check"
_LENGTH = number(int, lambda length: 1 <= length <= MAX_LENGTH, f"a whole number from 1 to {MAX_LENGTH}")
_FIELD_MODEL = "lenet5-field"
FORMAT = ("scheme", "length", "locale", "order", "after", "before")  # options of fields, as in `field_format`


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    command.add_argument(
        "--as",
        dest="kind",
        choices=(DIGIT, *KINDS, MICR, CHECK),
        help="what is written (number with a scheme, else amount)",
    )
    command.add_argument("--scheme", choices=list(SCHEMES), help="check digit that the number satisfies")
    command.add_argument(
        "--length", type=_LENGTH, metavar="N", help=f"how many digits it has, 1 to {MAX_LENGTH}"
    )
    command.add_argument("--locale", choices=list(LOCALES), help="how the amount is written (default: any)")
    command.add_argument(
        "--order",
        metavar="ORDER",
        help=f"of day, month and year in a date: {', '.join(ORDERS)} (default: any)",
    )
    command.add_argument("--after", metavar="DATE", help=f"first day that the date may be (default: {FIRST})")
    command.add_argument("--before", metavar="DATE", help=f"last day that the date may be (default: {LAST})")
    command.add_argument(
        "--country", choices=list(COUNTRIES), help=f"whose layout the MICR line has (default: {AUTO})"
    )
    command.add_argument(
        "--layout",
        type=Path,
        metavar="FILE",
        help="where the fields lie on checks that are all alike, JSON of shares of width and height (default: found)",
    )
    command.add_argument(
        "--review",
        type=Path,
        metavar="FOLDER",
        help="write a page there, with pictures, on which a person corrects what was not accepted of checks; new or empty",
    )
    command.add_argument(
        "--draw",
        metavar="FILE|DIR",
        help="write each page with boxes and reading: a file for one picture, a folder for several",
    )
    add_common_options(command)


def add_common_options(command: argparse.ArgumentParser) -> None:
    """Adds the options that do not depend on what is read."""
    command.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="pictures (PNG, JPEG, TIFF, BMP, WebP; - = standard input), or with --out or --review one folder of them",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    command.add_argument("--crop", type=_crop, metavar="X,Y,W,H", help="part of each page to read, in pixels")
    command.add_argument(
        "--model",
        metavar="NAME",
        help=f"which model reads ({_FIELD_MODEL}; of digits the release's default; of MICR lines its first)",
    )
    command.add_argument(
        "--max-error",
        type=error_bound,
        metavar="E",
        help=f"largest tolerated share of wrong readings among the accepted ({MAX_ERROR}, else the model's smallest)",
    )
    command.add_argument(
        "--runtime",
        choices=("auto", "onnx", "litert"),
        default="auto",
        help="default: ONNX Runtime if installed, else LiteRT",
    )
    command.add_argument(
        "--out",
        metavar="FILE",
        help="append a line for each page, of JSON, or of comma-separated values if FILE ends in .csv; go on where an "
        "earlier run ended",
    )
    command.add_argument(
        "--ray", metavar="ADDRESS", help="with --out: on a Ray cluster, local = one started on this machine"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command.

    Returns:
        0, or, if something could not be read, 1 for files and 3 for a folder.

    Raises:
        CheckreaderError: an option, the model or a bound cannot be used.
        OSError: a file cannot be written.
    """
    options.runtime = "onnxruntime" if options.runtime == "onnx" else options.runtime
    if options.kind == CHECK:
        return _run_checks(options)
    if options.review is not None:
        raise CheckreaderError("--review is for whole checks: add --as check")
    model, expected = _model_and_format(options)
    if options.out is not None:
        return folder.read(options, model, expected, options.crop)
    _refuse_folders(options)
    return files.read(options, model, expected, options.crop)


def _run_checks(options: argparse.Namespace) -> int:
    """Reads whole checks; raises CheckreaderError as `run`."""
    _refuse(options, ("scheme", "length", "crop", "model"))
    layout = None if options.layout is None else check_layout.to_text(check_layout.load(options.layout))
    known = {name: getattr(options, name) for name in ("locale", "order", "after", "before")}
    expected = CheckFormat(**known, country=options.country or AUTO, layout=layout)
    if options.out is not None or options.review is not None:
        return folder.read_checks(options, expected)
    _refuse_folders(options)
    return checks.read(options, expected)


def _refuse_folders(options: argparse.Namespace) -> None:
    """Raises CheckreaderError if the options are for a folder, or name one, and there is no file for its results."""
    if options.ray is not None:
        raise CheckreaderError("--ray reads a folder: name the file for its results by --out")
    for file in options.files:
        if Path(file).is_dir():
            raise CheckreaderError(f"{file} is a folder: name the file for its results by --out")


def _model_and_format(options: argparse.Namespace) -> tuple[str, Format | None]:
    """Returns the model that reads and the format that is expected; raises CheckreaderError if an option does not fit."""
    if options.kind == DIGIT:
        _refuse(options, (*FORMAT, "country", "draw", "layout"))
        return options.model or Repository.open(options.models).manifest.default, None
    if options.kind == MICR:
        _refuse(options, (*FORMAT, "layout"))
        model = options.model or Repository.open(options.models).first("micr", "MICR lines")
        return model, MicrFormat(options.country or AUTO)
    if options.country is not None:
        raise CheckreaderError("--country is for MICR lines: add --as micr, or --as check")
    if options.layout is not None:
        raise CheckreaderError("--layout is for whole checks: add --as check")
    expected = field_format(options.kind, **{name: getattr(options, name) for name in FORMAT})
    return options.model or _FIELD_MODEL, expected


def _refuse(options: argparse.Namespace, names: Iterable[str]) -> None:
    """Raises CheckreaderError if one of the options is given that make no sense for what is read."""
    for name in names:
        if getattr(options, name) is not None:
            raise CheckreaderError(f"--{name} does not go with --as {options.kind}")


def _crop(text: str) -> Crop:
    try:
        return parse_crop(text)
    except CheckreaderError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
