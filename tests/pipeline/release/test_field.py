from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pipeline.export.formats import FIELD_FORMATS
from pipeline.networks.lenet5_field import ALPHABET, SLIDING
from pipeline.records import FieldRecords
from pipeline.release import field, golden_strings, release
from pipeline.run import STAGES, Run, sha256
from pipeline.synthesis import generator as drawing
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from tests.support import tiny_field
from tests.support.field_measures import MISREAD
from tests.support.paths import ROOT
from tests.support.tiny_records import field_family

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CALIBRATION = {
    "confidence": {"scale": 1.5, "offset": -0.25},
    "thresholds": [
        {"max_error": 0.02, "threshold": 0.9, "error": 0.0, "low": 0.0, "high": 0.01, "accepted": 0.6, "n": 300}
    ],
    "refusals": [],
}  # fmt: skip


class Printed:
    """Prints fields in the place of drawing them: a network of a few seconds reads no others."""

    def __init__(self, *_: object) -> None:
        pass

    def sample(self, rng: np.random.Generator) -> drawing.Sample:
        text = tiny_field.text(rng)
        return drawing.Sample(tiny_field.picture(text), text, np.zeros((0, 4), np.float32))


@pytest.fixture(scope="module", autouse=True)
def printed():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "Generator", Printed)
        patch.setattr(drawing, "sources", lambda **_: [])
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with the record of every stage; calibrated, verified, measured and timed on paper only."""
    run = tiny_field.copied(tmp_path_factory.mktemp("finished"))
    train = run.require("train")
    config = {"seed": 4, "start": "/home/somebody/weights.keras"}
    run.record(
        "train",
        ["float.keras"],
        **{key: train[key] for key in ("task", "preset", "alphabet", "data")},
        config=config,
        calibration=CALIBRATION,
    )
    pair = {"left": "reference", "right": "onnx_int8", "strings": 1.0}
    run.record("verify", [], passed=True, broken=[], pictures=9, steps=90, float_and_int8=1.0, pairs=[pair])
    speed = {"bytes": 70_400, "p50_ms": 0.5, "images_per_second": 1234.5, "peak_mb": 70.4}
    run.record("benchmark", [], formats={row.name: speed for row in FIELD_FORMATS}, batch=16, width=128)
    families = {
        name: {**field_family(0.8), "worst": [{**MISREAD, "file": "mine.png"}]} for name in field.FAMILIES
    }
    run.record("evaluate", [], families=families, difference=0.0, trained_on=False)
    return run


@pytest.fixture(scope="module")
def models(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside the digit models of the checkout, without what fields these have."""
    folder = tmp_path_factory.mktemp("released") / "models"
    shutil.copytree(ROOT / "models", folder)
    release.release(finished, folder, field.RELEASE)
    return folder


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): sha256(path) for path in folder.rglob("*") if path.is_file()}


def test_the_digit_models_stay_as_they_are(models: Path) -> None:
    before, after = files(ROOT / "models"), files(models)
    for path, digest in before.items():
        if "field" not in path and path not in ("README.md", "manifest.json", "amount.png"):
            assert after[path] == digest, path
    old, new = (Repository.open(folder).manifest for folder in (ROOT / "models", models))
    assert {name: model for name, model in new.models.items() if model.task != "field"} == {
        name: model for name, model in old.models.items() if model.task != "field"
    }
    assert new.golden["digits"] == old.golden["digits"]
    assert new.default == "lenet5"
    assert {key: value for key, value in new.data.items() if key != "field"} == {
        key: value for key, value in old.data.items() if key != "field"
    }


