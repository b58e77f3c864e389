"""Reads a folder of pictures, or files, into a file of results, shows the progress and sums up."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from serving.bulk import job as bulk
from serving.bulk import local, new_folder, reviewer
from serving.bulk.review import PAGE, Review
from serving.bulk.summary import JobSummary
from serving.errors import CheckreaderError
from serving.extras import install_command, require_packages
from serving.images.crop import Crop
from serving.recognition.check_format import CheckFormat
from serving.recognition.recognizer import Format, point_of
from serving.repository import check_models
from serving.repository.store import Repository

INTERVAL: Final = 8.0  # s between two lines of progress
UNREADABLE: Final = 3  # the exit status where something could not be read
RESULTS: Final = "results.jsonl"  # in a review, where no other file is named for them
_CLUSTER: Final = f"--ray needs an extra: {install_command('cluster')}"


class Sources(NamedTuple):
    """What is read: all pictures of a folder, or the files that are named, relative to it."""

    folder: str
    files: tuple[str, ...] | None


def read(options: argparse.Namespace, model: str, expected: Format | None, crop: Crop | None) -> int:
    """Reads a folder, or files, into the file named by --out.

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
    out, sources = _checked(options)
    repository = Repository.open(options.models)
    entry = repository.model(model)
    job = bulk.Job(
        folder=sources.folder,
        models=str(repository.folder.resolve()),
        model=model,
        version=entry.version,
        field_format=expected,
        point=point_of(model, entry, expected, options.max_error),
        crop=crop,
        csv=out.suffix.lower() == ".csv",
        runtime=options.runtime,
        files=sources.files,
    )
    summary, seconds = _run(options, job, out)
    _report(options, summary, seconds, out)
    return UNREADABLE if summary.unreadable else 0


def read_checks(options: argparse.Namespace, expected: CheckFormat) -> int:
    """Reads whole checks into the file named by --out, and writes what was not accepted for --review.

    Without --out the results go into the review. Result and errors as `read`.

    Args:
        options: of `checkreader read`.
        expected: what is known of the checks.
    """
    review_folder: Path | None = options.review
    if review_folder is not None:
        new_folder.require_new(review_folder)
    out, sources = _checked(options)
    if (
        review_folder is not None
        and sources.files is None
        and review_folder.resolve().is_relative_to(sources.folder)
    ):
        raise CheckreaderError(
            f"--review {review_folder}: inside the folder that is read: name one elsewhere"
        )
    inside = review_folder is not None and out.resolve().is_relative_to(review_folder.resolve())
    if inside and options.out is not None:
        raise CheckreaderError(f"--out {out}: inside the review, which is written whole: name one elsewhere")
    repository = Repository.open(options.models)
    models = check_models.choose(repository, expected, options.max_error)
    csv = out.suffix.lower() == ".csv"
    job = bulk.check_job(sources.folder, repository, models, expected, csv, options.runtime, sources.files)
    if review_folder is None:
        summary, seconds = _run(options, job, out)
        _report(options, summary, seconds, out)
        return UNREADABLE if summary.unreadable else 0
    with new_folder.writing(review_folder) as hidden:
        results = hidden / RESULTS if options.out is None else out
        summary, seconds = _run(options, job, results)
        review = reviewer.write(
            job,
            results,
            hidden,
            local.read,
            lambda lines, count: show_progress(lines, 0, lambda: count),
        )
    _report(options, summary, seconds, review_folder / RESULTS if options.out is None else out, review)
    return UNREADABLE if summary.unreadable else 0


