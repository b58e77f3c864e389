"""Models as the service runs them, each with a queue and counters, and loading them at the start and at a reload."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from serving.engine.batcher import INLINE, Batcher
from serving.engine.statistics import Counts, Statistics
from serving.errors import CheckreaderError
from serving.manifest import NAME, Model
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository
from serving.runtime.cpu import cpus
from serving.runtime.network import Spec
from serving.settings import Settings


@dataclass(frozen=True, eq=False)
class ServedModel:
    """Answers requests for one version of a model; it is freed when no request refers to it any more."""

    loaded: LoadedModel
    batcher: Batcher
    statistics: Statistics

    @functools.cached_property
    def name(self) -> str:
        return self.loaded.name

    @functools.cached_property
    def version(self) -> str:
        return self.loaded.model.version

    @functools.cached_property
    def outputs(self) -> dict[str, Spec]:
        return {spec.name: spec for spec in self.loaded.network.outputs}


class RefusedVersion(NamedTuple):
    """A version that cannot be served, and the reason; `earlier` marks the one before the current."""

    name: str
    version: str
    reason: str
    earlier: bool = False


class LoadedRelease(NamedTuple):
    """The versions that a manifest names, as far as they could be loaded; `models` and `previous` are by model."""

    models: dict[str, ServedModel]
    previous: dict[str, ServedModel]
    refused: list[RefusedVersion]


def load_models(
    repository: Repository,
    settings: Settings,
    load: Callable[[str, Model], ServedModel],
    unloaded: Collection[str] = (),
    running: Mapping[str, ServedModel] | None = None,
    strict: bool = False,
) -> LoadedRelease:
    """Loads the current and the previous version of each model that is to be served.

    Args:
        repository: names the versions in its manifest.
        settings: names the models to serve.
        load: loads a version of a model, or raises CheckreaderError.
        unloaded: models that the operator unloaded.
        running: the models that are served now; they go on where a newer version is refused.
        strict: raises the first error instead of refusing the version.

    Raises:
        CheckreaderError: `strict`, and a version cannot be loaded.
    """
    manifest, running = repository.manifest, running or {}
    models: dict[str, ServedModel] = {}
    previous: dict[str, ServedModel] = {}
    refused: list[RefusedVersion] = []
    for name in settings.only or manifest.models:
        if name in unloaded:
            continue
        fallback = running.get(name)
        if name not in manifest.models:
            reason = f"{repository.folder / NAME} names it no more"
            refused.append(RefusedVersion(name, fallback.version if fallback else "", reason))
            if fallback is not None:
                models[name] = fallback
            continue
        for entry, versions in ((manifest.models[name], models), (manifest.previous.get(name), previous)):
            if entry is None:
                continue
            try:
                versions[name] = load(name, entry)
            except CheckreaderError as error:
                if strict:
                    raise
                refused.append(RefusedVersion(name, entry.version, str(error), versions is previous))
                if versions is models and fallback is not None:
                    models[name] = fallback
    return LoadedRelease(models, previous, refused)


def load_model(
    repository: Repository, counts: Counts, settings: Settings, name: str, entry: Model
) -> ServedModel:
    """Loads a version of a model, checks it against its golden set and gives it a queue.

    Raises:
        CheckreaderError: it cannot be served, whatever the runtime or the file system raised.
    """
    try:
        # One thread: the batcher spreads over the cores what is worth it.
        loaded = repository.load(name, threads=1, device=settings.device, tf32=settings.tf32, entry=entry)
    except CheckreaderError:
        raise
    except Exception as error:
        raise CheckreaderError(f"model {name!r}: {type(error).__name__}: {error}") from error
    return add_queue(loaded, counts.for_model(name, entry.version), settings)


def add_queue(loaded: LoadedModel, statistics: Statistics, settings: Settings) -> ServedModel:
    """Gives a loaded model a queue of its own.

    Args:
        loaded: the model.
        statistics: its counters.
        settings: the queue's limits.
    """
    cpu = loaded.network.device == "cpu"
    lanes = cpus() if cpu else 1
    batcher = Batcher(
        loaded.network.run,
        ThreadPoolExecutor(lanes, f"checkreader-{loaded.name}"),
        lanes,
        statistics,
        settings.batch_rows,
        settings.queue_rows,
        settings.batch_delay,
        # A GPU may tune itself for a batch of a new size, which takes seconds.
        INLINE if cpu else 0,
    )
    return ServedModel(loaded, batcher, statistics)
