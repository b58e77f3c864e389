"""Reads a folder of any number of pictures and writes one line of JSON for each.

The folder is walked while it is read, in a fixed order, and a bounded number
of pictures is in work at any time. A line is {"file", "page", "pages",
…bounds, …prediction} or {"file", "page", "pages", "error"}, one for each of a file's
pages, the file relative to the folder, in the order of the walk: the same lines
whether processes of this machine (`serving.bulk.local`) or a cluster
(`serving.bulk.ray`) read. `page` is null where the file as a whole cannot be
read.
Lines are written as they come, so after a kill the next run goes on after the
last file whose lines are complete; it keeps 8 bytes in memory for each
finished file.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from serving.decoding.field_string import FieldFormat
from serving.decoding.thresholds import OperatingPoint
from serving.errors import CheckreaderError
from serving.images.crop import Crop
from serving.images.pages import split
from serving.recognition import fields
from serving.recognition.fields import FieldPrediction
from serving.repository.store import Repository

CHUNK: Final = 16  # pictures that go to a process at a time
MAX_BYTES: Final = 2**28  # of a file; 50 megapixels fit uncompressed

Lines: TypeAlias = list[bytes]  # for each file its lines, one for each page, with a line feed between them
# Reads chunks of files; gives their lines in the same order.
Engine: TypeAlias = Callable[["Job", Iterator[list[str]]], Iterator[Lines]]


@dataclass(frozen=True)
class Job:
    """A folder with the model and the options to read it by; it is sent to other processes and machines."""

    folder: str
    models: str | None
    model: str
    field_format: FieldFormat
    max_error: float | None
    crop: Crop | None = None


@dataclass
class JobSummary:
    """The counts of one run: the files that were done before and, of this run, pages.

    `reasons` are the first that are unreadable, each file with its error.
    """

    skipped: int = 0
    read: int = 0
    accepted: int = 0
    unreadable: int = 0
    reasons: list[tuple[str, str]] = field(default_factory=list)


class Worker:
    """Reads files of a job with a network of its own, in one thread."""

    def __init__(self, job: Job) -> None:
        loaded = Repository.open(job.models).load(job.model, threads=1)
        self._job = job
        self._recognize = fields.field_recognizer(
            job.model, loaded.model, loaded.network, job.field_format, job.max_error, job.crop
        )

    def __call__(self, files: Sequence[str]) -> Lines:
        return [self._lines(file) for file in files]

    def _lines(self, file: str) -> bytes:
        try:
            pages = split(read_file(Path(self._job.folder, file)))
        except OSError as error:
            return error_line(file, error.strerror or str(error))
        except CheckreaderError as error:
            return error_line(file, str(error))
        return b"\n".join(
            _page_line(file, page, len(pages), outcome, self._recognize.point)
            for page, outcome in pages.each(lambda encoded: self._recognize([encoded])[0])
        )


def _page_line(
    file: str, page: int, pages: int, outcome: FieldPrediction | CheckreaderError, point: OperatingPoint
) -> bytes:
    if isinstance(outcome, CheckreaderError):
        return error_line(file, str(outcome), page, pages)
    place = {"file": display_name(file), "page": page, "pages": pages, **point.bounds}
    return msgspec.json.encode(place | msgspec.to_builtins(msgspec.structs.replace(outcome, page=page)))


def read_file(path: Path) -> bytes:
    """Reads a file; raises OSError, or CheckreaderError if it is too large for a picture."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise CheckreaderError(f"file too large for a picture: at most {MAX_BYTES:,} bytes are read")
    return content


def walk(folder: str) -> Iterator[str]:
    """Yields the files below a folder, relative to it, with slashes: a directory's files before its subdirectories,
    each by name.

    Hidden ones (.name) are left out, links to directories are not followed. A directory that cannot be
    listed is given as if it were a file.
    """
    pending = deque([""])
    while pending:
        directory = pending.popleft()
        try:
            with os.scandir(Path(folder, directory)) as entries:
                names = sorted(
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if not entry.name.startswith(".")
                    and (entry.is_dir(follow_symlinks=False) or _is_listed(entry))
                )
        except OSError:
            if not directory:
                raise
            yield directory
            continue
        prefix = f"{directory}/" if directory else ""
        yield from (prefix + name for name, is_folder in names if not is_folder)
        pending.extendleft(prefix + name for name, is_folder in reversed(names) if is_folder)