def test_files(models: Path, finished: Run) -> None:
    manifest = Repository.open(models).manifest
    for name in ("lenet5-field", "lenet5-field-int8"):
        model = manifest.models[name]
        for artifact in model.artifacts:
            path = field.FILES[artifact.format].format(version=model.version)
            assert artifact.path == path
            assert artifact.sha256 == sha256(models / path)
            assert (
                artifact.sha256
                == finished.require("export")["files"][
                    f"export/{next(row.file for row in FIELD_FORMATS if row.name == artifact.format)}"
                ]["sha256"]
            )
        config = (models / "repository" / name / "config.pbtxt").read_text()
        assert 'name: "image" data_type: TYPE_FP32 dims: [32, -1, 1]' in config
        assert 'name: "probabilities" data_type: TYPE_FP32 dims: [-1, 16]' in config
        assert [path.name for path in (models / "repository" / name).glob("*/")] == [model.version]
    assert {path.stem for path in (models / "records" / "field").iterdir()} == set(STAGES)
    assert sum(path.stat().st_size for path in models.rglob("*") if path.is_file()) < 9_800_000


def test_manifest(models: Path, finished: Run) -> None:
    manifest = Repository.open(models).manifest
    assert manifest.data["field"] == finished.require("train")["data"]
    for name in ("lenet5-field", "lenet5-field-int8"):
        model = manifest.models[name]
        assert (model.task, model.seed, model.sliding) == ("field", 4, SLIDING)
        assert (model.confidence.scale, model.confidence.offset) == (1.5, -0.25)  # the float one's for both
        assert [entry.max_error for entry in model.thresholds] == [0.02]
        assert (model.accuracy.value, model.accuracy.n, model.accuracy.data) == (0.8, 780, "checks")
        assert model.output.shape == [-1, -1, 16]
        assert model.labels == [*"0123456789.,/-x", "blank"]


