"""Keeps what is served as the manifest and the operator want it, without a request noticing.

When the manifest changes, each new version is loaded beside the old one, its hash checked, warmed, checked
against the golden set, and takes the old one's place between two requests; who holds the old one finishes
with it. A version that fails is refused, the reason logged and shown in the index, and the old one goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from serving.engine.dataplane import DataPlane
from serving.engine.served_model import ServedModel, load, start_serving
from serving.engine.statistics import Counts, count
from serving.engine.worker_state import SharedState, WorkerReport, total_counts
from serving.errors import CheckreaderError, Unknown
from serving.manifest import NAME, Manifest, Model
from serving.repository.store import Repository

_TICK: Final = 0.1  # s between two looks
_AGAIN: Final = 10.0  # s until what was refused is tried again: a file may have been restored since
_PATIENCE: Final = 60.0  # s that load and unload wait for all workers
_log = logging.getLogger("checkreader")

Stamp: TypeAlias = tuple[int, int, int]
State = Literal["READY", "UNAVAILABLE"]


@dataclass(frozen=True)
class Entry:
    """A model's version in the index; the reason says why it is not served, or why a newer one is not."""

    name: str
    version: str
    state: State
    reason: str = ""


class Refused(NamedTuple):
    """A version that cannot be served, and why; `earlier`: it is only the one before."""

    name: str
    version: str
    reason: str
    earlier: bool = False


