"""`checkreader read`: amounts and numbers, from a few pictures or from a folder of any number."""

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
from serving.decoding.thresholds import MAX_ERROR
from serving.errors import CheckreaderError
from serving.extras import install_command, require_packages
from serving.images.codec import decode
from serving.images.crop import Crop, parse_crop
from serving.recognition import annotate, fields
from serving.recognition.fields import FieldPrediction
from serving.repository.store import Repository
from serving.table import format_table

MODEL = "lenet5-field"
_CLUSTER = f"--ray needs an extra: {install_command('cluster')}"
_HEAD = ("file", "text", "raw", "amount", "confidence", "accepted", "reason")
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="pictures (PNG, JPEG, TIFF, BMP, WebP; - = standard input), or with --out one folder of them",
    )
    how = command.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print JSON")
    how.add_argument("--csv", action="store_true", help="print comma-separated values")
    command.add_argument("--kind", choices=KINDS, help="what is written (number with a scheme, else amount)")
    command.add_argument("--scheme", choices=list(SCHEMES), help="check digit that the number satisfies")
    command.add_argument("--length", type=int, metavar="N", help=f"how many digits it has, 1 to {MAX_LENGTH}")
    command.add_argument("--locale", choices=list(LOCALES), help="how the amount is written (default: any)")
    command.add_argument("--crop", metavar="X,Y,W,H", help="part of each picture to read, in pixels")
    command.add_argument("--model", default=MODEL, metavar="NAME", help="which model reads (%(default)s)")
    command.add_argument(
        "--max-error",
        type=float,
        metavar="E",
        help=f"largest tolerated share of wrong readings among the accepted ({MAX_ERROR})",
    )
    command.add_argument(
        "--draw",
        metavar="FILE|DIR",
        help="write each picture with boxes and reading: a file for one, a folder for several",
    )
    command.add_argument(
        "--out",
        metavar="FILE",
        help="read a folder: append a line of JSON for each picture, go on where an earlier run ended",
    )
    command.add_argument(
        "--ray", metavar="ADDRESS", help="with --out: on a Ray cluster, local = one started on this machine"
    )


def run(options: argparse.Namespace) -> int:
    """Raises CheckreaderError, or OSError where a file cannot be written."""
    what = field_format(options.kind, options.scheme, options.length, options.locale)
    crop = parse_crop(options.crop) if options.crop is not None else None
    if options.out is not None:
        return _folder(options, what, crop)
    if options.ray is not None:
        raise CheckreaderError("--ray reads a folder: name the file for its results by --out")
    for file in options.files:
        if Path(file).is_dir():
            raise CheckreaderError(f"{file} is a folder: name the file for its results by --out")
    return _files(options, what, crop)


def _files(options: argparse.Namespace, what: FieldFormat, crop: Crop | None) -> int:
    repository = Repository.open(options.models)
    # Refused before the model is loaded, and once, not for every file.
    fields.require_sliding(options.model, repository.model(options.model))
    fields.threshold_or_reason(repository.model(options.model).thresholds, options.max_error)
    loaded = repository.load(options.model)
    reader = fields.field_recognizer(
        options.model, loaded.model, loaded.network, what, options.max_error, crop
    )
    results: list[tuple[str, FieldPrediction]] = []
    bad = 0
    for file in options.files:
        try:
            data = sys.stdin.buffer.read() if file == "-" else bulk.read_file(Path(file))
            (reading,) = reader([data])
        except OSError as error:
            bad += 1
            print(f"error: {file}: {error.strerror}", file=sys.stderr)
            continue
        except CheckreaderError as error:
            bad += 1
            print(f"error: {file}: {error}", file=sys.stderr)
            continue
        results.append((file, reading))
        if options.draw is not None:
            target = _target(Path(options.draw), file, len(options.files))
            annotate.draw(decode(data), reading, crop).save(target)
    if options.json:
        found = [{"file": file} | msgspec.to_builtins(reading) for file, reading in results]
        reply = {"model": {"name": options.model, "version": loaded.model.version}, "fields": found}
        print(msgspec.json.format(msgspec.json.encode(reply), indent=2).decode())
    elif options.csv:
        print(_csv(results), end="")
    elif results:
        print(format_table(*_table(results), right=False))
    return 1 if bad else 0


