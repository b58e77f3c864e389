"""Finding, checking and loading models."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from serving.errors import CheckreaderError
from serving.repository.store import Repository, find
from tests.support.micr_lines import NAME, write_micr_models
from tests.support.tiny import SLIDING, tiny_onnx, write_models


def refused(folder: Path, name: str = "lenet5") -> str:
    with pytest.raises(CheckreaderError) as raised:
        Repository.open(folder).load(name)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_loads_and_infers(models: Path) -> None:
    loaded = Repository.open(models).load("lenet5")
    probabilities = loaded.network.infer(np.zeros((3, 28, 28, 1), np.float32))
    assert probabilities.shape == (3, 10)
    assert probabilities.sum(1) == pytest.approx(1)
    assert (loaded.artifact.runtime, loaded.model.version) == ("onnxruntime", "1")


def test_argument_before_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKREADER_MODELS", "from/environment")
    assert find("from/argument") == Path("from/argument")
    assert find() == Path("from/environment")


def test_without_either_the_released_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHECKREADER_MODELS", raising=False)
    assert find().name == "models"


@pytest.mark.parametrize("folder", ["", "nowhere", "manifest.json"])
def test_no_manifest(own_models: Path, folder: str) -> None:
    if not folder:
        (own_models / "manifest.json").unlink()
    assert "no manifest.json; name their folder by --models" in refused(own_models / folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema":"1"}', b'{"schema":1}'])
def test_garbled_manifest(own_models: Path, content: bytes) -> None:
    (own_models / "manifest.json").write_bytes(content)
    assert "manifest.json: not a valid manifest" in refused(own_models)


def test_other_schema(own_models: Path) -> None:
    (own_models / "manifest.json").write_bytes(b'{"schema":2,"models":[]}')
    assert "schema 2, but this checkreader reads schema 1" in refused(own_models)


def test_unknown_default(own_models: Path, edit_manifest) -> None:
    edit_manifest(lambda manifest: manifest.update(default="lenet6"))
    assert "default model 'lenet6' is not among its models" in refused(own_models)


def test_unknown_fields_are_tolerated(own_models: Path, edit_manifest) -> None:
    edit_manifest(lambda manifest: manifest["models"]["lenet5"].update(novelty=[1]))
    assert Repository.open(own_models).load("lenet5").name == "lenet5"


def test_unknown_model(models: Path) -> None:
    assert "unknown model 'lenet6'" in refused(models, "lenet6")


def test_loads_a_field_model(models: Path) -> None:
    loaded = Repository.open(models).load("lenet5-field")
    assert loaded.network.infer(np.zeros((2, 32, 70, 1), np.float32)).shape == (
        2,
        70 - SLIDING.receptive + 1,
        12,
    )


@pytest.mark.parametrize("path", ["repository/lenet5/1/model.onnx", "golden/digits.json", "golden/7a.png"])
def test_tampered_file(own_models: Path, path: str) -> None:
    file = own_models / path
    file.write_bytes(file.read_bytes() + b"\0")
    message = refused(own_models)
    assert f"{file} is not the file that was released" in message
    assert "restore it from release 0.1.0" in message


@pytest.mark.parametrize("path", ["repository/lenet5/1/model.onnx", "golden/7b.png"])
def test_missing_file(own_models: Path, path: str) -> None:
    (own_models / path).unlink()
    assert f"{own_models / path} is missing" in refused(own_models)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "repository/../../secret"])
def test_path_out_of_the_folder(own_models: Path, edit_manifest, path: str) -> None:
    edit_manifest(lambda manifest: manifest["models"]["lenet5"]["artifacts"][0].update(path=path))
    assert "leads out of the models folder" in refused(own_models)


def exchange(folder: Path, edit_manifest, data: bytes) -> None:
    """Puts another file in the model's place, hash included."""
    other = folder.parent / "other.onnx"
    other.write_bytes(data)
    file = folder / "repository/lenet5/1/model.onnx"
    shutil.move(other, file)
    digest = hashlib.sha256(data).hexdigest()
    edit_manifest(lambda manifest: manifest["models"]["lenet5"]["artifacts"][0].update(sha256=digest))


@pytest.mark.parametrize("data", [b"", b"no model", tiny_onnx()[:1000]])
def test_file_that_is_no_model(own_models: Path, edit_manifest, data: bytes) -> None:
    exchange(own_models, edit_manifest, data)
    assert "model.onnx: ONNX Runtime cannot load the model" in refused(own_models)


def test_no_golden_set(own_models: Path, edit_manifest) -> None:
    edit_manifest(lambda manifest: manifest.update(golden={}))
    assert "names no golden digits" in refused(own_models)


def test_no_file_for_the_runtime(models: Path) -> None:
    with pytest.raises(CheckreaderError, match="has no file for litert"):
        Repository.open(models).load("lenet5", "litert")


def test_folder_named_with_spaces(tmp_path: Path) -> None:
    folder = write_models(tmp_path / "the models — Zürich")
    assert Repository.open(folder).load("lenet5").name == "lenet5"


@pytest.mark.parametrize(("runtime", "extra"), [("onnxruntime", "serve"), ("litert", "edge")])
def test_a_runtime_that_is_not_installed(
    models: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, extra: str
) -> None:
    edge = Repository.open()
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    with pytest.raises(CheckreaderError, match=rf"{runtime} is not installed: pip install .*\[{extra}\]"):
        edge.load("lenet5", runtime)


def test_a_micr_model_is_checked_against_the_golden_lines(tmp_path: Path) -> None:
    folder = write_micr_models(tmp_path)
    assert Repository.open(folder).load(NAME).model.task == "micr"
    path = folder / "manifest.json"
    content = msgspec.json.decode(path.read_bytes())
    content["golden"]["lines"] = content["golden"]["fields"]
    path.write_bytes(msgspec.json.encode(content))
    assert "the golden set does not say what it should answer" in refused(folder, NAME)
    del content["golden"]["lines"]
    path.write_bytes(msgspec.json.encode(content))
    assert "names no golden lines" in refused(folder, NAME)


def test_the_first_model_of_a_task(models: Path, micr_models: Path) -> None:
    assert Repository.open(micr_models).first("micr", "MICR lines") == NAME
    with pytest.raises(CheckreaderError, match="no model reads MICR lines: .* has lenet5, .*--models"):
        Repository.open(models).first("micr", "MICR lines")


@pytest.mark.parametrize("name", ["lenet5", "lenet5-field", "lenet5-features"])
def test_a_model_without_a_certified_bound_says_so_when_it_is_loaded(
    own_models: Path, edit_manifest, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    Repository.open(own_models).load(name)
    assert caplog.messages == []
    edit_manifest(lambda manifest: [model.pop("thresholds", None) for model in manifest["models"].values()])
    Repository.open(own_models).load(name)
    expected = f"{name} version 1: no error bound is certified: every picture is read, none is accepted"
    assert caplog.messages == ([] if name == "lenet5-features" else [expected])