def run(
    job: Job, out: Path, engine: Engine, progress: Callable[[Iterable[Lines], int], Iterable[Lines]]
) -> JobSummary:
    """Reads the pictures that `out` does not hold yet and appends their lines there.

    Args:
        job: the folder and how to read it.
        out: the file of lines, new or of an earlier run.
        engine: of `serving.bulk.local` or `serving.bulk.ray`.
        progress: passes lines on and shows the progress; its second argument is the number of files in `out`.

    Raises:
        CheckreaderError: `out` is another kind of file, or the model cannot be used.
        OSError: the folder or `out` cannot be used.
    """
    summary = JobSummary()
    with out.open("ab+") as file:
        finished = _FinishedFiles(_resume(file, out))
        summary.skipped = len(finished)
        names = (
            name
            for name in walk(job.folder)
            if name not in finished and not _is_output(job.folder, name, out)
        )
        for lines in progress(engine(job, _chunks(names)), summary.skipped):
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            for line in b"\n".join(lines).split(b"\n"):
                _count(summary, msgspec.json.decode(line, type=_Row))
    return summary


class _Row(msgspec.Struct):
    """The parts of a line that are counted."""

    file: str
    page: int | None
    pages: int | None
    accepted: bool = False
    error: str | None = None


class _FinishedFiles:
    """The files of earlier runs, by 64 bits of a hash: among a million two agree once in 37 million runs."""

    def __init__(self, files: Iterable[str]) -> None:
        hashes = array("Q", (_hash(file) for file in files))
        self._hashes: npt.NDArray[np.uint64] = np.unique(np.frombuffer(hashes, np.uint64))

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, file: str) -> bool:
        digest = _hash(display_name(file))
        index = int(np.searchsorted(self._hashes, np.uint64(digest)))
        return index < len(self._hashes) and int(self._hashes[index]) == digest


def _hash(file: str) -> int:
    return int.from_bytes(hashlib.blake2b(file.encode(), digest_size=8).digest(), "little")


def _resume(file: BinaryIO, path: Path) -> Iterator[str]:
    """Yields the files of an earlier run's lines; lines of a last file that are not all there are erased."""
    file.seek(0)
    position = end = 0
    for number, line in enumerate(iter(file.readline, b""), 1):
        try:
            row = msgspec.json.decode(line, type=_Row)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if line.endswith(b"\n") or not b'{"file":'.startswith(line[:8]):
                raise CheckreaderError(
                    f"{path}, line {number}: not a line of readings; name a new file, or one of an earlier run"
                ) from None
            break
        if not line.endswith(b"\n"):
            break
        position += len(line)
        if row.page == row.pages:  # the file's last line, also where both are null
            end = position
            yield row.file
    file.truncate(end)


def _count(summary: JobSummary, row: _Row) -> None:
    if row.error is None:
        summary.read += 1
        summary.accepted += row.accepted
    else:
        summary.unreadable += 1
        if len(summary.reasons) < 10:
            summary.reasons.append((row.file, row.error))


def _chunks(files: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(itertools.islice(files, CHUNK)):
        yield chunk


def _is_output(folder: str, name: str, out: Path) -> bool:
    """Returns whether a file is the one that the lines are written to."""
    with contextlib.suppress(OSError):
        return name.endswith(out.name) and out.samefile(Path(folder, name))
    return False


def _is_listed(entry: os.DirEntry[str]) -> bool:
    """Returns whether an entry is a file, or a broken link, which is listed as unreadable; no pipe or device."""
    return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())


def display_name(file: str) -> str:
    """Returns a file's name as text; bytes of it that are no UTF-8 are written as \\xff."""
    return os.fsencode(file).decode("utf-8", "backslashreplace")


def error_line(file: str, reason: str, page: int | None = None, pages: int | None = None) -> bytes:
    """Returns the line of a page that cannot be read, or of a file where its pages cannot be told."""
    return msgspec.json.encode({"file": display_name(file), "page": page, "pages": pages, "error": reason})
