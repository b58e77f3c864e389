from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.records import Records
from pipeline.release import digit, documents
from pipeline.release.card import model_card
from pipeline.run import STAGES, Run, sha256
from serving.repository.store import Repository

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_files(digit_models: Path) -> None:
    repository = Repository.open(digit_models)
    listed = {artifact.path for model in repository.manifest.models.values() for artifact in model.artifacts}
    assert listed == {path.format(version=1) for path in digit.FILES.values()} | {"edge/lenet5-int8.h"}
    golden = {f"golden/{label}{which}.png" for label in range(10) for which in "ab"}
    assert files(digit_models) - listed - golden == {
        "manifest.json",
        "README.md",
        "golden/digits.json",
        "readings.png",
        *(f"records/{stage}.json" for stage in STAGES),
        *(f"repository/{name}/config.pbtxt" for name in ("lenet5", "lenet5-int8", "lenet5-features")),
        *(f"repository/{name}/labels.txt" for name in ("lenet5", "lenet5-int8")),
    }


def test_manifest(digit_models: Path, digit_run: Run) -> None:
    manifest = Repository.open(digit_models).manifest
    records = {stage: digit_run.require(stage) for stage in STAGES}
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
            assert artifact.sha256 == sha256(digit_models / artifact.path)
            assert artifact.bytes == (digit_models / artifact.path).stat().st_size
    assert manifest.data == records["train"]["data"]
    assert "tensorflow" in manifest.tool_versions


@pytest.mark.parametrize(
    ("name", "runtime"),
    [("lenet5", "onnxruntime"), ("lenet5-int8", "onnxruntime"), ("lenet5-features", "onnxruntime"),
     ("lenet5", "litert"), ("lenet5-int8", "litert")],
)  # fmt: skip
def test_service_takes_it(digit_models: Path, name: str, runtime: str) -> None:
    loaded = Repository.open(digit_models).load(name, runtime)
    assert loaded.network.run(np.zeros((1, 28, 28, 1), np.float32))


def test_records_name_no_path_of_the_machine(digit_models: Path) -> None:
    assert "data_dir" not in json.loads((digit_models / "records" / "train.json").read_text())


def test_card(digit_models: Path) -> None:
    records = documents.read_records(digit_models / "records", Records)
    text = (digit_models / "README.md").read_text()
    assert text == model_card(Repository.open(digit_models).manifest, records)
    assert documents.run_table(digit_models / "records") in text
    accuracy = records.evaluate.families["lenet5-int8"].accuracy
    assert f"`lenet5-int8`: {accuracy.value:.2%} (95 % interval" in text
