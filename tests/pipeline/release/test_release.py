from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.export.formats import FOLDER
from pipeline.release import artifacts, digit, golden_digits, release, roll_back
from pipeline.run import STAGES, Run, write_json
from pipeline.synthesis import digit_drawing
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from tests.support import tiny_records

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_next_release_takes_the_place_of_the_last(
    digit_models: Path, models: Path, digit_run: Run, real_digits: None
) -> None:
    assert release.release(digit_run, models, digit.RELEASE)["models"]["lenet5"]["version"] == "2"
    assert {path.name for path in (models / "repository").glob("*/*/")} == {"2"}
    assert Repository.open(models).load("lenet5").model.version == "2"
    assert {path.replace("/2/", "/1/") for path in files(models)} == files(digit_models)


def test_a_field_model_stays_as_it_is(models: Path, digit_run: Run, real_digits: None) -> None:
    manifest = json.loads((models / "manifest.json").read_text())
    field = {**manifest["models"]["lenet5"], "task": "field", "version": "7"}
    manifest["models"]["lenet5-field"] = field
    manifest["golden"]["fields"] = {"path": "golden/fields.json", "sha256": "0"}
    manifest["data"]["field"] = {"name": "drawn fields"}
    write_json(models / "manifest.json", manifest)
    records = tiny_records.field_records()
    tiny_records.write_records(models / "records" / "field", records)
    kept = {"repository/lenet5-field/7/model.onnx", "golden/fields.json"}
    for path in kept:
        write_json(models / path, {})
    kept |= {f"records/field/{stage}.json" for stage in STAGES}
    before = {path: (models / path).read_bytes() for path in kept}
    released = release.release(digit_run, models, digit.RELEASE)
    assert released["models"]["lenet5-field"] == field
    assert released["models"]["lenet5"]["version"] == "2"
    assert released["golden"]["fields"] == manifest["golden"]["fields"]
    assert released["data"]["field"] == {"name": "drawn fields"}
    assert {path: (models / path).read_bytes() for path in kept} == before
    text = (models / "README.md").read_text()
    assert "\n## `lenet5-field`: whole amounts and numbers\n" in text
    assert "| lenet5-field | checks, 780 | 81.23% |" in text


def test_a_folder_of_other_files_is_refused(digit_run: Run, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(CheckreaderError, match="has files in it, and no models"):
        release.release(digit_run, tmp_path, digit.RELEASE)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_what_was_measured_stays_with_its_models(models: Path, run: Run, real_digits: None) -> None:
    """A user's records of the models before are none of the new ones', and come back with them; files stay."""
    own = models / "records" / "own" / "digit" / "calibrate.json"
    record = {"task": "digit", "data": {"name": "bank"}, "pictures": 420, "families": {}}
    write_json(own, {**record, "families": {"lenet5": {"calibration": {"thresholds": []}}}})
    (models / "later.txt").write_text("mine")
    release.release(run, models, digit.RELEASE, keep_previous=True)
    assert not own.exists()
    assert "Own data" not in (models / "README.md").read_text()
    roll_back.roll_back(models)
    assert json.loads(own.read_text())["data"]["name"] == "bank"
    release.release(run, models, digit.RELEASE)
    assert (models / "later.txt").read_text() == "mine"


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
        release.release(run, tmp_path / "models", digit.RELEASE)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("allowed", [0, 12, 20, 34])
def test_full_disk_leaves_the_last_release_whole(
    models: Path, run: Run, real_digits: None, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    """The new one has other golden digits, so mixing the two would show."""
    draw = digit_drawing.digit
    monkeypatch.setattr(
        digit_drawing,
        "digit",
        lambda label, rng: draw(label, np.random.default_rng([7, *rng.integers(99, size=3)])),
    )
    written = []

    def write_bytes(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) > allowed:
            raise OSError(28, "No space left on device", str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    for module in (release, artifacts, digit, golden_digits):
        monkeypatch.setattr(module, "write_bytes", write_bytes)
    with pytest.raises(OSError, match="No space left on device"):
        release.release(run, models, digit.RELEASE)
    repository = Repository.open(models)
    assert repository.load("lenet5").model.version == "1"
    assert repository.load("lenet5-int8", "litert").model.version == "1"
