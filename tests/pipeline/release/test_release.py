import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import digits as data
from pipeline.evaluation import digit as evaluate
from pipeline.export.formats import FOLDER, FORMATS
from pipeline.release import artifacts, golden_digits, model_card, release
from pipeline.release import digit as digit_release
from pipeline.run import STAGES, Run, write_json
from pipeline.run import sha256 as checksum
from pipeline.synthesis import digit_drawing
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from tests.support.tiny_run import copied

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),
]


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("digits")


@pytest.fixture(scope="module")
def finished(digits: data.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with the record of every stage; verified and timed on paper only."""
    run = copied(tmp_path_factory.mktemp("finished"))
    run.record("verify", [], passed=True, broken=[])
    speed = {"p50_ms": 0.5, "images_per_second": 1234.5, "peak_mb": 70.4}
    run.record("benchmark", [], formats={row.name: speed for row in FORMATS})
    evaluate.evaluate(run, digits.test, "digits")
    return run


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A copy to spoil."""
    shutil.copytree(finished.path, tmp_path / "runs" / "mine")
    return Run(tmp_path / "runs" / "mine")


@pytest.fixture(scope="module")
def real_digits(digits: data.Dataset):
    """What stands in for drawings: a network of a few seconds reads only what it was trained on."""

    def digit(value: int, rng: np.random.Generator, side: int = 96) -> np.ndarray:
        images = digits.train.images[digits.train.labels == value]
        return np.asarray(255 - images[rng.integers(len(images))])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digit_drawing, "digit", digit)
        yield


