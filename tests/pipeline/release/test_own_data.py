from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import labeled_fields
from pipeline.data.digits import Dataset, Split
from pipeline.release import own_data, roll_back
from pipeline.run import write_json
from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.digit import normalize
from serving.repository.store import Repository
from tests.support import tiny_field
from tests.support.paths import ROOT

NONFIELDS = {"count": 6, "invented": 3}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is not there yet."""
    monkeypatch.delenv("CHECKREADER_MODELS", raising=False)
    return tmp_path / "mine"


@pytest.fixture(scope="module")
def golden() -> Dataset:
    """The released golden digits, which the models read right, many times over."""
    names = sorted((ROOT / "models" / "golden").glob("[0-9]?.png"))
    images = np.stack([normalize(decode(path.read_bytes())) for path in names])
    labels = np.array([int(path.name[0]) for path in names], np.uint8)
    many = Split(np.tile(images, (20, 1, 1)), np.tile(labels, 20))
    return Dataset(
        "bank", many, Split(images, labels), Split(images[:10], labels[:10]), {"bank": "0"}, "class"
    )


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_without_models_is_filled_with_the_released_ones(models: Path) -> None:
    assert own_data.open_models(models).folder == models
    assert digests(models) == digests(ROOT / "models")


@pytest.mark.slow
def test_digits_without_a_training(models: Path, golden: Dataset) -> None:
    before = digests(ROOT / "models")
    repository = own_data.open_models(models)
    record = own_data.calibrate_digits(repository, golden, nondigit_count=200)
    assert record["pictures"] == 420
    after = Repository.open(models)
    for name, family in record["families"].items():
        thresholds = after.model(name).thresholds
        assert [entry.max_error for entry in thresholds] == [0.01]  # 420 without an error, as for 0.02
        assert thresholds[0].threshold == family["calibration"]["thresholds"][0]["threshold"]
        assert thresholds[0].n == 420
        assert after.load(name).model.version == repository.model(name).version
    assert b"{10000, " in (models / "edge" / "lenet5-int8.c").read_bytes()  # the bound that now is certified
    for artifact in after.model("lenet5-int8").artifacts:
        assert hashlib.sha256((models / artifact.path).read_bytes()).hexdigest() == artifact.sha256
    measured = own_data.evaluate_digits(after, golden, nondigit_count=20)
    accuracy = Repository.open(models).model("lenet5").accuracy
    assert accuracy is not None
    assert (accuracy.value, accuracy.n, accuracy.data) == (
        1.0,
        10,
        "bank test",
    )  # what it was not calibrated on
    assert len(measured["families"]["lenet5"]["thresholds"]) == 1
    text = (models / "README.md").read_text()
    assert "accepted by what was calibrated on 420 pictures of bank" in text
    assert "100.00% right" in text
    assert digests(ROOT / "models") == before


@pytest.mark.slow
def test_pictures_that_calibrated_nothing_are_all_measured(models: Path, golden: Dataset) -> None:
    repository = own_data.open_models(models)
    own_data.evaluate_digits(repository, golden, nondigit_count=20)
    accuracy = Repository.open(models).model("lenet5-int8").accuracy
    assert accuracy is not None
    assert (accuracy.n, accuracy.data) == (430, "bank")


@pytest.mark.slow
def test_a_calibration_can_be_taken_back_a_measurement_is_none(models: Path, golden: Dataset) -> None:
    """Neither measuring nor calibrating to the same thresholds takes the way back away."""
    repository = own_data.open_models(models)
    for _ in range(2):
        own_data.calibrate_digits(Repository.open(models), golden, nondigit_count=200)
    own_data.evaluate_digits(Repository.open(models), golden, nondigit_count=20)
    calibrated = Repository.open(models).manifest
    assert roll_back.roll_back(models) == repository.manifest
    assert not (models / "records" / "own").exists()
    assert roll_back.roll_back(models) == calibrated


def test_a_measurement_is_of_the_models_that_are_there(models: Path, golden: Dataset) -> None:
    """The release before comes back with the accuracy that it had."""
    released = own_data.open_models(models)
    roll_back.save(models)
    manifest = json.loads((models / "manifest.json").read_text())
    manifest["models"]["lenet5"]["version"] = "99"  # as by another release
    write_json(models / "manifest.json", manifest)
    own_data.evaluate_digits(Repository.open(models), golden, nondigit_count=20)
    measured = Repository.open(models).model("lenet5")
    assert (measured.version, measured.accuracy and measured.accuracy.data) == ("99", "bank")
    assert roll_back.roll_back(models) == released.manifest
    assert roll_back.roll_back(models).models["lenet5"] == measured


@pytest.mark.slow
def test_bounds_that_a_calibration_loses(models: Path, golden: Dataset) -> None:
    own_data.open_models(models)
    manifest = json.loads((models / "manifest.json").read_text())
    thresholds = manifest["models"]["lenet5"]["thresholds"]
    thresholds[:] = [{**thresholds[0], "max_error": bound} for bound in (0.002, 0.02)]
    write_json(models / "manifest.json", manifest)
    record = own_data.calibrate_digits(Repository.open(models), golden, nondigit_count=200)
    fitted = record["families"]["lenet5"]["calibration"]
    assert fitted["lost"] == [0.002]  # 0.01 certifies 0.02, too
    assert (
        "0.002: needs at least 1497 accepted digits without an error, the calibration set has 420"
        in (fitted["refusals"])
    )


@pytest.mark.slow
def test_a_measurement_that_cannot_be_written(
    models: Path, golden: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = own_data.open_models(models)

    def refuse(path: Path, content: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(own_data, "write_json", refuse)
    record = own_data.evaluate_digits(repository, golden, nondigit_count=20)
    assert record["unwritten"] == "Permission denied"
    assert record["families"]["lenet5"]["accuracy"]["n"] == 430


@pytest.mark.slow
def test_fields_without_a_training(models: Path, tmp_path: Path) -> None:
    (tmp_path / "fields").mkdir()
    labeled = tiny_field.written(tmp_path / "fields", 10)
    repository = own_data.open_models(models)
    record = own_data.calibrate_fields(repository, labeled, **NONFIELDS)
    after = Repository.open(models)
    for name in ("lenet5-field", "lenet5-field-int8"):
        assert after.model(name).thresholds == []  # ten fields certify nothing
        confidence = after.model(name).confidence
        assert confidence is not None
        assert confidence.scale == record["families"][name]["calibration"]["confidence"]["scale"]
    measured = own_data.evaluate_fields(after, labeled, nonfield_count=6, invented=3)
    family = measured["families"]["lenet5-field"]
    assert (family["confidence"], "worst" in family) == ("out-of-fold", False)
    accuracy = Repository.open(models).model("lenet5-field").accuracy
    assert accuracy is not None
    assert (accuracy.n, accuracy.data) == (10, "fields")
    assert after.model("lenet5") == repository.model("lenet5")
    for path in (models / "records" / "own" / "field").iterdir():
        assert ".png" not in path.read_text()


@pytest.mark.slow
def test_fields_that_the_network_was_trained_on(models: Path, tmp_path: Path) -> None:
    (tmp_path / "fields").mkdir()
    labeled = tiny_field.written(tmp_path / "fields", 10)
    repository = own_data.open_models(models)
    repository.manifest.data["field"]["own"] = labeled.record()
    with pytest.raises(CheckreaderError, match="the network was trained on these fields"):
        own_data.calibrate_fields(repository, labeled, **NONFIELDS)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["digit", "field"])
def test_no_such_model(models: Path, golden: Dataset, tmp_path: Path, task: str) -> None:
    repository = own_data.open_models(models)
    for name, model in dict(repository.manifest.models).items():
        if model.task == task:
            del repository.manifest.models[name]
    labeled = labeled_fields.Labeled("none", (), (), (), (), "", (), (), (), {})
    evaluate = {
        "digit": lambda: own_data.evaluate_digits(repository, golden),
        "field": lambda: own_data.evaluate_fields(repository, labeled),
    }
    with pytest.raises(CheckreaderError, match=f"no {task} model in it"):
        evaluate[task]()
