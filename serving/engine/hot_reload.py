"""Hot reload: keeps the served models as the manifest and the operator want them, without a request noticing.

When the manifest changes, each new version is loaded while the old one serves, its hash checked, warmed and checked
against the golden set; it takes the old one's place between two requests, and requests on the old one finish with
it. A version that fails is refused, the reason logged and shown in the index, and the old one stays.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from serving.engine.dataplane import DataPlane
from serving.engine.served_model import RefusedVersion, ServedModel, load_model, load_models
from serving.engine.statistics import Counts, count
from serving.engine.worker_state import SharedState, WorkerReport, total_counts
from serving.errors import CheckreaderError, Unknown
from serving.manifest import NAME, Manifest, Model
from serving.repository.store import Repository

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


class ModelReloader:
    """Polls the manifest and the operator's requests, and reloads models; one per worker.

    Args:
        plane: serves the models.
        repository: the release that was loaded at the start.
        state: shared with the other workers.
        on_release: is called with each new release.
        manifest_stamp: the manifest's `stamp` before it was read, so that no change is missed; None: as it is now.
        refused: versions that could not be loaded at the start.
        interval: s between two polls.
        retry_after: s until a refused version is tried again: a file may have been restored since.
        worker_timeout: s that `load` and `unload` wait for all workers.
    """

    def __init__(
        self,
        plane: DataPlane,
        repository: Repository,
        state: SharedState | None = None,
        on_release: Callable[[Repository], object] | None = None,
        manifest_stamp: Stamp | None = None,
        refused: Sequence[RefusedVersion] = (),
        interval: float = 0.1,
        retry_after: float = 10.0,
        worker_timeout: float = 60.0,
    ) -> None:
        self.plane = plane
        self.state = state or SharedState()
        self.interval = interval
        self.retry_after = retry_after
        self.worker_timeout = worker_timeout
        self._on_release = on_release
        self._folder = repository.folder
        self._manifest = repository.manifest
        self._refused = list(refused)
        self._manifest_error = ""
        self._applied = self.state.desired()
        self._stamp = stamp(self._folder) if manifest_stamp is None else manifest_stamp
        self._last_attempt = 0.0
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Polls until it is cancelled."""
        while True:
            try:
                await self.poll()
            except Exception:  # whatever it is, the served models stay
                _log.exception("keeping the models up to date failed")
            await asyncio.sleep(self.interval)

    async def poll(self) -> None:
        """Applies what has changed since the last poll, and publishes this worker's report."""
        async with self._lock:
            await self._apply_changes()
            self.state.publish(self._report())

    async def load(self, name: str) -> None:
        """Loads a model again in every worker, from the manifest as it is now.

        Raises:
            Unknown: the manifest has none of that name.
            CheckreaderError: it was refused; the version before is still served.
        """
        manifest = (await asyncio.to_thread(Repository.open, self._folder)).manifest
        allowed = self.plane.settings.only or tuple(manifest.models)
        if name not in manifest.models or name not in allowed:
            raise Unknown(f"unknown model {name!r}: {self._folder / NAME} has {', '.join(allowed)}")
        await self._wait_for_workers(name, self.state.request(name, loaded=True))

    async def unload(self, name: str) -> None:
        """Stops serving a model in every worker, until it is loaded again.

        Raises:
            Unknown: there is none of that name.
        """
        if name not in self._manifest.models:
            raise Unknown(f"unknown model {name!r}; there are {', '.join(self._manifest.models)}")
        await self._wait_for_workers(name, self.state.request(name, loaded=False))

    def index(self) -> list[Entry]:
        """Returns every version that is served, was refused, or is unloaded."""
        entries = []
        refused_names = (version.name for version in self._refused)
        for name in dict.fromkeys((*self._manifest.models, *self.plane.models, *refused_names)):
            current, previous = self.plane.models.get(name), self.plane.previous.get(name)
            refused = [version for version in self._refused if version.name == name]
            if current is not None:
                entries.append(Entry(name, current.version, "READY", self._manifest_error))
            if previous is not None:
                entries.append(Entry(name, previous.version, "READY"))
            entries += [Entry(name, version.version, "UNAVAILABLE", version.reason) for version in refused]
            if current is None and not refused:
                reason = "unloaded" if name in self._applied.unloaded else "not among the models to serve"
                entries.append(Entry(name, self._manifest.models[name].version, "UNAVAILABLE", reason))
        return entries

    def reports(self) -> list[WorkerReport]:
        """Returns the reports of all workers, this one's first.

        This one's is published too, so that the counts a client has seen outlast this process.
        """
        report = self._report()
        self.state.publish(report)
        return [report, *(other for other in self.state.other_reports() if other is not None)]

    def counts(self) -> Counts:
        """Returns the counts of all workers together."""
        return total_counts(self.reports())

    async def _wait_for_workers(self, name: str, generation: int) -> None:
        """Carries out a request and waits until all workers have.

        Raises:
            CheckreaderError: a worker refused the model, or `worker_timeout` has run out.
        """
        await self.poll()
        end = time.monotonic() + self.worker_timeout
        while True:
            reports = [self._report(), *self.state.other_reports()]
            ready = [report for report in reports if report is not None and report.generation >= generation]
            if len(ready) == len(reports):
                break
            if time.monotonic() > end:
                raise CheckreaderError(
                    f"model {name!r}: not every worker has switched within {self.worker_timeout:g} s"
                )
            await asyncio.sleep(self.interval)
        for report in ready:
            if name in report.refused:
                raise CheckreaderError(report.refused[name])

    async def _apply_changes(self) -> None:
        new_stamp, desired = stamp(self._folder), self.state.desired()
        failed = self._refused or self._manifest_error
        retry = failed and time.monotonic() - self._last_attempt > self.retry_after
        if new_stamp == self._stamp and desired == self._applied and not retry:
            return
        self._stamp, self._last_attempt = new_stamp, time.monotonic()
        try:
            manifest = (await asyncio.to_thread(Repository.open, self._folder)).manifest
        except (CheckreaderError, OSError) as error:
            self._log_manifest_error(f"{error}; what was served before still is")
            manifest = self._manifest
        else:
            self._manifest_error = ""
        reloads = {name for name, when in desired.reloads.items() if when > self._applied.generation}
        await self._apply_manifest(manifest, desired.unloaded, reloads)
        before, self._manifest, self._applied = self._manifest, manifest, desired
        if self._on_release is not None and manifest != before:
            await asyncio.to_thread(self._on_release, Repository(self._folder, manifest))

    async def _apply_manifest(
        self, manifest: Manifest, unloaded: Collection[str], reloads: Collection[str]
    ) -> None:
        """Loads what is new in a manifest or to be reloaded, and switches to it."""
        plane, repository = self.plane, Repository(self._folder, manifest)

        def load(name: str, entry: Model) -> ServedModel:
            reload = name in reloads and entry is manifest.models[name]
            for served in plane.served_models:
                if served.name == name and served.loaded.model == entry and not reload:
                    return served
            if plane.stopping:
                raise CheckreaderError("the service is stopping")
            served = load_model(repository, plane.counts, plane.settings, name, entry)
            count(plane.counts.loads, f"{name} ok")
            return served

        models, previous, refused = await asyncio.to_thread(
            load_models, repository, plane.settings, load, unloaded, plane.models
        )
        for version in refused:
            if version.name in manifest.models:
                self._log_refused(version)
        self._refused = refused
        plane.swap(models, previous, manifest.default if manifest.default in models else plane.default)

    def _log_refused(self, version: RefusedVersion) -> None:
        """Counts and logs a refused version, once for the same reason."""
        if version not in self._refused:
            count(self.plane.counts.loads, f"{version.name} refused")
            _log.error("model %s version %s refused: %s", version.name, version.version, version.reason)

    def _log_manifest_error(self, message: str) -> None:
        """Counts and logs an error in the manifest as a whole, once for the same message."""
        if message != self._manifest_error:
            count(self.plane.counts.loads, "manifest refused")
            _log.error("%s", message)
        self._manifest_error = message

    def _report(self) -> WorkerReport:
        plane = self.plane
        refused = {version.name: version.reason for version in self._refused if not version.earlier}
        if self._manifest_error:
            refused |= {name: self._manifest_error for name in self._manifest.models}
        queued = {name: served.batcher.queued_rows for name, served in plane.models.items()}
        return WorkerReport(self._applied.generation, refused, queued, _resident(), plane.counts)


def stamp(folder: Path) -> Stamp:
    """Returns a value that changes when the manifest does: its mtime, size and inode, zeros while there is none."""
    try:
        status = (folder / NAME).stat()
    except OSError:
        return 0, 0, 0
    return status.st_mtime_ns, status.st_size, status.st_ino


def _resident() -> int:
    """Returns the bytes of this process's memory, 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
