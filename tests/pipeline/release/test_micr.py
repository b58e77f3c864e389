from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.export.formats import MICR_FORMATS
from pipeline.networks.lenet5_micr import NETWORK
from pipeline.release import digit, golden_strings, micr, release, roll_back
from pipeline.release.golden_strings import GoldenSource
from pipeline.run import Run, sha256
from serving.decoding import micr as parsing
from serving.errors import CheckreaderError
from serving.images.micr_line import normalize_micr_line
from serving.repository.store import Repository
from tests.support import tiny_micr
from tests.support.micr_lines import strip
from tests.support.paths import ROOT
from tests.support.tiny_records import SPEED, micr_records

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ("lenet5-micr", "lenet5-micr-int8")
DRAW = micr.golden_source


@pytest.fixture(scope="module", autouse=True)
def unread() -> Iterator[None]:
    """Draws lines whose text is what the tiny network reads of any: nothing."""

    def source() -> GoldenSource:
        return GoldenSource(
            micr.RELEASE.task,
            micr.RELEASE.golden,
            "line",
            normalize_micr_line,
            lambda number, rng: (strip(f"A02100002{number}A"), ""),
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(micr, "golden_source", source)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with the record of every stage; calibrated, verified, measured and timed on paper only."""
    run = tiny_micr.copied(tmp_path_factory.mktemp("finished"))
    records = micr_records()
    for stage in ("verify", "calibrate", "evaluate"):
        content = {key: value for key, value in records[stage].items() if key not in ("files", "environment")}
        run.record(stage, [], **content)
    confidence = {"scale": 1.5, "offset": -0.25}
    families = {
        name: {"calibration": {**family["calibration"], "confidence": confidence}}
        for name, family in records["calibrate"]["families"].items()
    }
    run.record("calibrate", [], data=records["calibrate"]["data"], seed=0, families=families)
    run.record("benchmark", [], formats={row.name: SPEED for row in MICR_FORMATS}, batch=16, width=640)
    return run


@pytest.fixture(scope="module")
def models(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside the models of the checkout."""
    folder = tmp_path_factory.mktemp("released") / "models"
    shutil.copytree(ROOT / "models", folder)
    release.release(finished, folder, micr.RELEASE)
    return folder


@pytest.fixture
def copy(models: Path, tmp_path: Path) -> Path:
    """To change."""
    shutil.copytree(models, tmp_path / "models")
    return tmp_path / "models"


def test_other_models_stay_as_they_are(models: Path) -> None:
    for path in (ROOT / "models").rglob("*"):
        relative = path.relative_to(ROOT / "models").as_posix()
        if path.is_file() and not re.search(r"micr|golden/line|README|manifest", relative):
            assert sha256(models / relative) == sha256(path), relative
    old, new = (Repository.open(folder).manifest for folder in (ROOT / "models", models))
    assert {name: model for name, model in new.models.items() if model.task != "micr"} == {
        name: model for name, model in old.models.items() if model.task != "micr"
    }
    assert {kind: new.golden[kind] for kind in ("digits", "fields")} == {
        kind: old.golden[kind] for kind in ("digits", "fields")
    }
    assert {**new.data, "micr": None} == {**old.data, "micr": None}


def test_manifest_and_files(models: Path, finished: Run) -> None:
    manifest = Repository.open(models).manifest
    assert manifest.data["micr"] == {"name": "printed lines"}
    for name in NAMES:
        model = manifest.models[name]
        assert (model.task, model.seed, model.sliding) == ("micr", 4, NETWORK.sliding)
        assert model.labels == [*"0123456789ABCD", "blank"]
        assert (model.confidence.scale, model.confidence.offset) == (1.5, -0.25)
        assert (model.accuracy.n, model.accuracy.data) == (815, "lines")
        for artifact in model.artifacts:
            assert artifact.path == micr.FILES[artifact.format].format(version=model.version)
            assert artifact.sha256 == sha256(models / artifact.path)
        config = (models / "repository" / name / "config.pbtxt").read_text()
        assert 'name: "image" data_type: TYPE_FP32 dims: [32, -1, 1]' in config
        assert 'name: "probabilities" data_type: TYPE_FP32 dims: [-1, 15]' in config
    assert [entry.max_error for entry in manifest.models["lenet5-micr"].thresholds] == [0.02]
    assert manifest.models["lenet5-micr-int8"].thresholds == []
    assert (models / "records/micr/calibrate.json").is_file()
    assert sum(path.stat().st_size for path in models.rglob("*") if path.is_file()) < 20_000_000
    assert "## `lenet5-micr`: the MICR line" in (models / "README.md").read_text()


@pytest.mark.parametrize("runtime", ["onnxruntime", "litert"])
@pytest.mark.parametrize("name", [*NAMES, "lenet5-field"])
def test_service_takes_it(models: Path, name: str, runtime: str) -> None:
    assert Repository.open(models).load(name, runtime).model.version


def test_a_network_that_answers_otherwise_is_refused(copy: Path) -> None:
    path = copy / "golden" / "lines.json"
    golden = json.loads(path.read_text())
    golden["fields"][0]["expected"]["lenet5-micr"]["onnx_float32"]["probabilities"][0] -= 0.1
    path.write_text(json.dumps(golden))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["golden"]["lines"]["sha256"] = sha256(path)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckreaderError, match=r"line-a\.png its probabilities are off by 0\.1"):
        Repository.open(copy).load("lenet5-micr")


def test_the_version_before_is_kept_and_comes_back(copy: Path, finished: Run) -> None:
    before = Repository.open(copy).model("lenet5-micr").version
    release.release(finished, copy, micr.RELEASE, keep_previous=True)
    repository = Repository.open(copy)
    old = repository.manifest.previous["lenet5-micr"]
    assert (old.version, old.golden.path) == (before, "golden/previous/lines.json")
    assert repository.load("lenet5-micr", entry=old).model.version == before
    assert repository.model("lenet5-micr").version == str(int(before) + 1)
    assert roll_back.roll_back(copy).models["lenet5-micr"].version == before
    assert Repository.open(copy).load("lenet5-micr").model.version == before


def test_a_release_of_digits_leaves_the_lines(copy: Path, digit_run: Run, real_digits: None) -> None:
    before = Repository.open(copy).manifest
    release.release(digit_run, copy, digit.RELEASE)
    after = Repository.open(copy).manifest
    assert after.golden["lines"] == before.golden["lines"]
    assert after.golden["fields"] == before.golden["fields"]
    assert (after.data["micr"], after.data["field"]) == (before.data["micr"], before.data["field"])
    assert Repository.open(copy).load("lenet5-micr-int8").model.task == "micr"
    assert "## `lenet5-micr`" in (copy / "README.md").read_text()


def test_into_a_folder_of_its_own(finished: Run, tmp_path: Path) -> None:
    """No other model needs to be there first."""
    release.release(finished, tmp_path / "models", micr.RELEASE)
    repository = Repository.open(tmp_path / "models")
    assert (set(repository.manifest.models), repository.manifest.default) == (set(NAMES), "lenet5-micr")
    assert repository.load("lenet5-micr").model.version == "1"


def test_golden_lines_fit_a_layout_and_are_not_large() -> None:
    source = DRAW()
    drawn = [source.draw(0, np.random.default_rng([0, attempt])) for attempt in range(60)]
    lines = [line for line in drawn if line is not None]
    assert lines
    for picture, text in lines:
        assert picture.shape[1] <= 900
        assert parsing.parse(text).country is not None
    assert golden_strings.pictures(b'{"fields": []}') == []
