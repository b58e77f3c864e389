"""A folder of any number of pictures → one line of JSON for each.

The folder is walked while it is read, in a fixed order, and a bounded number
of pictures is under way at any time. A line is {"file", …reading} or {"file",
"error"}, the file relative to the folder, in the order of the walk: the same
lines whether processes of this machine (`serving.bulk.local`) or a cluster
(`serving.bulk.ray`) read.
Lines are written as they come, so after a kill the next run goes on behind the
last whole one; it keeps 8 bytes for each file that is done.
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
from serving.errors import CheckreaderError
from serving.images.crop import Crop
from serving.recognition import fields
from serving.repository.store import Repository

CHUNK: Final = 16  # pictures that go to a process at a time
MAX_BYTES: Final = 2**28  # of a file; 50 megapixels fit uncompressed

Lines: TypeAlias = list[bytes]
# Reads chunks of files; gives their lines in the same order.
Engine: TypeAlias = Callable[["Job", Iterator[list[str]]], Iterator[Lines]]


@dataclass(frozen=True)
class Job:
    """What to read and how; it travels to other processes and machines."""

    folder: str
    models: str | None
    model: str
    field_format: FieldFormat
    max_error: float | None
    crop: Crop | None = None


@dataclass
class JobSummary:
    """Counts of one run; `reasons` are the first files that could not be read, with why."""

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
        self._read = fields.field_recognizer(
            job.model, loaded.model, loaded.network, job.field_format, job.max_error, job.crop
        )

    def __call__(self, files: Sequence[str]) -> Lines:
        return [self._line(file) for file in files]

    def _line(self, file: str) -> bytes:
        try:
            (reading,) = self._read([read_file(Path(self._job.folder, file))])
        except OSError as error:
            return error_line(file, error.strerror or str(error))
        except CheckreaderError as error:
            return error_line(file, str(error))
        return msgspec.json.encode({"file": display_name(file)} | msgspec.to_builtins(reading))


def read_file(path: Path) -> bytes:
    """A file's bytes; raises OSError, or CheckreaderError if it is too large for a picture."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise CheckreaderError(f"file too large for a picture: at most {MAX_BYTES:,} bytes are read")
    return data


def walk(folder: str) -> Iterator[str]:
    """The files below a folder, relative to it, with slashes: a directory's own, then those of the directories
    in it, by name.

    Hidden ones (.name) are left out, links to directories are not followed. A directory that cannot be
    listed is given as if it were a file.
    """
    below = deque([""])
    while below:
        inside = below.popleft()
        try:
            with os.scandir(Path(folder, inside)) as entries:
                names = sorted(
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if not entry.name.startswith(".")
                    and (entry.is_dir(follow_symlinks=False) or _may_be_read(entry))
                )
        except OSError:
            if not inside:
                raise
            yield inside
            continue
        within = f"{inside}/" if inside else ""
        yield from (within + name for name, is_folder in names if not is_folder)
        below.extendleft(within + name for name, is_folder in reversed(names) if is_folder)


def run(
    job: Job, out: Path, engine: Engine, progress: Callable[[Iterable[Lines], int], Iterable[Lines]]
) -> JobSummary:
    """Reads what `out` does not hold yet and appends it there.

    Args:
        job: what to read.
        out: the file of lines, new or of an earlier run.
        engine: of `serving.bulk.local` or `serving.bulk.ray`.
        progress: passes lines on and shows that they come; gets how many were there before.

    Raises:
        CheckreaderError: `out` is another kind of file, or the model cannot be used.
        OSError: the folder or `out` cannot be used.
    """
    tally = JobSummary()
    with out.open("ab+") as file:
        done = _Done(_resume(file, out))
        tally.skipped = len(done)
        left = (name for name in walk(job.folder) if name not in done and not _same(job.folder, name, out))
        for lines in progress(engine(job, _chunks(left)), tally.skipped):
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            for line in lines:
                _count(tally, msgspec.json.decode(line, type=_Row))
    return tally


class _Row(msgspec.Struct):
    file: str
    accepted: bool = False
    error: str | None = None


class _Done:
    """The files that are done, by 64 bits of a hash: among a million two agree once in 37 million runs."""

    def __init__(self, files: Iterable[str]) -> None:
        marks = array("Q", (_mark(file) for file in files))
        self._marks: npt.NDArray[np.uint64] = np.unique(np.frombuffer(marks, np.uint64))

    def __len__(self) -> int:
        return len(self._marks)

    def __contains__(self, file: str) -> bool:
        mark = _mark(display_name(file))
        at = int(np.searchsorted(self._marks, np.uint64(mark)))
        return at < len(self._marks) and int(self._marks[at]) == mark


def _mark(file: str) -> int:
    return int.from_bytes(hashlib.blake2b(file.encode(), digest_size=8).digest(), "little")


def _resume(file: BinaryIO, path: Path) -> Iterator[str]:
    """The files in an earlier run's lines; a last line that was cut short is erased."""
    file.seek(0)
    end = 0
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
        end += len(line)
        yield row.file
    file.truncate(end)


def _count(tally: JobSummary, row: _Row) -> None:
    if row.error is None:
        tally.read += 1
        tally.accepted += row.accepted
    else:
        tally.unreadable += 1
        if len(tally.reasons) < 10:
            tally.reasons.append((row.file, row.error))


def _chunks(files: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(itertools.islice(files, CHUNK)):
        yield chunk


def _same(folder: str, name: str, out: Path) -> bool:
    """Whether a file is the one that the lines are written to."""
    with contextlib.suppress(OSError):
        return name.endswith(out.name) and out.samefile(Path(folder, name))
    return False


def _may_be_read(entry: os.DirEntry[str]) -> bool:
    """A file, or a link that leads nowhere, which is listed as unreadable; no pipe or device."""
    return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())


def display_name(file: str) -> str:
    """A file's name as text; bytes of it that are no UTF-8 are written as \\xff."""
    return os.fsencode(file).decode("utf-8", "backslashreplace")


def error_line(file: str, reason: str) -> bytes:
    """The line of a file that cannot be read."""
    return msgspec.json.encode({"file": display_name(file), "error": reason})
