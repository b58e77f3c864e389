"""The served models follow the manifest and the operator; a version that fails changes nothing."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import shutil
import weakref
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from serving.app import App, build_app
from serving.engine.hot_reload import Entry, ModelReloader
from serving.engine.worker_state import SharedState
from serving.errors import CheckreaderError, Unknown
from serving.manifest import NAME, Manifest, decode
from serving.repository.store import Repository
from serving.settings import Settings
from tests.conftest import Client
from tests.support import micr_lines
from tests.support.tiny import png, seven, write_models


class Service:
    """An application whose reloader runs, in an event loop of its own."""

    def __init__(self, app: App, runner: asyncio.Runner) -> None:
        self.app, self.reloader, self.client = app, app.reloader, Client(app, runner)
        self.reloader.interval = 0.001
        self.runner = runner
        self.task = runner.run(self._start())

    async def _start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.reloader.run())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def until(self, holds: Callable[[], bool]) -> None:
        async def wait() -> None:
            async with asyncio.timeout(20):
                while not holds():
                    await asyncio.sleep(0)

        self.run(wait())

    def version(self) -> str | None:
        return self.client("POST", "/digits", content=png(seven())).json().get("model", {}).get("version")

    def index(self) -> list[Entry]:
        return [entry for entry in self.reloader.index() if entry.name == "lenet5"]


@pytest.fixture
def service(own_models: Path) -> Iterator[Service]:
    with asyncio.Runner() as runner:
        yield Service(build_app(Settings(models=own_models)), runner)


def replaced(folder: Path, change: Callable[[dict], object]) -> None:
    """The manifest as a release replaces it."""
    content = msgspec.json.decode((folder / NAME).read_bytes())
    change(content)
    (folder / "new").write_bytes(msgspec.json.encode(content))
    (folder / "new").replace(folder / NAME)


def test_a_new_release_takes_over(service: Service, own_models: Path) -> None:
    assert service.version() == "1"
    write_models(own_models, "2")
    service.until(lambda: service.app.plane.find("lenet5").version == "2")
    assert service.version() == "2"
    assert service.client("GET", "/v2/models/lenet5/versions/1").status_code == 404
    assert service.index() == [Entry("lenet5", "2", "READY")]
    assert service.app.plane.counts.loads["lenet5 ok"] >= 1


def test_a_release_may_bring_a_model_for_micr_lines(service: Service, own_models: Path) -> None:
    line = png(micr_lines.picture())
    assert service.client("POST", "/micr", content=line).status_code == 404
    micr_lines.write_micr_models(own_models)
    service.until(lambda: micr_lines.NAME in service.app.plane.models)
    assert service.client("POST", "/micr", content=line).json()["lines"][0]["text"] == micr_lines.TEXT


def test_what_did_not_change_is_not_loaded_again(service: Service, own_models: Path) -> None:
    before = dict(service.app.plane.models)
    write_models(own_models, "2")
    replaced(own_models, lambda content: content["models"].update(one=content["models"]["lenet5-features"]))
    service.until(lambda: "one" in service.app.plane.models)
    after = service.app.plane.models
    assert after["lenet5"] is not before["lenet5"]
    # Equal entries, though of another release: not even the file was read.
    replaced(own_models, lambda content: content.update(release="9"))
    service.run(service.reloader.load("one"))
    assert service.app.plane.models["lenet5"] is after["lenet5"]


def test_a_request_finishes_on_the_old_version_which_is_then_freed(
    service: Service, own_models: Path
) -> None:
    old = service.app.plane.find("lenet5")
    network = weakref.ref(old.loaded.network)
    write_models(own_models, "2")
    service.until(lambda: service.app.plane.find("lenet5").version == "2")
    image = service.run(answered(service, old))
    assert image.shape == (1, 10)
    del old
    gc.disable()  # nothing needs the collector
    try:
        service.until(lambda: network() is None)
    finally:
        gc.enable()


async def answered(service: Service, old: Any) -> Any:
    """Submits a request to a version that was replaced."""
    return (await old.batcher.submit(np.zeros((1, 28, 28, 1), np.float32)))[0]


@pytest.mark.parametrize("damage", ["file", "golden", "onnx", "gone"])
def test_a_bad_version_is_refused_and_the_old_one_goes_on(
    service: Service, own_models: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    staged = write_models(own_models.with_name("staged"), "2")
    file = staged / "repository/lenet5/2/model.onnx"
    content = decode((staged / NAME).read_bytes())
    reason = {
        "file": "is not the file that was released",
        "golden": "is refused: for 7a.png it reads",
        "onnx": "cannot load",
        "gone": "is missing",
    }
    if damage == "file":
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    elif damage == "gone":
        file.unlink()
    elif damage == "onnx":
        file.write_bytes(b"no model")
        (artifact,) = content.models["lenet5"].artifacts
        new = msgspec.structs.replace(artifact, sha256=hashlib.sha256(b"no model").hexdigest())
        models = content.models | {
            "lenet5": msgspec.structs.replace(content.models["lenet5"], artifacts=[new])
        }
        (staged / NAME).write_bytes(msgspec.json.encode(msgspec.structs.replace(content, models=models)))
    else:  # the answers are those of another network
        other = write_models(own_models.with_name("other"), "3")
        shutil.copytree(other / "golden", staged / "golden", dirs_exist_ok=True)
        golden = decode((other / NAME).read_bytes()).golden
        (staged / NAME).write_bytes(msgspec.json.encode(msgspec.structs.replace(content, golden=golden)))
    with caplog.at_level(logging.ERROR, "checkreader"):
        shutil.copytree(staged, own_models, dirs_exist_ok=True)
        service.until(lambda: len(service.index()) > 1)
    assert service.version() == "1"
    ready, refused = service.index()
    assert ready == Entry("lenet5", "1", "READY")
    assert (refused.version, refused.state) == ("2", "UNAVAILABLE")
    assert reason[damage] in refused.reason
    (message,) = {
        record.getMessage() for record in caplog.records if "lenet5 version 2" in record.getMessage()
    }
    assert message == f"model lenet5 version 2 refused: {refused.reason}"
    reply = service.client("POST", "/v2/repository/models/lenet5/load")
    assert (reply.status_code, reply.json()["error"]) == (400, refused.reason)
    assert service.app.plane.counts.loads["lenet5 refused"] == 1  # the same reason is told once
    write_models(own_models, "2")
    assert service.client("POST", "/v2/repository/models/lenet5/load").status_code == 200
    assert service.version() == "2"


@pytest.mark.parametrize("damage", ["shape", "folder"])
def test_whatever_a_version_raises_the_others_switch(service: Service, own_models: Path, damage: str) -> None:
    staged = write_models(own_models.with_name("staged"), "2")
    if damage == "folder":
        (staged / "repository/lenet5-features/2/model.onnx").unlink()
        (staged / "repository/lenet5-features/2/model.onnx").mkdir()
    else:
        replaced(
            staged, lambda content: content["models"]["lenet5-features"]["input"].update(shape=[-1, 5, 5, 1])
        )
    shutil.copytree(staged, own_models, dirs_exist_ok=True)
    service.until(lambda: service.app.plane.find("lenet5").version == "2")
    service.until(lambda: "lenet5-features" in service.reloader.reports()[0].refused)
    assert service.app.plane.find("lenet5-features").version == "1"
    assert service.client("POST", "/v2/repository/models/lenet5/load").status_code == 200


def test_a_manifest_that_changes_while_the_service_starts_is_seen(
    own_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Repository.load

    def slow(self: Repository, name: str, *arguments: Any, **named: Any) -> Any:
        if self.manifest.models["lenet5"].version == "1":
            write_models(own_models, "2")  # after the manifest was read
        return load(self, name, *arguments, **named)

    write_models(own_models, "2")
    write_models(own_models, "1")
    kept = own_models.with_name("kept")
    shutil.copytree(own_models, kept)
    monkeypatch.setattr(
        Repository,
        "read",
        lambda self, path, sha: (
            (kept / path).read_bytes()
            if (kept / path).exists() and self.manifest.models["lenet5"].version == "1"
            else (own_models / path).read_bytes()
        ),
    )
    monkeypatch.setattr(Repository, "load", slow)
    with asyncio.Runner() as runner:
        service = Service(build_app(Settings(models=own_models)), runner)
        service.until(lambda: service.app.plane.find("lenet5").version == "2")


def test_a_worker_in_the_place_of_another_serves_what_it_can(own_models: Path, tmp_path: Path) -> None:
    shared = tmp_path / "state"
    shared.mkdir()
    settings = Settings(models=own_models)
    with asyncio.Runner() as runner:
        first = Service(build_app(settings, SharedState(shared, 0, 2)), runner)
        first.until(lambda: SharedState(shared, 0, 2).last_report() is not None)
        first.task.cancel()
        (own_models / "repository/lenet5-features/1/model.onnx").unlink()
        again = Service(build_app(settings, SharedState(shared, 0, 2)), runner)
        assert again.version() == "1"
        (entry,) = (entry for entry in again.reloader.index() if entry.name == "lenet5-features")
        assert (entry.state, "is missing" in entry.reason) == ("UNAVAILABLE", True)
        with pytest.raises(CheckreaderError, match="is missing"):
            build_app(settings, SharedState(tmp_path, 1, 2))  # the first in its place


def test_no_other_model_takes_the_place_of_an_unloaded_default(own_models: Path, tmp_path: Path) -> None:
    state = SharedState(tmp_path, 0, 2)
    state.request("lenet5", loaded=False)
    with asyncio.Runner() as runner:
        service = Service(build_app(Settings(models=own_models), state), runner)
        assert service.app.plane.default == "lenet5"
        assert service.version() is None


def test_what_was_refused_is_tried_again(service: Service, own_models: Path) -> None:
    service.reloader.retry_after = 0.0
    write_models(own_models, "2")
    file = own_models / "repository/lenet5/2/model.onnx"
    kept = file.read_bytes()
    file.unlink()
    replaced(own_models, lambda content: None)
    service.until(lambda: len(service.index()) > 1)
    file.write_bytes(kept)  # the manifest stays as it is
    service.until(lambda: service.app.plane.find("lenet5").version == "2")


@pytest.mark.parametrize("content", [b"", b'{"schema": 1, "models": {"lene', b"\xff", None])
def test_a_manifest_that_is_none(
    service: Service, own_models: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    kept = (own_models / NAME).read_bytes()
    if content is None:
        shutil.rmtree(own_models)  # the whole folder
    else:
        (own_models / NAME).write_bytes(content)
    with caplog.at_level(logging.ERROR, "checkreader"):
        service.until(lambda: service.index()[0].reason != "")
    assert len(caplog.records) == 1
    assert service.version() == "1"
    (entry,) = service.index()
    assert (entry.state, entry.version) == ("READY", "1")
    assert "what was served before still is" in entry.reason
    reply = service.client("POST", "/v2/repository/models/lenet5/load")
    assert reply.status_code == 400
    if content is not None:
        (own_models / NAME).write_bytes(kept + b" ")
        service.until(lambda: service.index() == [Entry("lenet5", "1", "READY")])


def test_unload_and_load(service: Service) -> None:
    client = service.client
    assert client("POST", "/v2/repository/models/lenet5/unload", content=b"{}").json() == {}
    assert service.index() == [Entry("lenet5", "1", "UNAVAILABLE", "unloaded")]
    assert client("POST", "/digits", content=png(seven())).status_code == 404
    listed = client("POST", "/v2/repository/index", content=b'{"ready": true}').json()
    assert [model["name"] for model in listed] == ["lenet5-features", "lenet5-field"]
    assert len(client("POST", "/v2/repository/index").json()) == 3
    assert client("GET", "/web/models.json").json()["digit"] is None
    assert client("POST", "/v2/repository/models/lenet5/load").json() == {}
    assert service.version() == "1"
    for name in ("lenet5", "lenet5-features", "lenet5-field"):
        client("POST", f"/v2/repository/models/{name}/unload")
    reply = client("GET", "/v2/health/ready")
    assert (reply.status_code, reply.json()) == (503, {"ready": False})


def test_an_unloaded_model_stays_so_over_a_release(service: Service, own_models: Path) -> None:
    service.run(service.reloader.unload("lenet5"))
    write_models(own_models, "2")
    service.until(lambda: service.app.plane.find("lenet5-features").version == "2")
    assert service.index() == [Entry("lenet5", "2", "UNAVAILABLE", "unloaded")]


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_what_cannot_be_loaded_or_unloaded(service: Service, verb: str) -> None:
    path = f"/v2/repository/models/{{}}/{verb}"
    assert service.client("POST", path.format("nope")).status_code == 404
    for body in (b"{", b"[]", b'{"parameters": {"config": "{}"}}', b"\xff"):
        assert service.client("POST", path.format("lenet5"), content=body).status_code == 400
    fine = b'{"parameters": {"unload_dependents": false}}'
    assert service.client("POST", path.format("lenet5"), content=fine).status_code == 200


def test_only_what_was_chosen_is_served(own_models: Path) -> None:
    with asyncio.Runner() as runner:
        service = Service(build_app(Settings(models=own_models, only=("lenet5",))), runner)
        write_models(own_models, "2")
        service.until(lambda: service.app.plane.find("lenet5").version == "2")
        assert list(service.app.plane.models) == ["lenet5"]
        with pytest.raises(Unknown):
            service.run(service.reloader.load("lenet5-field"))
        replaced(
            own_models,
            lambda content: content.update(
                default="lenet5-field", models={"lenet5-field": content["models"]["lenet5-field"]}
            ),
        )
        service.until(lambda: len(service.index()) > 1)
        assert "names it no more" in service.index()[1].reason
        assert service.version() == "2"  # the old version stays


def with_previous(folder: Path) -> Manifest:
    """Version 2, with 1 as the previous one and its golden set."""
    before = decode((write_models(folder) / NAME).read_bytes())
    (folder / "golden").rename(folder / "golden-1")
    golden = msgspec.structs.replace(before.golden["digits"], path="golden-1/digits.json")
    old = msgspec.structs.replace(before.models["lenet5"], golden=golden)
    new = decode((write_models(folder, "2") / NAME).read_bytes())
    both = msgspec.structs.replace(new, previous={"lenet5": old})
    (folder / NAME).write_bytes(msgspec.json.encode(both))
    return both


def test_the_previous_version_has_a_label(tmp_path: Path) -> None:
    with_previous(tmp_path)
    with asyncio.Runner() as runner:
        service = Service(build_app(Settings(models=tmp_path)), runner)
        client = service.client
        assert service.version() == "2"
        for path in ("/v1/models/lenet5/labels/previous", "/v1/models/lenet5/versions/1"):
            assert client("GET", path).json()["model_version_status"][0]["version"] == "1"
        assert (
            client("GET", "/v1/models/lenet5/labels/stable").json()["model_version_status"][0]["version"]
            == "2"
        )
        assert client("GET", "/v2/models/lenet5/versions/1/ready").status_code == 200
        assert service.index() == [Entry("lenet5", "2", "READY"), Entry("lenet5", "1", "READY")]
        reply = client("GET", "/v1/models/lenet5-field/labels/previous")
        assert reply.status_code == 404
        old = service.app.plane.previous["lenet5"]
        replaced(tmp_path, lambda content: content.update(release="9"))
        service.run(service.reloader.load("lenet5-field"))
        assert service.app.plane.previous["lenet5"] is old


def test_two_workers_switch_together(own_models: Path, tmp_path: Path) -> None:
    shared = tmp_path / "state"
    shared.mkdir()
    states = [SharedState(shared, place, 2) for place in range(2)]
    with asyncio.Runner() as runner:
        settings = Settings(models=own_models)
        first, second = (Service(build_app(settings, state), runner) for state in states)
        first.run(first.reloader.unload("lenet5"))
        assert "lenet5" not in second.app.plane.models
        second.run(second.reloader.load("lenet5"))
        assert first.version() == "1"
        second.version()
        first.until(
            lambda: (
                first.reloader.counts().for_model("lenet5", "1").accepted
                + sum(first.reloader.counts().for_model("lenet5", "1").rejected.values())
                == 2
            )
        )
        assert first.reloader.counts().starts == 2
        # A worker in the place of one that died goes on counting, and knows what is unloaded.
        first.run(first.reloader.unload("lenet5-features"))
        second.task.cancel()
        again = Service(build_app(settings, states[1]), runner)
        assert "lenet5-features" not in again.app.plane.models
        again.until(lambda: again.reloader.counts().starts == 3)
        assert sum(again.reloader.counts().requests.values()) == 2


def test_load_raises_another_workers_refusal(own_models: Path, tmp_path: Path) -> None:
    shared = tmp_path / "state"
    shared.mkdir()
    with asyncio.Runner() as runner:
        first = Service(build_app(Settings(models=own_models), SharedState(shared, 0, 2)), runner)
        second = ModelReloader(first.app.plane, Repository.open(own_models), SharedState(shared, 1, 2))
        report = second.reports()[0]
        report.generation, report.refused = 99, {"lenet5": "not on my machine"}
        second.state.publish(report)
        with pytest.raises(CheckreaderError, match="not on my machine"):
            first.run(first.reloader.load("lenet5"))


def test_a_worker_that_never_answers(own_models: Path, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        first = Service(build_app(Settings(models=own_models), SharedState(tmp_path, 0, 2)), runner)
        first.reloader.worker_timeout = 0.0
        with pytest.raises(CheckreaderError, match="not every worker has switched"):
            first.run(first.reloader.load("lenet5"))


def test_a_refused_version_is_not_hidden_by_the_one_before_it(tmp_path: Path) -> None:
    with_previous(tmp_path)
    with asyncio.Runner() as runner:
        service = Service(build_app(Settings(models=tmp_path)), runner)

        def spoil(content: dict) -> None:
            content["models"]["lenet5"] |= {"version": "3"}
            content["models"]["lenet5"]["artifacts"][0]["sha256"] = "3" * 64
            content["previous"]["lenet5"]["artifacts"][0]["sha256"] = "1" * 64

        replaced(tmp_path, spoil)
        reply = service.client("POST", "/v2/repository/models/lenet5/load")
        assert (reply.status_code, "3" * 64 in reply.json()["error"]) == (400, True)
        refused = [entry.version for entry in service.index() if entry.state == "UNAVAILABLE"]
        assert refused == ["3", "1"]
        assert service.version() == "2"
        replaced(tmp_path, lambda content: content["models"].update(lenet5=service_entry(service)))
        reply = service.client("POST", "/v2/repository/models/lenet5/load")
        assert reply.status_code == 200  # the previous version does not matter here


def service_entry(service: Service) -> Any:
    """What the manifest says of the digit model that is served."""
    return msgspec.to_builtins(service.app.plane.find("lenet5").loaded.model)
