"""Loading of the versions that a manifest names: all or as many as can be, at the start and at a reload."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from serving.engine.served_model import RefusedVersion, add_queue, load_model, load_models
from serving.engine.statistics import Counts, Statistics
from serving.errors import Busy, CheckreaderError
from serving.manifest import Model
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository
from serving.runtime.network import Network, Spec
from serving.settings import Settings

INPUT = Spec("image", "FP32", (-1, 1))


def fake(name: str, version: str) -> Any:
    return SimpleNamespace(name=name, version=version)


def loader(*broken: tuple[str, str]) -> Callable[[str, Model], Any]:
    """Loads every version but the broken ones."""

    def load(name: str, entry: Model) -> Any:
        if (name, entry.version) in broken:
            raise CheckreaderError(f"{name} {entry.version} is broken")
        return fake(name, entry.version)

    return load


@pytest.fixture
def repository(models: Path) -> Repository:
    """Version 2 of "lenet5", with 1 before it, and version 1 of the others."""
    repository = Repository.open(models)
    manifest = repository.manifest
    old = manifest.models["lenet5"]
    new = manifest.models | {"lenet5": msgspec.structs.replace(old, version="2")}
    return Repository(models, msgspec.structs.replace(manifest, models=new, previous={"lenet5": old}))


def versions(models: dict[str, Any]) -> dict[str, str]:
    return {name: model.version for name, model in models.items()}


def test_current_and_previous_versions(repository: Repository) -> None:
    models, previous, refused = load_models(repository, Settings(), loader())
    assert versions(models) == {"lenet5": "2", "lenet5-features": "1", "lenet5-field": "1"}
    assert versions(previous) == {"lenet5": "1"}
    assert refused == []


def test_only_the_named_models_that_are_not_unloaded(repository: Repository) -> None:
    settings = Settings(only=("lenet5-field", "lenet5"))
    models, previous, _ = load_models(repository, settings, loader(), unloaded=["lenet5"])
    assert (list(models), list(previous)) == (["lenet5-field"], [])


@pytest.mark.parametrize("running", [{}, {"lenet5": fake("lenet5", "0")}])
def test_a_broken_version_is_refused_and_the_running_one_stays(
    repository: Repository, running: dict[str, Any]
) -> None:
    loaded = load_models(repository, Settings(), loader(("lenet5", "2")), running=running)
    assert loaded.refused == [RefusedVersion("lenet5", "2", "lenet5 2 is broken")]
    assert loaded.models.get("lenet5") is running.get("lenet5")
    assert versions(loaded.previous) == {"lenet5": "1"}


def test_a_broken_previous_version_does_not_touch_the_current(repository: Repository) -> None:
    models, previous, refused = load_models(repository, Settings(), loader(("lenet5", "1")))
    assert (models["lenet5"].version, previous) == ("2", {})
    assert refused == [RefusedVersion("lenet5", "1", "lenet5 1 is broken", earlier=True)]


def test_a_model_that_the_manifest_names_no_more(repository: Repository) -> None:
    running = {"lenet6": fake("lenet6", "3")}
    loaded = load_models(repository, Settings(only=("lenet6",)), loader(), running=running)
    assert loaded.models == running
    ((name, version, reason, earlier),) = loaded.refused
    assert (name, version, earlier) == ("lenet6", "3", False)
    assert reason == f"{repository.folder / 'manifest.json'} names it no more"


def test_a_strict_start_raises_the_first_error(repository: Repository) -> None:
    with pytest.raises(CheckreaderError, match="lenet5-features 1 is broken"):
        load_models(repository, Settings(), loader(("lenet5-features", "1")), strict=True)


def test_a_loaded_model_computes_and_counts(models: Path) -> None:
    repository, counts = Repository.open(models), Counts()
    served = load_model(repository, counts, Settings(), "lenet5", repository.model("lenet5"))
    assert (served.name, served.version, list(served.outputs)) == ("lenet5", "1", ["probabilities"])

    async def submit() -> Any:
        return await served.batcher.submit(np.zeros((3, 28, 28, 1), np.float32))

    with asyncio.Runner() as runner:
        (probabilities,) = runner.run(submit())
    assert probabilities.shape == (3, 10)
    assert counts.for_model("lenet5", "1").rows == 3


def test_whatever_loading_raises_is_one_kind_of_error(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> LoadedModel:
        raise OSError("the disk is on fire")

    monkeypatch.setattr(Repository, "load", fail)
    repository = Repository.open(models)
    load = partial(load_model, repository, Counts(), Settings())
    with pytest.raises(CheckreaderError, match="model 'lenet5': OSError: the disk is on fire"):
        load("lenet5", repository.model("lenet5"))


@pytest.mark.parametrize(("device", "in_the_loop"), [("cpu", True), ("cuda", False)])
def test_short_batches_run_in_the_event_loop_on_a_cpu_alone(
    repository: Repository, device: str, in_the_loop: bool
) -> None:
    threads: list[int] = []

    def run(image: np.ndarray) -> tuple[np.ndarray, ...]:
        threads.append(threading.get_ident())
        return (image + 1,)

    model = repository.model("lenet5")
    network = Network(INPUT, (INPUT,), run, device)
    served = add_queue(LoadedModel("tiny", model, model.artifacts[0], network), Statistics(), Settings())

    async def submit() -> None:
        served.batcher.row_cost = 1.0
        await served.batcher.submit(np.zeros((1, 1), np.float32))

    with asyncio.Runner() as runner:
        runner.run(submit())
    assert (threads == [threading.get_ident()]) is in_the_loop


def test_the_queue_has_the_limits_of_the_settings(repository: Repository) -> None:
    model = repository.model("lenet5")
    network = Network(INPUT, (INPUT,), lambda image: (image,))
    loaded = LoadedModel("tiny", model, model.artifacts[0], network)
    batcher = add_queue(loaded, Statistics(), Settings(queue_rows=3)).batcher

    async def submit() -> None:
        batcher.submit(np.zeros((2, 1), np.float32))
        with pytest.raises(Busy, match="2 rows are waiting"):
            batcher.submit(np.zeros((2, 1), np.float32))

    with asyncio.Runner() as runner:
        runner.run(submit())