def _target(draw: Path, file: str, count: int) -> Path:
    """Where the drawing of a file goes."""
    if count == 1 and draw.suffix.lower() in _PICTURES and not draw.is_dir():
        return draw
    draw.mkdir(parents=True, exist_ok=True)
    return draw / f"{'stdin' if file == '-' else Path(file).name}.png"


def _table(results: list[tuple[str, FieldPrediction]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    head = ("file", "reading", "amount", "confidence", "verdict")
    return head, [
        (file, one.raw, one.amount or "", f"{one.confidence:.3f}", one.reason or "accepted")
        for file, one in results
    ]


def _csv(results: list[tuple[str, FieldPrediction]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    for file, one in results:
        writer.writerow(
            (file, one.text, one.raw, one.amount, one.confidence, str(one.accepted).lower(), one.reason)
        )
    return text.getvalue()


def _folder(options: argparse.Namespace, what: FieldFormat, crop: Crop | None) -> int:
    for name in ("csv", "draw"):
        if getattr(options, name):
            raise CheckreaderError(f"--{name} does not go with --out, which writes lines of JSON")
    if len(options.files) != 1 or not Path(options.files[0]).is_dir():
        raise CheckreaderError("--out reads one folder: name that, and nothing else")
    repository = Repository.open(options.models)
    model = repository.model(options.model)
    fields.require_sliding(options.model, model)
    fields.threshold_or_reason(model.thresholds, options.max_error)
    engine: bulk.Engine = local.read
    if options.ray is not None:
        with require_packages(_CLUSTER):
            engine = importlib.import_module("serving.bulk.ray").engine(options.ray)
    folder, models = str(Path(options.files[0]).resolve()), str(repository.folder.resolve())
    job = bulk.Job(folder, models, options.model, what, options.max_error, crop)
    start = time.perf_counter()
    tally = bulk.run(job, Path(options.out), engine, lambda lines, before: _progress(lines, before, folder))
    seconds = time.perf_counter() - start
    _summary(tally, seconds, options)
    return 0


def _progress(lines: Iterable[bulk.Lines], before: int, folder: str) -> Iterator[bulk.Lines]:
    """A progress bar on a terminal, if tqdm is installed."""
    try:
        bar: Any = importlib.import_module("tqdm").tqdm
    except ModuleNotFoundError:
        yield from lines
        return
    if not sys.stderr.isatty():
        yield from lines
        return
    with bar(total=sum(1 for _ in bulk.walk(folder)), initial=before, unit=" pictures") as shown:
        for some in lines:
            yield some
            shown.update(len(some))


def _summary(tally: bulk.JobSummary, seconds: float, options: argparse.Namespace) -> None:
    count = tally.read + tally.unreadable
    rate = count / seconds
    if options.json:
        summary = {
            "read": tally.read,
            "accepted": tally.accepted,
            "unreadable": tally.unreadable,
            "skipped": tally.skipped,
            "seconds": round(seconds, 3),
            "per_second": round(rate, 1),
        }
        print(msgspec.json.encode(summary).decode())
        return
    before = f", {tally.skipped:,} were done before" if tally.skipped else ""
    print(
        f"read {tally.read:,} ({tally.accepted:,} accepted), {tally.unreadable:,} unreadable{before}; "
        f"{rate:,.0f} pictures/s"
    )
    for file, reason in tally.reasons:
        print(f"  {file}: {reason}")
    if tally.unreadable > len(tally.reasons):
        print(f"  and {tally.unreadable - len(tally.reasons):,} more: see {options.out}")