class ModelReloader:
    """Of one worker.

    Args:
        plane: what answers requests.
        repository: what was loaded at the start.
        state: shared with the other workers.
        follow: what else wants to know of a new release.
        seen: the manifest's `stamp` before it was read, so that no change is missed.
        refused: what could not be loaded at the start.
    """

    def __init__(
        self,
        plane: DataPlane,
        repository: Repository,
        state: SharedState | None = None,
        follow: Callable[[Repository], object] | None = None,
        seen: Stamp | None = None,
        refused: Sequence[Refused] = (),
    ) -> None:
        self.plane = plane
        self._tell = follow
        self.state = state or SharedState()
        self._folder = repository.folder
        self._manifest = repository.manifest
        self._refused = list(refused)
        self._trouble = ""  # with the manifest as a whole
        self._done = self.state.desired()
        self._seen = stamp(self._folder) if seen is None else seen
        self._tried = 0.0
        self._busy = asyncio.Lock()

    async def run(self) -> None:
        """Looks and acts until it is cancelled."""
        while True:
            try:
                await self._act()
            except Exception:  # whatever it is, what is served goes on
                _log.exception("keeping the models up to date failed")
            await asyncio.sleep(_TICK)

    async def _act(self) -> None:
        async with self._busy:
            await self._look()
            self.state.publish(self._report())

    async def load(self, name: str) -> None:
        """Loads a model again in every worker, from the manifest as it is now.

        Raises:
            Unknown: the manifest has none of that name.
            CheckreaderError: it was refused; what was served before still is.
        """
        manifest = (await asyncio.to_thread(Repository.open, self._folder)).manifest
        allowed = self.plane.settings.only or tuple(manifest.models)
        if name not in manifest.models or name not in allowed:
            raise Unknown(f"unknown model {name!r}: {self._folder / NAME} has {', '.join(allowed)}")
        await self._everywhere(name, self.state.request(name, loaded=True))

    async def unload(self, name: str) -> None:
        """Stops serving a model in every worker, until it is loaded again.

        Raises:
            Unknown: there is none of that name.
        """
        if name not in self._manifest.models:
            raise Unknown(f"unknown model {name!r}; there are {', '.join(self._manifest.models)}")
        await self._everywhere(name, self.state.request(name, loaded=False))

    def index(self) -> list[Entry]:
        """Every version that is served, was refused, or is unloaded."""
        entries = []
        named = (one.name for one in self._refused)
        for name in dict.fromkeys((*self._manifest.models, *self.plane.models, *named)):
            now, before = self.plane.models.get(name), self.plane.previous.get(name)
            refused = [one for one in self._refused if one.name == name]
            if now is not None:
                entries.append(Entry(name, now.version, "READY", self._trouble))
            if before is not None:
                entries.append(Entry(name, before.version, "READY"))
            entries += [Entry(name, one.version, "UNAVAILABLE", one.reason) for one in refused]
            if now is None and not refused:
                reason = "unloaded" if name in self._done.unloaded else "not among the models to serve"
                entries.append(Entry(name, self._manifest.models[name].version, "UNAVAILABLE", reason))
        return entries

    def reports(self) -> list[WorkerReport]:
        """Of all workers, this one's first, which is put on the state: what was shown is not lost with this process."""
        own = self._report()
        self.state.publish(own)
        return [own, *(report for report in self.state.other_reports() if report is not None)]

    def counts(self) -> Counts:
        """Of all workers together."""
        return total_counts(self.reports())

    async def _everywhere(self, name: str, generation: int) -> None:
        """Does what was asked, and waits until all workers have."""
        await self._act()
        end = time.monotonic() + _PATIENCE
        while True:
            reports = [self._report(), *self.state.other_reports()]
            done = [one for one in reports if one is not None and one.generation >= generation]
            if len(done) == len(reports):
                break
            if time.monotonic() > end:
                raise CheckreaderError(
                    f"model {name!r}: not every worker has switched within {_PATIENCE:g} s"
                )
            await asyncio.sleep(_TICK)
        for report in done:
            if name in report.refused:
                raise CheckreaderError(report.refused[name])

    async def _look(self) -> None:
        now, desired = stamp(self._folder), self.state.desired()
        again = (self._refused or self._trouble) and time.monotonic() - self._tried > _AGAIN
        if now == self._seen and desired == self._done and not again:
            return
        self._seen, self._tried = now, time.monotonic()
        try:
            manifest = (await asyncio.to_thread(Repository.open, self._folder)).manifest
        except (CheckreaderError, OSError) as error:
            self._complain(f"{error}; what was served before still is")
            manifest = self._manifest
        else:
            self._trouble = ""
        asked = {name for name, when in desired.reloads.items() if when > self._done.generation}
        await self._follow(manifest, set(desired.unloaded), asked)
        before, self._manifest, self._done = self._manifest, manifest, desired
        if self._tell is not None and manifest != before:
            await asyncio.to_thread(self._tell, Repository(self._folder, manifest))

    async def _follow(self, manifest: Manifest, unloaded: set[str], asked: set[str]) -> None:
        plane = self.plane
        names = [name for name in plane.settings.only or manifest.models if name not in unloaded]
        repository = Repository(self._folder, manifest)
        refused: list[Refused] = []
        now: dict[str, ServedModel] = {}
        before: dict[str, ServedModel] = {}
        for name in names:
            model = manifest.models.get(name)
            old = plane.models.get(name)
            if model is None:
                reason = f"{self._folder / NAME} names it no more"
                refused.append(Refused(name, old.version if old else "", reason))
                if old is not None:
                    now[name] = old
                continue
            for entry, target in ((model, now), (manifest.previous.get(name), before)):
                if entry is None:
                    continue
                same = next(
                    (one for one in plane.served_models if one.name == name and one.loaded.model == entry),
                    None,
                )
                if same is not None and not (name in asked and target is now):
                    target[name] = same
                    continue
                try:
                    target[name] = await asyncio.to_thread(self._loaded, repository, name, entry)
                except CheckreaderError as error:
                    refused.append(self._refuse(Refused(name, entry.version, str(error), target is before)))
                    if target is now and old is not None:
                        now[name] = old
        self._refused = refused
        plane.swap(now, before, manifest.default if manifest.default in now else plane.default)

    def _loaded(self, repository: Repository, name: str, entry: Model) -> ServedModel:
        settings = self.plane.settings
        loaded = load(repository, name, entry, settings)
        count(self.plane.counts.loads, f"{name} ok")
        return start_serving(loaded, self.plane.counts.for_model(name, entry.version), settings)

    def _refuse(self, found: Refused) -> Refused:
        """Counts and logs it, once for the same reason."""
        if found not in self._refused:
            count(self.plane.counts.loads, f"{found.name} refused")
            _log.error("model %s version %s refused: %s", found.name, found.version, found.reason)
        return found

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            count(self.plane.counts.loads, "manifest refused")
            _log.error("%s", trouble)
        self._trouble = trouble

    def _report(self) -> WorkerReport:
        plane = self.plane
        refused = {one.name: one.reason for one in self._refused if not one.earlier}
        if self._trouble:
            refused |= {name: self._trouble for name in self._manifest.models}
        queued = {name: one.batcher.rows for name, one in plane.models.items()}
        return WorkerReport(self._done.generation, refused, queued, _resident(), plane.counts)


def stamp(folder: Path) -> Stamp:
    """Changes when the manifest does; zeros while there is none."""
    try:
        found = (folder / NAME).stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino


def _resident() -> int:
    """Bytes of this process's memory, 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