@pytest.fixture(scope="module")
def models(finished: Run, real_digits: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released") / "models"
    release.release(finished, folder)
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_evaluated(finished: Run) -> None:
    found = finished.require("evaluate")
    assert set(found["families"]) == {"lenet5", "lenet5-int8"}
    assert set(found["formats"]) == {row.name for row in FORMATS if row.model != "lenet5-features"}
    for family in found["families"].values():
        assert family["nondigits"]["n"] == 1_000
        assert found["formats"][family["format"]] == family["accuracy"]
        assert family["accuracy"]["data"] == "digits test"
        assert family["accuracy"]["value"] > 0.5


def test_files(models: Path) -> None:
    repository = Repository.open(models)
    listed = {one.path for model in repository.manifest.models.values() for one in model.artifacts}
    assert listed == {path.format(version=1) for path in artifacts.DIGIT_RELEASED.values()} | {
        "edge/lenet5-int8.h"
    }
    beside = files(models) - listed - {f"golden/{digit}{which}.png" for digit in range(10) for which in "ab"}
    assert beside == {
        "manifest.json",
        "README.md",
        "golden/digits.json",
        "readings.png",
        *(f"records/{stage}.json" for stage in STAGES),
        *(f"repository/{name}/config.pbtxt" for name in ("lenet5", "lenet5-int8", "lenet5-features")),
        *(f"repository/{name}/labels.txt" for name in ("lenet5", "lenet5-int8")),
    }


def test_manifest(models: Path, finished: Run) -> None:
    manifest = Repository.open(models).manifest
    records = {stage: finished.require(stage) for stage in STAGES}
    for name, stage in (("lenet5", "train"), ("lenet5-int8", "quantize")):
        model = manifest.models[name]
        calibration = records[stage]["calibration"]
        assert model.temperature == calibration["temperature"]
        assert [entry.threshold for entry in model.thresholds] == [
            entry["threshold"] for entry in calibration["thresholds"]
        ]
        assert model.accuracy.value == records["evaluate"]["families"][name]["accuracy"]["value"]
        assert model.accuracy.data == "digits test"
    for model in manifest.models.values():
        assert (model.version, model.seed) == ("1", 0)
        for artifact in model.artifacts:
            assert artifact.sha256 == checksum(models / artifact.path)
            assert artifact.bytes == (models / artifact.path).stat().st_size
    assert manifest.data == records["train"]["data"]
    assert "tensorflow" in manifest.tool_versions


@pytest.mark.parametrize(
    ("name", "runtime"),
    [("lenet5", "onnxruntime"), ("lenet5-int8", "onnxruntime"), ("lenet5-features", "onnxruntime"),
     ("lenet5", "litert"), ("lenet5-int8", "litert")],
)  # fmt: skip
def test_service_takes_it(models: Path, name: str, runtime: str) -> None:
    loaded = Repository.open(models).load(name, runtime)
    assert loaded.network.run(np.zeros((1, 28, 28, 1), np.float32))


def test_records_name_no_path_of_the_machine(models: Path) -> None:
    assert "data_dir" not in json.loads((models / "records" / "train.json").read_text())


def test_card(models: Path) -> None:
    found = model_card.records(models / "records")
    text = (models / "README.md").read_text()
    assert text == model_card.model_card(found, Repository.open(models).manifest)
    assert model_card.format_table(found) in text
    assert model_card.threshold_table(found) in text
    accuracy = found["evaluate"]["families"]["lenet5-int8"]["accuracy"]
    assert f"`lenet5-int8`: {accuracy['value']:.2%} (95 % interval" in text


def test_next_release_takes_the_place_of_the_last(
    models: Path, finished: Run, real_digits, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    assert release.release(finished, folder)["models"]["lenet5"]["version"] == "2"
    assert {path.name for path in (folder / "repository").glob("*/*/")} == {"2"}
    assert Repository.open(folder).load("lenet5").model.version == "2"
    assert {path.replace("/2/", "/1/") for path in files(folder)} == files(models)


def test_a_field_model_stays_as_it_is(
    models: Path, finished: Run, real_digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipeline.release.field_card.section", lambda found: f"fields: {found['train']['preset']}"
    )
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    field = {**manifest["models"]["lenet5"], "task": "field", "version": "7"}
    manifest["models"]["lenet5-field"] = field
    manifest["golden"]["fields"] = {"path": "golden/fields.json", "sha256": "0"}
    manifest["data"]["field"] = {"name": "drawn fields"}
    write_json(folder / "manifest.json", manifest)
    kept = {"repository/lenet5-field/7/model.onnx", "golden/fields.json"}
    kept |= {f"records/field/{stage}.json" for stage in STAGES}
    for path in kept:
        write_json(folder / path, {"preset": "mine"})
    released = release.release(finished, folder)
    assert released["models"]["lenet5-field"] == field
    assert released["models"]["lenet5"]["version"] == "2"
    assert released["golden"]["fields"] == manifest["golden"]["fields"]
    assert released["data"]["field"] == {"name": "drawn fields"}
    assert kept <= files(folder)
    assert "\nfields: mine\n" in (folder / "README.md").read_text()


def test_golden_digits_are_the_same_each_time(
    models: Path, finished: Run, real_digits, tmp_path: Path
) -> None:
    release.release(finished, tmp_path)
    for path in (models / "golden").iterdir():
        assert path.read_bytes() == (tmp_path / "golden" / path.name).read_bytes()


def unverified(run: Run) -> None:
    run.record("verify", [], passed=False, broken=["onnx_int8: differs by 3 lsb, allowed 1", "another"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (unverified, r"verify.json: not released: onnx_int8: differs by 3 lsb, allowed 1: see `checkreader verify"),
        *(
            (lambda run, stage=stage: (run / f"{stage}.json").unlink(), f"{stage}.json: not found: run `checkreader {stage}")
            for stage in STAGES
        ),
        (lambda run: (run / FOLDER / "lenet5.onnx").write_bytes(b"x"), r"export/lenet5.onnx: its SHA-256 differs"),
        (lambda run: (run / "float.keras").write_bytes(b"x"), r"float.keras: its SHA-256 differs"),
        (
            lambda run: write_json(run / "evaluate.json", {"schema": 0}),
            r"evaluate.json: written by another version of checkreader",
        ),
    ],
)  # fmt: skip
def test_refused(run: Run, tmp_path: Path, spoil, message: str) -> None:
    spoil(run)
    with pytest.raises(CheckreaderError, match=message) as caught:
        release.release(run, tmp_path / "models")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "models").exists()


def test_no_drawing_is_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = np.full((28, 28), 255, np.uint8)
    monkeypatch.setattr(digit_drawing, "digit", lambda *_: blank)
    with pytest.raises(CheckreaderError, match="not released: in 100 drawings of a 0 none is read by every"):
        release.release(run, tmp_path / "models")
    assert not (tmp_path / "models" / "manifest.json").exists()


@pytest.mark.parametrize("allowed", [0, 12, 20, 34])
def test_full_disk_leaves_the_last_release_whole(
    models: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    """The new one has other golden digits, so mixing the two would show."""
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    drawn = digit_drawing.digit
    monkeypatch.setattr(
        digit_drawing,
        "digit",
        lambda value, rng: drawn(value, np.random.default_rng([7, *rng.integers(99, size=3)])),
    )
    written = []

    def write_bytes(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) > allowed:
            raise OSError(28, "No space left on device", str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    for module in (release, artifacts, digit_release, golden_digits):
        monkeypatch.setattr(module, "write_bytes", write_bytes)
    with pytest.raises(OSError, match="No space left on device"):
        release.release(run, folder)
    repository = Repository.open(folder)
    assert repository.load("lenet5").model.version == "1"
    assert repository.load("lenet5-int8", "litert").model.version == "1"


def test_the_version_before_may_stay(models: Path, run: Run, tmp_path: Path, real_digits: None) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    release.release(run, folder, keep=True)
    repository = Repository.open(folder)
    old, new = repository.manifest.previous["lenet5"], repository.manifest.models["lenet5"]
    assert (old.version, new.version) == ("1", "2")
    assert [one.runtime for one in old.artifacts] == ["onnxruntime"]
    assert repository.load("lenet5", entry=old).model.version == "1"  # held against its own golden set
    assert repository.load("lenet5").model.version == "2"
    # The next takes its place, and one that keeps nothing leaves nothing.
    release.release(run, folder, keep=True)
    assert Repository.open(folder).manifest.previous["lenet5"].version == "2"
    assert sorted(path.name for path in (folder / "repository/lenet5").glob("*/")) == ["2", "3"]
    release.release(run, folder)
    assert Repository.open(folder).manifest.previous == {}
    assert [path.name for path in (folder / "repository/lenet5").glob("*/")] == ["4"]
    assert not (folder / "golden/previous/digits.json").exists()


def test_a_release_that_fails_leaves_the_version_before(
    models: Path, run: Run, tmp_path: Path, real_digits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    release.release(run, folder, keep=True)

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(release, "_encoded", lambda manifest: full(folder, b""))  # the manifest comes last
    with pytest.raises(OSError, match="No space left"):
        release.release(run, folder)
    repository = Repository.open(folder)
    assert repository.load("lenet5", entry=repository.manifest.previous["lenet5"]).model.version == "1"
