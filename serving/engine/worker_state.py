"""Shared state of the workers of one service: files in one folder, each replaced as a whole.

`desired.json` says which models the operator wants; every worker reads it a few times a second and publishes in
`worker-N.json` what it has done and counted. A single worker needs no folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from serving.engine.statistics import Counts, combine

T = TypeVar("T")
_DESIRED: Final = "desired.json"
_LOCK: Final = "lock"


class DesiredModels(msgspec.Struct, frozen=True):
    """The operator's requests beyond the manifest.

    Attributes:
        generation: the number of requests so far.
        unloaded: models that are not to be served.
        reloads: by model, the generation in which it was last requested to be loaded.
    """

    generation: int = 0
    unloaded: list[str] = []
    reloads: dict[str, int] = {}


class WorkerReport(msgspec.Struct):
    """The state of a worker.

    Attributes:
        generation: of the requests that it has carried out.
        refused: by model, why it could not be loaded.
        queued: by model, the rows that wait.
        resident: bytes of memory.
        counts: counters since the first process in this worker's place.
    """

    generation: int = 0
    refused: dict[str, str] = msgspec.field(default_factory=dict)
    queued: dict[str, int] = msgspec.field(default_factory=dict)
    resident: int = 0
    counts: Counts = msgspec.field(default_factory=Counts)


class SharedState:
    """Reads and writes the folder for one worker.

    Args:
        folder: shared by all workers; None: there is only this one.
        place: this worker's number, from 0.
        workers: the number of workers.
    """

    def __init__(self, folder: Path | None = None, place: int = 0, workers: int = 1) -> None:
        self._folder = folder
        self._place = place
        self._workers = workers
        self._desired = DesiredModels()

    def desired(self) -> DesiredModels:
        """Returns the operator's requests as they are now."""
        if self._folder is not None:
            stored = _read(self._folder / _DESIRED, DesiredModels)
            if stored is not None:
                self._desired = stored
            elif self._desired.generation:  # the file was deleted: a worker that starts later needs it
                _write(self._folder / _DESIRED, self._desired)
        return self._desired

    def request(self, name: str, loaded: bool) -> int:
        """Requests a (re)load or an unload from all workers.

        Args:
            name: of the model.
            loaded: True to load it, False to unload it.

        Returns:
            The generation; a worker that reports it has carried the request out.
        """
        with self._locked():
            now = self.desired()
            generation = now.generation + 1
            unloaded = [other for other in now.unloaded if other != name] + [name] * (not loaded)
            reloads = now.reloads | ({name: generation} if loaded else {})
            self._desired = DesiredModels(generation, unloaded, reloads)
            if self._folder is not None:
                _write(self._folder / _DESIRED, self._desired)
        return generation

    def publish(self, report: WorkerReport) -> None:
        """Writes this worker's report for the others."""
        if self._folder is not None:
            _write(self._file(self._place), report)

    def last_report(self) -> WorkerReport | None:
        """Returns the last report from this worker's place, by a process that has ended; None if there is none."""
        return None if self._folder is None else _read(self._file(self._place), WorkerReport)

    def other_reports(self) -> list[WorkerReport | None]:
        """Returns the other workers' last reports; None for each that has not reported yet."""
        if self._folder is None:
            return []
        places = (place for place in range(self._workers) if place != self._place)
        return [_read(self._file(place), WorkerReport) for place in places]

    def _file(self, place: int) -> Path:
        assert self._folder is not None
        return self._folder / f"worker-{place}.json"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if self._folder is None:
            yield
            return
        with (self._folder / _LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
            yield


def total_counts(reports: Sequence[WorkerReport]) -> Counts:
    """Returns the sum of the counts of one or more workers."""
    return functools.reduce(combine, (report.counts for report in reports))


def _read(path: Path, type: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=type)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):  # absent, or not written by a worker
        return None


def _write(path: Path, content: object) -> None:
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    temporary.write_bytes(msgspec.json.encode(content))
    temporary.replace(path)
