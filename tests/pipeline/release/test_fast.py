"""The folded network among the other models: neither release touches what the other brought."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pipeline.release import digit, fast, release
from pipeline.run import STAGES, Run, sha256, write_json
from serving.app import build_app
from serving.errors import CheckreaderError
from serving.manifest import Threshold
from serving.repository.store import Repository
from serving.settings import Settings
from tests.conftest import Client
from tests.support import tiny_run
from tests.support.paths import ROOT
from tests.support.tiny_release import finish, training_pictures_as_drawings

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

MODELS = ("lenet5-fast", "lenet5-fast-int8")


@pytest.fixture(scope="module")
def fast_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("fast") / "run"
    shutil.copytree(tiny_run.fast().path, folder)
    for stage, threshold in (("train", 0.75), ("quantize", 0.5)):  # so small a network comes to none
        path = folder / f"{stage}.json"
        record = json.loads(path.read_text())
        calibrated = Threshold(0.01, threshold, error=0.0, low=0.0, high=0.01, accepted=0.9, n=300)
        record["calibration"]["thresholds"] = [msgspec.to_builtins(calibrated)]
        write_json(path, record)
    return finish(Run(folder), "fast")


@pytest.fixture(scope="module", autouse=True)
def real_digits(fast_run: Run, digit_run: Run) -> Iterator[None]:
    """Takes the place of drawings once the runs are measured."""
    with training_pictures_as_drawings():
        yield


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout's models, without folded ones."""
    folder = tmp_path_factory.mktemp("before") / "models"
    shutil.copytree(ROOT / "models", folder)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in MODELS:
        manifest["models"].pop(name, None)
        shutil.rmtree(folder / "repository" / name, ignore_errors=True)
    manifest["data"].pop("fast", None)
    write_json(path, manifest)
    for left in ("records/fast", "golden/fast"):
        shutil.rmtree(folder / left, ignore_errors=True)
    return folder


@pytest.fixture(scope="module")
def models(before: Path, fast_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released") / "models"
    shutil.copytree(before, folder)
    release.release(fast_run, folder, fast.RELEASE)
    return folder


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): sha256(path) for path in folder.rglob("*") if path.is_file()}


def test_all_else_stays_as_it_is(before: Path, models: Path) -> None:
    old, new = files(before), files(models)
    assert {path for path in old if new.get(path) != old[path]} == {"manifest.json", "README.md"}
    first, second = Repository.open(before).manifest, Repository.open(models).manifest
    assert {name: model for name, model in second.models.items() if name not in MODELS} == first.models
    assert (second.golden, second.default, second.previous) == (first.golden, "lenet5", first.previous)
    assert {name: entry for name, entry in second.data.items() if name != "fast"} == first.data


def test_it_brings_two_onnx_files_and_what_belongs_to_them(before: Path, models: Path) -> None:
    assert set(files(models)) - set(files(before)) == {
        *(f"repository/{name}/1/model.onnx" for name in MODELS),
        *(f"repository/{name}/{beside}" for name in MODELS for beside in ("config.pbtxt", "labels.txt")),
        *(f"records/fast/{stage}.json" for stage in STAGES),
        *(f"golden/fast/{digit}a.png" for digit in range(5)),
        "golden/fast/digits.json",
    }


def test_manifest(models: Path, fast_run: Run) -> None:
    manifest = Repository.open(models).manifest
    for name, stage, threshold in zip(MODELS, ("train", "quantize"), (0.75, 0.5), strict=True):
        model, calibration = manifest.models[name], fast_run.require(stage)["calibration"]
        assert (model.version, model.task, len(model.artifacts)) == ("1", "digit", 1)
        assert model.temperature == calibration["temperature"]
        assert [entry.threshold for entry in model.thresholds] == [threshold]
        assert model.accuracy.value == fast_run.require("evaluate")["families"][name]["accuracy"]["value"]
        assert model.golden.path == "golden/fast/digits.json"
    assert manifest.data["fast"] == fast_run.require("train")["data"]
    assert "data_dir" not in json.loads((models / "records/fast/train.json").read_text())


def test_the_service_reads_with_it(models: Path) -> None:
    settings = Settings(models=models)
    with asyncio.Runner() as runner:
        client = Client(build_app(settings), runner)
        for name in (*MODELS, "lenet5"):
            picture = (models / "golden" / ("4a.png" if name == "lenet5" else "fast/4a.png")).read_bytes()
            reply = client("POST", f"/digits?model={name}", content=picture).json()
            assert (reply["model"]["name"], reply["digits"][0]["digit"]) == (name, 4)