def test_each_model_has_its_own_calibration(finished: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    shutil.copytree(finished.path, run.path)
    families = {
        name: {"calibration": {"confidence": {"scale": 1.0, "offset": offset}, "thresholds": []}}
        for name, offset in (("lenet5-field", 0.25), ("lenet5-field-int8", 0.5))
    }
    run.record("calibrate", [], data={}, seed=0, families=families)
    records = msgspec.convert(run.records(), FieldRecords)
    for name, offset in (("lenet5-field", 0.25), ("lenet5-field-int8", 0.5)):
        assert field.describe(run, name, "1", [], records).confidence.offset == offset


def test_cross_validated_accuracy_where_the_fields_were_trained_on(finished: Run) -> None:
    records = {stage: finished.require(stage) for stage in STAGES}
    records["evaluate"] = {**records["evaluate"], "trained_on": True}
    records["train"] = {**records["train"], "cross_validation": {"pooled": field_family(0.7)}}
    accuracy = field.describe(
        finished, "lenet5-field", "1", [], msgspec.convert(records, FieldRecords)
    ).accuracy
    assert (accuracy.value, accuracy.data) == (0.7, "checks, cross-validated")


@pytest.mark.parametrize("runtime", ["onnxruntime", "litert"])
@pytest.mark.parametrize("name", ["lenet5-field", "lenet5-field-int8", "lenet5", "lenet5-int8"])
def test_service_takes_it(models: Path, name: str, runtime: str) -> None:
    assert Repository.open(models).load(name, runtime).model.version


def test_golden_fields_are_read_right_and_some_have_a_separator(models: Path) -> None:
    golden = [entry for entry, _ in Repository.open(models).golden_fields]
    assert len(golden) == 8
    assert sum("." in entry.text for entry in golden) == 4
    for entry in golden:
        for formats in entry.expected.values():
            for steps in formats.values():
                kept = [
                    label
                    for label, before in zip(steps.labels, [None, *steps.labels], strict=False)
                    if label != before and label != ALPHABET.blank
                ]
                assert ALPHABET.text(kept) == entry.text


def test_a_network_that_answers_otherwise_is_refused(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "models")
    path = tmp_path / "models" / "golden" / "fields.json"
    golden = json.loads(path.read_text())
    steps = golden["fields"][0]["expected"]["lenet5-field"]["onnx_float32"]
    steps["probabilities"][0] -= 0.1
    path.write_text(json.dumps(golden))
    manifest = json.loads((tmp_path / "models" / "manifest.json").read_text())
    manifest["golden"]["fields"]["sha256"] = sha256(path)
    (tmp_path / "models" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckreaderError, match=r"field-a\.png its probabilities are off by 0\.1"):
        Repository.open(tmp_path / "models").load("lenet5-field")


def test_records_name_neither_the_machine_nor_the_users_pictures(models: Path) -> None:
    for path in (models / "records" / "field").iterdir():
        text = path.read_text()
        assert "/home/somebody" not in text
        assert "mine.png" not in text
    assert json.loads((models / "records/field/train.json").read_text())["config"]["start"] == "weights.keras"


def test_the_card_speaks_of_it(models: Path) -> None:
    text = (models / "README.md").read_text()
    assert "## `lenet5-field`: whole amounts and numbers" in text
    assert "`repository/lenet5-field-int8/" in text
    assert "and no whole amounts: that is what `lenet5-field` is for" in text


def test_next_release_takes_the_place_of_the_last(models: Path, finished: Run, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    before = int(Repository.open(models).model("lenet5-field").version)
    digits = Repository.open(models).model("lenet5").version
    released = release.release(finished, folder, field.RELEASE)["models"]
    assert released["lenet5-field"]["version"] == str(before + 1)
    assert released["lenet5"]["version"] == digits
    assert [path.name for path in (folder / "repository" / "lenet5-field").glob("*/")] == [str(before + 1)]
    assert {
        re.sub(rf"(lenet5-field.*)/{before + 1}/", rf"\1/{before}/", path) for path in files(folder)
    } == set(files(models))


def test_into_a_folder_of_its_own(finished: Run, tmp_path: Path) -> None:
    """No digit model needs to be there first."""
    folder = tmp_path / "models"
    release.release(finished, folder, field.RELEASE)
    repository = Repository.open(folder)
    assert (set(repository.manifest.models), repository.manifest.default) == (
        {"lenet5-field", "lenet5-field-int8"},
        "lenet5-field",
    )
    for name in repository.manifest.models:
        assert repository.load(name).model.version == "1"
    text = (folder / "README.md").read_text()
    assert "`repository/lenet5-field/1/model.onnx`" in text
    assert "lenet5-features" not in text


def test_a_broken_bound_is_not_released(finished: Run, tmp_path: Path) -> None:
    shutil.copytree(finished.path, tmp_path / "run")
    shutil.copytree(ROOT / "models", tmp_path / "models")
    run, before = Run(tmp_path / "run"), files(ROOT / "models")
    run.record("verify", [], passed=False, broken=["onnx_int8: differs by 3 lsb, allowed 1"])
    with pytest.raises(CheckreaderError, match="not released: onnx_int8: differs by 3 lsb"):
        release.release(run, tmp_path / "models", field.RELEASE)
    assert files(tmp_path / "models") == before


def test_no_drawing_is_read(finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Printed,
        "sample",
        lambda *_: drawing.Sample(tiny_field.picture("1"), "2", np.zeros((0, 4), np.float32)),
    )
    shutil.copytree(ROOT / "models", tmp_path / "models")
    with pytest.raises(CheckreaderError, match="of 200 drawn fields none is read by every format"):
        release.release(finished, tmp_path / "models", field.RELEASE)
    assert files(tmp_path / "models") == files(ROOT / "models")


def test_the_surest_field_where_none_is_read_with_certainty(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundredth of each probability goes to all symbols, so that no whole string is likely enough."""
    predictor = golden_strings.predictor

    def unsure(row, path):
        predict = predictor(row, path)
        return lambda image: np.float32(0.99) * predict(image) + np.float32(0.01 / 16)

    monkeypatch.setattr(golden_strings, "predictor", unsure)
    folder = tmp_path / "models"
    release.release(finished, folder, field.RELEASE)
    golden = json.loads((folder / "golden" / "fields.json").read_text())["fields"]
    assert len(golden) == 8
