"""Reads a folder of pictures into a file of results, shows the progress and sums up."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from serving.bulk import job as bulk
from serving.bulk import local
from serving.bulk.folder import walk
from serving.errors import CheckreaderError
from serving.extras import install_command, require_packages
from serving.images.crop import Crop
from serving.recognition.check_format import CheckFormat
from serving.recognition.recognizer import Format, point_of
from serving.repository import check_models
from serving.repository.store import Repository

INTERVAL: Final = 8.0  # s between two lines of progress
UNREADABLE: Final = 3  # the exit status where something could not be read
_CLUSTER: Final = f"--ray needs an extra: {install_command('cluster')}"


def read(options: argparse.Namespace, model: str, expected: Format | None, crop: Crop | None) -> int:
    """Reads a folder into the file named by --out.

    Args:
        options: of `checkreader read`.
        model: the name of the model that reads.
        expected: the format of fields or lines; None = single digits.
        crop: the part to read, in every page alike.

    Returns:
        `UNREADABLE` if a page could not be read, else 0.

    Raises:
        CheckreaderError: the options do not go together, or a model, a cluster or the file cannot be used.
        OSError: the folder or the file cannot be used.
    """
    out, folder = _checked(options)
    repository = Repository.open(options.models)
    entry = repository.model(model)
    job = bulk.Job(
        folder=folder,
        models=str(repository.folder.resolve()),
        model=model,
        version=entry.version,
        field_format=expected,
        point=point_of(model, entry, expected, options.max_error),
        crop=crop,
        csv=out.suffix.lower() == ".csv",
        runtime=options.runtime,
    )
    return _run(options, job, out)


def read_checks(options: argparse.Namespace, expected: CheckFormat) -> int:
    """Reads a folder of whole checks into the file named by --out; result and errors as `read`.

    Args:
        options: of `checkreader read`.
        expected: what is known of the checks.
    """
    out, folder = _checked(options)
    repository = Repository.open(options.models)
    models = check_models.choose(repository, expected, options.max_error)
    csv = out.suffix.lower() == ".csv"
    return _run(options, bulk.check_job(folder, repository, models, expected, csv, options.runtime), out)


def _checked(options: argparse.Namespace) -> tuple[Path, str]:
    """Returns the file of results and the folder to read; raises CheckreaderError if the options do not go together."""
    out = Path(options.out)
    if options.csv and out.suffix.lower() != ".csv":
        raise CheckreaderError("--csv does not go with --out: name a file that ends in .csv")
    if options.draw is not None:
        raise CheckreaderError("--draw does not go with --out, which writes a line for each page")
    if len(options.files) == 1 and not Path(options.files[0]).exists():
        raise CheckreaderError(f"{options.files[0]}: no such folder")
    if len(options.files) != 1 or not Path(options.files[0]).is_dir():
        raise CheckreaderError("--out reads one folder: name that, and nothing else")
    return out, str(Path(options.files[0]).resolve())


def _run(options: argparse.Namespace, job: bulk.Job, out: Path) -> int:
    """Runs a job and sums up; returns the exit status."""
    engine: bulk.Engine = local.read
    if options.ray is not None:
        with require_packages(_CLUSTER):
            engine = importlib.import_module("serving.bulk.ray").engine(options.ray)
    start = time.perf_counter()
    summary = bulk.run(job, out, engine, lambda lines, before: show_progress(lines, before, job.folder))
    seconds = time.perf_counter() - start
    if options.json:
        print(_json(summary, seconds))
    else:
        _print(summary, seconds, options.out)
    return UNREADABLE if summary.unreadable else 0


def show_progress(
    lines: Iterable[bulk.Lines], before: int, folder: str, interval: float = INTERVAL
) -> Iterator[bulk.Lines]:
    """Passes lines on and shows on standard error how far the job is: a bar on a terminal, else a line now and then.

    Args:
        lines: of the job.
        before: how many files an earlier run has read.
        folder: of the pictures.
        interval: seconds between two lines; also where there is a terminal but no tqdm to draw the bar.
    """
    tqdm: Any = None
    with contextlib.suppress(ModuleNotFoundError):
        tqdm = importlib.import_module("tqdm").tqdm if sys.stderr.isatty() else None
    if tqdm is not None:
        with tqdm(total=_count(folder), initial=before, unit=" pictures") as progress_bar:
            for chunk in lines:
                yield chunk
                progress_bar.update(len(chunk))
        return
    count, start, ended = before, time.monotonic(), threading.Event()

    def write() -> None:
        while not ended.wait(interval):
            if not totals:  # counted only if the job lasts long enough
                with contextlib.suppress(OSError):  # the job itself says what is wrong with the folder
                    totals.append(_count(folder))
            whole = f" of {totals[0]:,}" if totals else ""
            rate = (count - before) / (time.monotonic() - start)
            print(f"{count:,}{whole} pictures, {rate:,.0f}/s", file=sys.stderr, flush=True)

    totals: list[int] = []
    thread = threading.Thread(target=write, name="progress", daemon=True)
    thread.start()
    try:
        for chunk in lines:
            yield chunk
            count += len(chunk)
    finally:
        ended.set()
        thread.join()


def _count(folder: str) -> int:
    return sum(entry.is_picture for entry in walk(folder))


def _json(summary: bulk.JobSummary, seconds: float) -> str:
    counts = {
        "read": summary.read,
        "accepted": summary.accepted,
        "unreadable": summary.unreadable,
        "skipped": summary.skipped,
        "passed_over": summary.passed_over,
        "reason": summary.reason,
        "seconds": round(seconds, 3),
        "per_second": round((summary.read + summary.unreadable) / seconds, 1),
    }
    return msgspec.json.encode(counts).decode()


def _print(summary: bulk.JobSummary, seconds: float, out: str) -> None:
    """Prints what could not be read, then the counts in one line."""
    for file, error in summary.errors:
        print(f"  {file}: {error}")
    if summary.unreadable > len(summary.errors):
        print(f"  and {summary.unreadable - len(summary.errors):,} more: see {out}")
    parts = [f"read {summary.read:,} ({summary.accepted:,} accepted)", f"{summary.unreadable:,} unreadable"]
    if summary.skipped:
        parts.append(f"{summary.skipped:,} read before")
    if summary.passed_over:
        more = summary.passed_over - len(summary.no_pictures)
        names = ", ".join(summary.no_pictures) + (f" and {more:,} more" if more else "")
        parts.append(f"{summary.passed_over:,} passed over as no pictures ({names})")
    rate = (summary.read + summary.unreadable) / seconds
    reason = f"; reason: {summary.reason}" if summary.reason else ""
    print(f"{', '.join(parts)}; {rate:,.0f} pictures/s{reason}")
