"""What the workers of one service tell each other: files in one folder, replaced as a whole.

`desired.json` says which models the operator wants; every worker looks at it a few times a second and
reports in `worker-N.json` how far it is and what it has counted. A single worker needs no folder.
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
    """What the operator asked for beyond the manifest.

    Attributes:
        generation: how often something was asked.
        unloaded: models that are not to be served.
        reloads: by model, the generation in which it was last asked to be loaded.
    """

    generation: int = 0
    unloaded: list[str] = []
    reloads: dict[str, int] = {}


class WorkerReport(msgspec.Struct):
    """How far a worker is.

    Attributes:
        generation: of what it has done.
        refused: why models could not be loaded, by name.
        queued: rows that wait, by model.
        resident: bytes of memory.
        counts: since the first process in this worker's place.
    """

    generation: int = 0
    refused: dict[str, str] = msgspec.field(default_factory=dict)
    queued: dict[str, int] = msgspec.field(default_factory=dict)
    resident: int = 0
    counts: Counts = msgspec.field(default_factory=Counts)


class SharedState:
    """The folder, as one worker sees it.

    Args:
        folder: of all workers; None: this is the only one.
        place: this worker's, from 0.
        workers: how many there are.
    """

    def __init__(self, folder: Path | None = None, place: int = 0, workers: int = 1) -> None:
        self._folder = folder
        self._place = place
        self._workers = workers
        self._desired = DesiredModels()

    def desired(self) -> DesiredModels:
        """What is asked for now."""
        if self._folder is not None:
            found = _read(self._folder / _DESIRED, DesiredModels)
            if found is not None:
                self._desired = found
            elif self._desired.generation:  # somebody cleaned up: a worker that comes later needs it
                _write(self._folder / _DESIRED, self._desired)
        return self._desired

    def request(self, name: str, loaded: bool) -> int:
        """Asks all workers to load a model again, or to unload it; the generation in which they will have."""
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
        """Tells the others."""
        if self._folder is not None:
            _write(self._file(self._place), report)

    def last_report(self) -> WorkerReport | None:
        """The last report from this worker's place: that of a process which is no more."""
        return None if self._folder is None else _read(self._file(self._place), WorkerReport)

    def other_reports(self) -> list[WorkerReport | None]:
        """The other workers' last reports; None of those that have not reported yet."""
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
    """The counts of one worker or more together."""
    return functools.reduce(combine, (report.counts for report in reports))


def _read(path: Path, type: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=type)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):  # nothing there, or nothing of ours
        return None


def _write(path: Path, content: object) -> None:
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    temporary.write_bytes(msgspec.json.encode(content))
    temporary.replace(path)
