"""`checkreader read`: reads amounts and numbers, from a few pictures or from a folder of any number."""

from __future__ import annotations

import argparse
import csv
import importlib
import io
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from serving.bulk import job as bulk
from serving.bulk import local
from serving.decoding.amounts import LOCALES
from serving.decoding.check_digits import MAX_LENGTH, SCHEMES
from serving.decoding.field_string import KINDS, FieldFormat, field_format
from serving.decoding.thresholds import MAX_ERROR, OperatingPoint, operating_point
from serving.errors import CheckreaderError
from serving.extras import install_command, require_packages
from serving.images.codec import decode
from serving.images.crop import Crop, parse_crop
from serving.images.pages import split
from serving.recognition import annotate, fields
from serving.recognition.fields import FieldPrediction
from serving.repository.store import Repository
from serving.table import format_table

MODEL = "lenet5-field"
_CLUSTER = f"--ray needs an extra: {install_command('cluster')}"
_HEAD = (
    *("file", "page", "text", "raw", "amount", "confidence", "accepted", "reason"),
    *("max_error", "applied_max_error"),
)
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    command.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="pictures (PNG, JPEG, TIFF, BMP, WebP; - = standard input), or with --out one folder of them",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    command.add_argument("--kind", choices=KINDS, help="what is written (number with a scheme, else amount)")
    command.add_argument("--scheme", choices=list(SCHEMES), help="check digit that the number satisfies")
    command.add_argument("--length", type=int, metavar="N", help=f"how many digits it has, 1 to {MAX_LENGTH}")
    command.add_argument("--locale", choices=list(LOCALES), help="how the amount is written (default: any)")
    command.add_argument("--crop", metavar="X,Y,W,H", help="part of each page to read, in pixels")
    command.add_argument("--model", default=MODEL, metavar="NAME", help="which model reads (%(default)s)")
    command.add_argument(
        "--max-error",
        type=float,
        metavar="E",
        help=f"largest tolerated share of wrong readings among the accepted ({MAX_ERROR}, else the model's smallest)",
    )
    command.add_argument(
        "--draw",
        metavar="FILE|DIR",
        help="write each page with boxes and reading: a file for one picture, a folder for several",
    )
    command.add_argument(
        "--out",
        metavar="FILE",
        help="read a folder: append a line of JSON for each page, go on where an earlier run ended",
    )
    command.add_argument(
        "--ray", metavar="ADDRESS", help="with --out: on a Ray cluster, local = one started on this machine"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the command; raises CheckreaderError, or OSError where a file cannot be written."""
    expected = field_format(options.kind, options.scheme, options.length, options.locale)
    crop = parse_crop(options.crop) if options.crop is not None else None
    if options.out is not None:
        return _folder(options, expected, crop)
    if options.ray is not None:
        raise CheckreaderError("--ray reads a folder: name the file for its results by --out")
    for file in options.files:
        if Path(file).is_dir():
            raise CheckreaderError(f"{file} is a folder: name the file for its results by --out")
    return _files(options, expected, crop)


def _files(options: argparse.Namespace, expected: FieldFormat, crop: Crop | None) -> int:
    """Reads some files and prints a prediction for each page; returns 1 if one cannot be read."""
    repository = Repository.open(options.models)
    # Refused before the model is loaded, and once, not for every file.
    fields.require_sliding(options.model, repository.model(options.model))
    point = operating_point(repository.model(options.model).thresholds, options.max_error)
    loaded = repository.load(options.model)
    recognize = fields.field_recognizer(
        options.model, loaded.model, loaded.network, expected, options.max_error, crop
    )
    predictions: list[tuple[str, FieldPrediction]] = []
    unreadable = 0
    for file in options.files:
        try:
            encoded = sys.stdin.buffer.read() if file == "-" else bulk.read_file(Path(file))
            pages = split(encoded)
        except OSError as error:
            unreadable += 1
            print(f"error: {file}: {error.strerror}", file=sys.stderr)
            continue
        except CheckreaderError as error:
            unreadable += 1
            print(f"error: {file}: {error}", file=sys.stderr)
            continue
        for number, outcome in pages.each(lambda page: recognize([page])[0]):
            if isinstance(outcome, CheckreaderError):
                unreadable += 1
                print(f"error: {file}: {outcome}", file=sys.stderr)
                continue
            prediction = msgspec.structs.replace(outcome, page=number)
            predictions.append((file, prediction))
            if options.draw is not None:
                target = _target(Path(options.draw), file, len(options.files), number)
                annotate.draw(decode(pages.page(number)), prediction, crop).save(target)
    if options.json:
        entries = [{"file": file} | msgspec.to_builtins(prediction) for file, prediction in predictions]
        about = {"model": {"name": options.model, "version": loaded.model.version}, **point.bounds}
        reply = about | {"fields": entries}
        print(msgspec.json.format(msgspec.json.encode(reply), indent=2).decode())
    elif options.csv:
        print(_csv(predictions, point), end="")
    elif predictions:
        print(format_table(*_table(predictions), right=False))
        print(point)
    return 1 if unreadable else 0


def _target(draw: Path, file: str, count: int, page: int) -> Path:
    """Returns the file that a page is drawn into; those after the first have their number in its name."""
    suffix = f"-page{page}" if page > 1 else ""
    if count == 1 and draw.suffix.lower() in _PICTURES and not draw.is_dir():
        return draw.with_stem(f"{draw.stem}{suffix}")
    draw.mkdir(parents=True, exist_ok=True)
    return draw / f"{'stdin' if file == '-' else Path(file).name}{suffix}.png"


def _table(predictions: list[tuple[str, FieldPrediction]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns the head and the rows of a table for people."""
    head = ("file", "page", "reading", "amount", "confidence", "verdict")
    return head, [
        (
            file,
            str(prediction.page),
            prediction.raw,
            prediction.amount or "",
            f"{prediction.confidence:.3f}",
            prediction.reason or "accepted",
        )
        for file, prediction in predictions
    ]


def _csv(predictions: list[tuple[str, FieldPrediction]], point: OperatingPoint) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    for file, prediction in predictions:
        writer.writerow(
            (
                file,
                prediction.page,
                prediction.text,
                prediction.raw,
                prediction.amount,
                prediction.confidence,
                str(prediction.accepted).lower(),
                prediction.reason,
                *point.bounds.values(),
            )
        )
    return text.getvalue()


def _folder(options: argparse.Namespace, expected: FieldFormat, crop: Crop | None) -> int:
    """Reads a folder into the file named by --out."""
    for name in ("csv", "draw"):
        if getattr(options, name):
            raise CheckreaderError(f"--{name} does not go with --out, which writes lines of JSON")
    if len(options.files) != 1 or not Path(options.files[0]).is_dir():
        raise CheckreaderError("--out reads one folder: name that, and nothing else")
    repository = Repository.open(options.models)
    model = repository.model(options.model)
    fields.require_sliding(options.model, model)
    operating_point(model.thresholds, options.max_error)
    engine: bulk.Engine = local.read
    if options.ray is not None:
        with require_packages(_CLUSTER):
            engine = importlib.import_module("serving.bulk.ray").engine(options.ray)
    folder, models = str(Path(options.files[0]).resolve()), str(repository.folder.resolve())
    job = bulk.Job(folder, models, options.model, expected, options.max_error, crop)
    start = time.perf_counter()
    summary = bulk.run(job, Path(options.out), engine, lambda lines, before: _progress(lines, before, folder))
    seconds = time.perf_counter() - start
    _print_summary(summary, seconds, options)
    return 0


def _progress(lines: Iterable[bulk.Lines], before: int, folder: str) -> Iterator[bulk.Lines]:
    """Passes lines on; shows a progress bar on a terminal, if tqdm is installed."""
    try:
        tqdm: Any = importlib.import_module("tqdm").tqdm
    except ModuleNotFoundError:
        yield from lines
        return
    if not sys.stderr.isatty():
        yield from lines
        return
    total = sum(1 for _ in bulk.walk(folder))
    with tqdm(total=total, initial=before, unit=" pictures") as progress_bar:
        for chunk in lines:
            yield chunk
            progress_bar.update(len(chunk))


def _print_summary(summary: bulk.JobSummary, seconds: float, options: argparse.Namespace) -> None:
    count = summary.read + summary.unreadable
    rate = count / seconds
    if options.json:
        counts = {
            "read": summary.read,
            "accepted": summary.accepted,
            "unreadable": summary.unreadable,
            "skipped": summary.skipped,
            "seconds": round(seconds, 3),
            "per_second": round(rate, 1),
        }
        print(msgspec.json.encode(counts).decode())
        return
    before = f", {summary.skipped:,} were done before" if summary.skipped else ""
    print(
        f"read {summary.read:,} ({summary.accepted:,} accepted), {summary.unreadable:,} unreadable{before}; "
        f"{rate:,.0f} pictures/s"
    )
    for file, reason in summary.reasons:
        print(f"  {file}: {reason}")
    if summary.unreadable > len(summary.reasons):
        print(f"  and {summary.unreadable - len(summary.reasons):,} more: see {options.out}")
