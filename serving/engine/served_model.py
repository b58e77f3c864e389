"""A loaded model with its queue and its counters."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from serving.engine.batcher import INLINE, Batcher
from serving.engine.statistics import Statistics
from serving.errors import CheckreaderError
from serving.manifest import Model
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository
from serving.runtime.cpu import cpus
from serving.runtime.network import Spec
from serving.settings import Settings


@dataclass(frozen=True, eq=False)
class ServedModel:
    """What answers requests for one version of a model; it ends when nobody holds it any more."""

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


def load(repository: Repository, name: str, entry: Model, settings: Settings) -> LoadedModel:
    """A version of a model, checked, as the service runs it.

    Args:
        repository: where it is.
        name: of the model.
        entry: the version.
        settings: which device computes.

    Raises:
        CheckreaderError: it cannot be served, whatever the runtime or the file system raised.
    """
    try:
        # One thread: the batcher spreads what is worth it over the cores.
        return repository.load(name, threads=1, device=settings.device, tf32=settings.tf32, entry=entry)
    except CheckreaderError:
        raise
    except Exception as error:
        raise CheckreaderError(f"model {name!r}: {type(error).__name__}: {error}") from error


def start_serving(loaded: LoadedModel, statistics: Statistics, settings: Settings) -> ServedModel:
    """A model with a queue of its own.

    Args:
        loaded: the model.
        statistics: where it counts.
        settings: of the queue.
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
