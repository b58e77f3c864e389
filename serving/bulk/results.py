"""The file of a job's results, which later runs go on with.

Lines are appended as they come. What a run finds of an earlier one is kept where a file was read whole; lines of a
file that could not be read, or was not finished, go before the first new line is written, so that no error
stands beside the reading that came after it. They go by cutting the end off, or by a copy that takes the file's
place in one step: whenever the machine stops, the file holds whole results and at most one line that is not, at
its end, and that is the next run's to erase.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from serving.bulk.folder import display_name
from serving.bulk.lines import Form, Row, Settings, texts
from serving.errors import CheckreaderError, naming

if sys.platform != "win32":
    import fcntl

_BLOCK: Final = 2**20  # bytes copied at a time


class Results:
    """Opens, locks and checks a file of results; closes it at the end of a `with`."""

    def __init__(self, path: Path, form: Form, settings: Settings) -> None:
        """Reads what an earlier run wrote; nothing is changed yet.

        Args:
            path: the file, new or of an earlier run.
            form: of its lines.
            settings: that new lines are made with, the model's name and version among them.

        Raises:
            CheckreaderError: it is another kind of file, it was made with other settings, or a run is writing it.
            OSError: it cannot be used.
        """
        self._path = path.resolve()
        self._form = form
        self._file = _locked(self._path)
        try:
            earlier = _Earlier(self._file, path, form, texts(settings))
        except BaseException:
            self._file.close()
            raise
        self._dropped: list[tuple[int, int]] | None = earlier.dropped
        self.finished = earlier.finished()

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, lines: Sequence[bytes]) -> list[Row]:
        """Writes the lines of whole files, and erases before the first ones what is to be read again.

        Args:
            lines: for each file its lines, with a line feed between them; without any, it is only erased.

        Returns:
            A row for each line.
        """
        if self._dropped is not None:
            self._erase(self._dropped)
            self._dropped = None
        self._file.write(b"".join(line + b"\n" for line in lines))
        self._file.flush()
        return [self._form.decode(line) for line in b"\n".join(lines).split(b"\n") if line]

    def _erase(self, spans: Sequence[tuple[int, int]]) -> None:
        """Erases spans of bytes, which are in order and do not touch, and writes the header of a new file."""
        size = self._file.seek(0, os.SEEK_END)
        if spans and spans[-1][1] == size:
            size = spans[-1][0]
            spans = spans[:-1]
        if spans:
            self._replace(spans, size)
        else:
            self._file.truncate(size)
        if size == 0 and self._form.header:
            self._file.write(self._form.header + b"\n")

    def _replace(self, spans: Sequence[tuple[int, int]], size: int) -> None:
        """Puts a copy without the spans in the file's place. Hidden, it is passed over by the walk of its folder."""
        copy = self._path.with_name(f".{self._path.name}.new")
        with contextlib.ExitStack() as stack:
            stack.callback(copy.unlink, missing_ok=True)
            stack.enter_context(naming(self._path, copy))
            file = stack.enter_context(copy.open("wb+"))
            position = 0
            for start, stop in [*spans, (size, size)]:
                _copy(self._file, file, position, start)
                position = stop
            file.flush()
            os.fsync(file.fileno())
            shutil.copymode(self._path, copy)
            _lock(file, self._path)
            copy.replace(self._path)
            stack.pop_all()
        self._file.close()
        self._file = file


