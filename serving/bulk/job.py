"""Reads a folder of any number of pictures, or files that are named, and writes a line for each of their pages.

The folder is walked while it is read, in a fixed order, and a bounded number of pictures is in work at any time. The
lines are the same whether processes of this machine (`serving.bulk.local`) or a cluster (`serving.bulk.ray`) read:
`serving.bulk.lines` says what is in them, the file relative to the folder. `page` and `pages` are null where the
file as a whole cannot be read.
A run goes on with the results of an earlier one: it leaves out what was read with the same settings and model, and
reads again what could not be. It keeps 8 bytes in memory for each file that is left out.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from serving.bulk.folder import Entry, display_name, read_file, walk
from serving.bulk.lines import CsvLines, Form, JsonLines, Settings, csv_columns
from serving.bulk.results import Results
from serving.bulk.summary import JobSummary
from serving.decoding.micr import MicrFormat
from serving.decoding.thresholds import DigitPrediction, OperatingPoint
from serving.errors import CheckreaderError
from serving.images.crop import Crop
from serving.images.pages import split
from serving.recognition.check import CheckPrediction
from serving.recognition.check_format import CheckFormat, CheckModels, CheckPoint
from serving.recognition.check_recognizer import CheckRecognizer
from serving.recognition.fields import FieldPrediction
from serving.recognition.micr import MicrPrediction
from serving.recognition.recognizer import Format, Prediction, recognizer
from serving.repository import check_models
from serving.repository.store import Repository

CHUNK: Final = 16  # pictures that go to a process at a time

Lines: TypeAlias = list[bytes]  # for each file its lines, one for each page, with a line feed between them
# Reads chunks of files; gives their lines in the same order.
Engine: TypeAlias = Callable[["Job", Iterator[list[str]]], Iterator[Lines]]


class Work(Protocol):
    """What is done with files in processes that it is sent to."""

    def worker(self) -> Callable[[Sequence[str]], Lines]:
        """Makes what does it, in one thread; raises CheckreaderError if a model cannot be used."""

    def failure(self, file: str, reason: str) -> bytes:
        """Returns the line of a file that it failed on."""


@dataclass(frozen=True)
class Job:
    """Pictures with the model and the options to read them by; it is sent to other processes and machines.

    Attributes:
        folder: of the pictures.
        models: the folder of the model repository; None = where it is found.
        model: the name of the model that reads; of checks the names of all that do, separated by commas.
        version: the model's, or the models'; a process that finds another one does not read.
        field_format: that the fields, lines or checks are expected to have; None = the pictures are single digits.
        point: what is accepted.
        crop: the part to read, in every page alike.
        csv: whether the results are comma-separated values.
        runtime: as for `Repository.load`.
        files: which files of the folder to read, or of elsewhere where their names say so; None = all pictures.
    """

    folder: str
    models: str | None
    model: str
    version: str
    field_format: Format | CheckFormat | None
    point: OperatingPoint | CheckPoint
    crop: Crop | None = None
    csv: bool = False
    runtime: str = "auto"
    files: tuple[str, ...] | None = None

    def entries(self) -> Iterator[Entry]:
        """Yields the files that are read, and others of the folder; raises OSError as `walk`."""
        return walk(self.folder) if self.files is None else (Entry(file, True) for file in self.files)

    def worker(self) -> Worker:
        """Makes what reads; raises CheckreaderError if a model cannot be used."""
        return Worker(self)

    def failure(self, file: str, reason: str) -> bytes:
        """Returns the line of a file that a process failed on."""
        return LineWriter(self).error(file, reason)

    @property
    def about(self) -> Settings:
        """The model and the wanted and the applied error bound, as each line states them."""
        return {"model": self.model, "version": self.version, **self.point.bounds}

    @property
    def settings(self) -> Settings:
        """How else the pictures are read, as each line states it.

        They have the names of the command's options; `threshold` is the lowest confidence that is accepted, which
        another calibration of the same model changes.
        """
        expected = {"kind": "digit"} if self.field_format is None else asdict(self.field_format)
        crop = None if self.crop is None else ",".join(map(str, self.crop))
        return (
            {"as": expected.pop("kind")} | expected | {"crop": crop, "threshold": self.point.least_confidence}
        )

    @property
    def form(self) -> Form:
        """The form of the results."""
        if not self.csv:
            return JsonLines()
        return CsvLines(csv_columns(tuple(self.settings), _prediction(self.field_format)))


def check_job(
    folder: str,
    repository: Repository,
    models: CheckModels,
    expected: CheckFormat,
    csv: bool = False,
    runtime: str = "auto",
    files: tuple[str, ...] | None = None,
) -> Job:
    """Makes the job of reading whole checks.

    Args:
        folder, csv, runtime, files: as for `Job`.
        repository: the models.
        models: those of it that read.
        expected: what is known of the checks.
    """
    names, versions = zip(*((entry.name, entry.model.version) for entry in models.all), strict=True)
    return Job(
        folder,
        str(repository.folder.resolve()),
        ",".join(names),
        ",".join(versions),
        expected,
        models.point,
        csv=csv,
        runtime=runtime,
        files=files,
    )


def _prediction(expected: Format | CheckFormat | None) -> type[Prediction | CheckPrediction]:
    """Returns the type of what is read."""
    if expected is None:
        return DigitPrediction
    if isinstance(expected, CheckFormat):
        return CheckPrediction
    return MicrPrediction if isinstance(expected, MicrFormat) else FieldPrediction


class LineWriter:
    """Makes the lines of a job."""

    def __init__(self, job: Job) -> None:
        self._form = job.form
        self._about = {**job.about, "settings": job.settings}

    def reading(self, file: str, page: int, pages: int, prediction: Prediction | CheckPrediction) -> bytes:
        """Returns the line of a page that was read."""
        reading = msgspec.to_builtins(prediction)
        return self._form.encode(self._place(file, page, pages) | reading | {"page": page})

    def error(self, file: str, reason: str, page: int | None = None, pages: int | None = None) -> bytes:
        """Returns the line of a page that cannot be read, or of a file where its pages cannot be told."""
        return self._form.encode(self._place(file, page, pages) | {"error": reason})

    def _place(self, file: str, page: int | None, pages: int | None) -> dict[str, Any]:
        return {"file": display_name(file), "page": page, "pages": pages, **self._about}


class Worker:
    """Reads files of a job with networks of its own, in one thread."""

    def __init__(self, job: Job) -> None:
        self._folder = job.folder
        self._lines = LineWriter(job)
        self._recognize = _recognizer(job)

    def __call__(self, files: Sequence[str]) -> Lines:
        return [self._read(file) for file in files]

    def _read(self, file: str) -> bytes:
        try:
            pages = split(read_file(Path(self._folder, file)))
        except OSError as error:
            return self._lines.error(file, error.strerror or str(error))
        except CheckreaderError as error:
            return self._lines.error(file, str(error))
        return b"\n".join(
            self._lines.error(file, str(outcome), page, len(pages))
            if isinstance(outcome, CheckreaderError)
            else self._lines.reading(file, page, len(pages), outcome)
            for page, outcome in pages.each(lambda encoded: self._recognize([encoded])[0])
        )


def _recognizer(job: Job) -> Callable[[Sequence[bytes]], Sequence[Prediction | CheckPrediction]]:
    """Loads what reads a job's pictures; raises CheckreaderError if it cannot be used, or is of another version."""
    if isinstance(job.field_format, CheckFormat):
        return load_check_recognizer(job, job.field_format)
    repository = Repository.open(job.models)
    loaded = repository.load(job.model, job.runtime, threads=1)
    _check_version(job, loaded.model.version)
    assert isinstance(job.point, OperatingPoint)
    return recognizer(loaded.model, loaded.network, job.field_format, job.point, job.crop)


