from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import models
from serving.errors import CheckreaderError
from serving.repository.store import Repository
from tests.support.paths import ROOT


def test_paths_are_the_manifest_s(own_models: Path, edit_manifest) -> None:
    def move(content: dict) -> None:
        content["models"]["lenet5"]["artifacts"][0]["path"] = "elsewhere/5/model.onnx"

    edit_manifest(move)
    repository = Repository.open(own_models)
    assert models.file("lenet5", repository=repository) == own_models / "elsewhere/5/model.onnx"


@pytest.mark.parametrize(("model", "runtime"), [("lenet5", "onnxruntime"), ("lenet5-int8", "litert")])
def test_a_released_file(model: str, runtime: str) -> None:
    assert models.file(model, runtime).is_file()


def test_a_file_that_was_not_released() -> None:
    with pytest.raises(CheckreaderError, match="no file for tensorrt"):
        models.file("lenet5", "tensorrt")
    with pytest.raises(CheckreaderError, match="unknown model"):
        models.file("lenet6")


@pytest.mark.parametrize("folder", ["benchmarks", "examples", "scripts"])
def test_nothing_writes_a_model_s_version_or_path_itself(folder: str) -> None:
    literal = re.compile(r"repository/[\w-]+/\d|\"edge\"? ?/|edge/lenet5")
    for file in (ROOT / folder).rglob("*.py"):
        assert not literal.search(file.read_text()), file