def _checked(options: argparse.Namespace) -> tuple[Path, Sources]:
    """Returns the file of results and what to read; raises CheckreaderError if the options do not go together."""
    out = Path(RESULTS if options.out is None else options.out)
    target = "--review" if options.out is None else "--out"
    if options.csv and out.suffix.lower() != ".csv":
        raise CheckreaderError(f"--csv does not go with {target}: name a file that ends in .csv by --out")
    if options.draw is not None:
        raise CheckreaderError(f"--draw does not go with {target}, which writes a line for each page")
    paths = [Path(file) for file in options.files]
    if len(paths) == 1 and not paths[0].exists():
        raise CheckreaderError(f"{paths[0]}: no such file or folder")
    if len(paths) == 1 and paths[0].is_dir():
        return out, Sources(str(paths[0].resolve()), None)
    if any(path.is_dir() for path in paths) or "-" in options.files:
        raise CheckreaderError(f"{target} reads one folder, or files: name that, and nothing else")
    return out, Sources(str(Path.cwd()), tuple(dict.fromkeys(options.files)))


def _run(options: argparse.Namespace, job: bulk.Job, out: Path) -> tuple[JobSummary, float]:
    """Runs a job; returns what it read and the seconds that it took."""
    engine: bulk.Engine = local.read
    if options.ray is not None:
        with require_packages(_CLUSTER):
            engine = importlib.import_module("serving.bulk.ray").engine(options.ray)

    def count() -> int:
        return sum(entry.is_picture for entry in job.entries())

    start = time.perf_counter()
    summary = bulk.run(job, out, engine, lambda lines, before: show_progress(lines, before, count))
    return summary, time.perf_counter() - start


def show_progress(
    lines: Iterable[bulk.Lines], before: int, count_all: Callable[[], int], interval: float = INTERVAL
) -> Iterator[bulk.Lines]:
    """Passes lines on and shows on standard error how far the job is: a bar on a terminal, else a line now and then.

    Args:
        lines: of the job.
        before: how many files an earlier run has read.
        count_all: counts all of them; called only where the job lasts long enough.
        interval: seconds between two lines; also where there is a terminal but no tqdm to draw the bar.
    """
    tqdm: Any = None
    with contextlib.suppress(ModuleNotFoundError):
        tqdm = importlib.import_module("tqdm").tqdm if sys.stderr.isatty() else None
    if tqdm is not None:
        with tqdm(total=count_all(), initial=before, unit=" pictures") as progress_bar:
            for chunk in lines:
                yield chunk
                progress_bar.update(len(chunk))
        return
    count, start, ended = before, time.monotonic(), threading.Event()

    def write() -> None:
        while not ended.wait(interval):
            if not totals:
                with contextlib.suppress(OSError):  # the job itself says what is wrong with the folder
                    totals.append(count_all())
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


def _report(
    options: argparse.Namespace,
    summary: JobSummary,
    seconds: float,
    out: Path,
    review: Review | None = None,
) -> None:
    """Prints what was read into `out`, and what is to be reviewed."""
    if options.json:
        print(_json(summary, seconds, review))
        return
    _print_errors(summary, out)
    if review is not None:
        doubts = f"{len(review.fields):,} fields of {len(review.checks):,} checks are in doubt"
        print(f"{doubts}: open {options.review / PAGE}")
    _print_counts(summary, seconds)


def _json(summary: JobSummary, seconds: float, review: Review | None) -> str:
    counts: dict[str, Any] = {
        "read": summary.read,
        "accepted": summary.accepted,
        "unreadable": summary.unreadable,
        "skipped": summary.skipped,
        "passed_over": summary.passed_over,
        "reason": summary.reason,
        "seconds": round(seconds, 3),
        "per_second": round((summary.read + summary.unreadable) / seconds, 1),
    }
    if review is not None:
        counts["review"] = {
            "fields": len(review.fields),
            "checks": len(review.checks),
            "unread": len(review.unread),
        }
    return msgspec.json.encode(counts).decode()


def _print_errors(summary: JobSummary, out: Path) -> None:
    """Prints what could not be read."""
    for file, error in summary.errors:
        print(f"  {file}: {error}")
    if summary.unreadable > len(summary.errors):
        print(f"  and {summary.unreadable - len(summary.errors):,} more: see {out}")


def _print_counts(summary: JobSummary, seconds: float) -> None:
    """Prints the counts in one line."""
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
