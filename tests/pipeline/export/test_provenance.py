"""The provenance in every kind of model file."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from pipeline.export import provenance
from pipeline.export.formats import FOLDER, FORMATS, Format
from pipeline.run import Run
from serving.errors import CheckreaderError

NAMES = [row.name for row in FORMATS]


@pytest.mark.parametrize("row", FORMATS, ids=NAMES)
def test_every_file_says_where_it_comes_from(exported: Run, row: Format) -> None:
    entry = provenance.read(exported / FOLDER / row.file)
    stage = "quantize" if row.model == "lenet5-int8" else "train"
    record = exported.require(stage)
    assert entry["format"] == row.name
    assert entry["model"] == row.model
    assert entry["data"] == {"name": "digits", "sha256": record["data"]["sha256"]}
    assert entry["seed"] == 0
    assert entry["temperature"] == record["calibration"]["temperature"]
    assert entry["source"] == {name: entry["sha256"] for name, entry in record["files"].items()}


def test_provenance_ends_no_comment(tmp_path: Path) -> None:
    content = provenance.embed_in_c("int x;", {"data": "a */ b"})
    (tmp_path / "a.c").write_bytes(content)
    assert content.count(b"*/") == 1
    assert provenance.read(tmp_path / "a.c") == {"data": "a */ b"}


def test_a_file_without_provenance_is_refused(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\0")
    (tmp_path / "model.txt").write_text("")
    (tmp_path / "model.c").write_text("int x;\n")
    (tmp_path / "model.wasm").write_bytes(b"\0asm\1\0\0\0")
    others = [tmp_path / f"model.{suffix}" for suffix in ("onnx", "txt", "c", "wasm")]
    for path in (trained / "float.keras", *others):
        with pytest.raises(CheckreaderError, match=r"no (readable )?provenance"):
            provenance.read(path)


def test_no_address_of_this_process_is_in_a_keras_file() -> None:
    """Keras writes the memory addresses of objects that layers share; equal ones stay equal."""
    config = '[{"shared_object_id": 140}, {"shared_object_id": 999}, {"shared_object_id": 140}]'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("config.json", config)
        file.writestr("metadata.json", '{"date_saved": "today", "keras_version": "3"}')
    with zipfile.ZipFile(io.BytesIO(provenance.embed_in_keras(buffer.getvalue(), {}))) as file:
        assert [entry["shared_object_id"] for entry in json.loads(file.read("config.json"))] == [0, 1, 0]
        assert json.loads(file.read("metadata.json")) == {"keras_version": "3"}