def test_a_network_that_answers_otherwise_is_refused(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    path, manifest = folder / "golden/fast/digits.json", json.loads((folder / "manifest.json").read_text())
    golden = json.loads(path.read_text())
    golden["digits"][3]["expected"]["lenet5-fast"]["onnx_float32"].reverse()
    path.write_text(json.dumps(golden))
    for name in MODELS:
        manifest["models"][name]["golden"]["sha256"] = sha256(path)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckreaderError, match=r"model 'lenet5-fast' .* is refused: for 3a\.png it reads"):
        Repository.open(folder).load("lenet5-fast")
    assert Repository.open(folder).load("lenet5-fast-int8").model.version == "1"


def test_the_card_speaks_of_it(models: Path, fast_run: Run) -> None:
    text = (models / "README.md").read_text()
    top = fast_run.require("evaluate")["families"]["lenet5-fast-int8"]["accuracy"]
    assert f"kB, {top['value']:.2%} (95 % interval {top['low']:.2%}–{top['high']:.2%})" in text
    assert "`repository/lenet5-fast/1/model.onnx`" in text


def test_a_release_of_digits_leaves_it(models: Path, digit_run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    release.release(digit_run, folder, digit.RELEASE)
    old, new = Repository.open(models), Repository.open(folder)
    assert int(new.model("lenet5").version) == int(old.model("lenet5").version) + 1
    assert new.manifest.data["fast"] == old.manifest.data["fast"]
    for name in MODELS:
        assert new.model(name) == old.model(name)
        assert new.load(name).model.version == "1"
    kept = {path for path in files(models) if "fast" in path or "field" in path}
    assert {path: files(folder).get(path) for path in kept} == {path: files(models)[path] for path in kept}
    assert "## `lenet5-fast`" in (folder / "README.md").read_text()
    assert new.load("lenet5").model.version == new.model("lenet5").version


def test_versions_are_its_own_and_the_one_before_may_stay(
    models: Path, fast_run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    lenet5 = Repository.open(models).model("lenet5")
    release.release(fast_run, folder, fast.RELEASE, keep_previous=True)
    repository = Repository.open(folder)
    old, new = repository.manifest.previous["lenet5-fast"], repository.model("lenet5-fast")
    assert (old.version, new.version, repository.model("lenet5")) == ("1", "2", lenet5)
    assert old.golden.path == "golden/previous/fast/digits.json"
    assert repository.load("lenet5-fast", entry=old).model.version == "1"
    release.release(fast_run, folder, fast.RELEASE)
    repository = Repository.open(folder)
    assert repository.manifest.previous == Repository.open(models).manifest.previous
    assert [path.name for path in (folder / "repository/lenet5-fast").glob("*/")] == ["3"]
    assert not (folder / "golden/previous/fast/digits.json").exists()
    assert {re.sub("(fast.*)/3/", r"\1/1/", path) for path in files(folder)} == set(files(models))


def test_into_a_folder_of_its_own(fast_run: Run, tmp_path: Path) -> None:
    """No digit model needs to be there first."""
    folder = tmp_path / "models"
    release.release(fast_run, folder, fast.RELEASE)
    repository = Repository.open(folder)
    assert (set(repository.manifest.models), repository.manifest.default) == (
        {"lenet5-fast", "lenet5-fast-int8"},
        "lenet5-fast",
    )
    for name in repository.manifest.models:
        assert repository.load(name).model.version == "1"
    text = (folder / "README.md").read_text()
    assert "`repository/lenet5-fast/1/model.onnx`" in text
    assert "lenet5-features" not in text


def test_a_format_that_was_refused_is_not_released(fast_run: Run, models: Path, tmp_path: Path) -> None:
    shutil.copytree(fast_run.path, tmp_path / "run")
    run = Run(tmp_path / "run")
    record = run.require("export")
    kept = {key: record[key] for key in ("data", "formats", "temperature")}
    run.record("export", list(record["files"]), refused={"onnx_int8": "operator TANH"}, **kept)
    with pytest.raises(
        CheckreaderError, match="not released: onnx_int8 could not be exported: operator TANH"
    ):
        release.release(run, models, fast.RELEASE)