def rows(path: Path, form: Form) -> Iterator[Row]:
    """Yields the rows of a finished file of results; raises ValueError if it is something else, and OSError."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number or not form.header:
                yield form.decode(line)


class FinishedFiles:
    """The files of earlier runs, by 64 bits of a hash: among a million two agree once in 37 million runs."""

    def __init__(self, hashes: array[int]) -> None:
        self._hashes: npt.NDArray[np.uint64] = np.unique(np.frombuffer(hashes, np.uint64))

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, file: str) -> bool:
        digest = _hash(display_name(file))
        index = int(np.searchsorted(self._hashes, np.uint64(digest)))
        return index < len(self._hashes) and int(self._hashes[index]) == digest


class _Earlier:
    """What an earlier run left: the files that were read whole, and the spans of bytes of all else."""

    def __init__(self, file: BinaryIO, path: Path, form: Form, settings: Mapping[str, str]) -> None:
        self.dropped: list[tuple[int, int]] = []
        self._hashes = array("Q")
        self._settings = settings
        self._path = path
        start = position = self._header(file, form)
        group: list[Row] = []  # the rows of a file whose last is still to come
        for number, line in enumerate(iter(file.readline, b""), 2 if form.header else 1):
            row = self._row(line, number, form)
            if row is None:
                break
            if group and (row.file != group[-1].file or row.page != len(group) + 1):
                self._drop(start, position)
                group, start = [], position
            position += len(line)
            group.append(row)
            if row.page == row.pages or row.page != len(group):  # the last page; no page; one out of order
                self._finish(group, start, position)
                group, start = [], position
        self._drop(start, file.seek(0, os.SEEK_END))

    def finished(self) -> FinishedFiles:
        return FinishedFiles(self._hashes)

    def _finish(self, group: Sequence[Row], start: int, stop: int) -> None:
        if len(group) == group[-1].page and all(row.error is None for row in group):
            self._hashes.append(_hash(group[-1].file))
        else:
            self._drop(start, stop)

    def _drop(self, start: int, stop: int) -> None:
        if start == stop:
            return
        if self.dropped and self.dropped[-1][1] == start:
            start = self.dropped.pop()[0]
        self.dropped.append((start, stop))

    def _header(self, file: BinaryIO, form: Form) -> int:
        """Returns where the rows begin; 0 also where no more than a part of the header was written."""
        file.seek(0)
        if not form.header:
            return 0
        line = file.readline()
        if line == form.header + b"\n":
            return len(line)
        if not form.header.startswith(line):
            raise self._refusal(1)
        file.seek(0, os.SEEK_END)
        return 0

    def _row(self, line: bytes, number: int, form: Form) -> Row | None:
        """Returns a line's row, or None for a last line that is not all there."""
        try:
            row = form.decode(line)
        except ValueError:
            if line.endswith(b"\n") or (number == 1 and not b'{"file":'.startswith(line[:8])):
                raise self._refusal(number) from None
            return None
        if not line.endswith(b"\n"):
            return None
        if _set(row.settings) != _set(self._settings):
            raise CheckreaderError(
                f"{self._path}, line {number}: read with {_difference(row.settings, self._settings)}; "
                "name a new file, or read with the same settings"
            )
        return row

    def _refusal(self, number: int) -> CheckreaderError:
        return CheckreaderError(
            f"{self._path}, line {number}: not a line of such readings; name a new file, or one of an earlier run"
        )


def _set(settings: Mapping[str, str]) -> dict[str, str]:
    """Leaves out what is not set, so that lines from before a setting existed are of the same settings."""
    return {key: setting for key, setting in settings.items() if setting}


def _difference(earlier: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Says which settings differ: "max_error 0.05, now 0.01"."""
    return " and ".join(
        f"{key} {earlier.get(key) or 'not set'}, now {now.get(key) or 'not set'}"
        for key in dict.fromkeys([*earlier, *now])
        if (earlier.get(key) or None) != (now.get(key) or None)
    )


def _locked(path: Path) -> BinaryIO:
    """Opens a file for this process alone."""
    while True:
        file = path.open("ab+")
        try:
            _lock(file, path)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except FileNotFoundError:  # moved away in between
            pass
        except BaseException:
            file.close()
            raise
        file.close()  # another run has put its copy there in between


def _lock(file: BinaryIO, path: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CheckreaderError(
            f"{path}: another run is writing it; wait for its end, or name a new file"
        ) from None
    except OSError:
        pass  # some network file systems have no locks


def _copy(source: BinaryIO, target: BinaryIO, start: int, stop: int) -> None:
    source.seek(start)
    for block in _blocks(source, stop - start):
        target.write(block)


def _blocks(source: BinaryIO, count: int) -> Iterator[bytes]:
    while count > 0 and (block := source.read(min(_BLOCK, count))):
        count -= len(block)
        yield block


def _hash(file: str) -> int:
    return int.from_bytes(hashlib.blake2b(file.encode(), digest_size=8).digest(), "little")