def load_check_recognizer(job: Job, expected: CheckFormat) -> CheckRecognizer:
    """Loads what reads a job's checks, of which `expected` is known; raises CheckreaderError as `Work.worker`."""
    repository = Repository.open(job.models)
    assert isinstance(job.point, CheckPoint)
    models = replace(check_models.choose(repository, expected), point=job.point)
    _check_version(job, ",".join(entry.model.version for entry in models.all))
    return check_models.load(repository, models, expected, job.runtime, threads=1)


def _check_version(job: Job, version: str) -> None:
    if version != job.version:
        raise CheckreaderError(
            f"model {job.model!r} is of version {version} here, the run began with {job.version}: start it again"
        )


def run(
    job: Job, out: Path, engine: Engine, progress: Callable[[Iterable[Lines], int], Iterable[Lines]]
) -> JobSummary:
    """Reads the pictures that `out` holds no reading of yet and appends their lines there.

    Args:
        job: the folder and how to read it.
        out: the file of results, new or of an earlier run.
        engine: of `serving.bulk.local` or `serving.bulk.ray`.
        progress: passes lines on and shows the progress; its second argument is the number of files in `out`.

    Raises:
        CheckreaderError: `out` is another kind of file or was made with other settings, or the model cannot be used.
        OSError: the folder or `out` cannot be used.
    """
    summary = JobSummary()
    with Results(out, job.form, {**job.about, **job.settings}) as results:
        summary.skipped = len(results.finished)
        for lines in progress(engine(job, chunks(_unread(job, out, results, summary))), summary.skipped):
            for row in results.append(lines):
                summary.count(row)
        results.append([])
    return summary


def _unread(job: Job, out: Path, results: Results, summary: JobSummary) -> Iterator[str]:
    """Yields the pictures that are to be read, and counts what is none."""
    for file, is_picture in job.entries():
        if _is_output(job.folder, file, out):
            continue
        if not is_picture:
            summary.pass_over(file)
        elif file not in results.finished:
            yield file


def chunks(files: Iterator[str]) -> Iterator[list[str]]:
    """Yields files in lists of `CHUNK`."""
    while chunk := list(itertools.islice(files, CHUNK)):
        yield chunk


def _is_output(folder: str, name: str, out: Path) -> bool:
    """Returns whether a file is the one that the lines are written to."""
    with contextlib.suppress(OSError):
        return name.endswith(out.name) and out.samefile(Path(folder, name))
    return False
