"""A quantized run, opened for export."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pipeline.data.digits import Dataset
from pipeline.export.export import export
from pipeline.export.formats import get
from pipeline.export.source import Source
from pipeline.run import Run
from serving.errors import CheckreaderError

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_it_needs_a_quantized_run(trained: Run, tmp_path: Path) -> None:
    for name in ("train.json", "float.keras"):
        shutil.copy(trained / name, tmp_path / name)
    with pytest.raises(CheckreaderError, match=r"quantize\.json: not found: run `checkreader quantize"):
        export(Run(tmp_path))


def test_a_changed_saved_model_is_refused(copy: Run) -> None:
    (copy / "quantized/saved_model.pb").write_bytes(b"changed")
    with pytest.raises(CheckreaderError, match=r"saved_model\.pb: its SHA-256 differs"):
        export(copy)


def test_a_record_of_another_version_is_refused(copy: Run) -> None:
    record = json.loads((copy / "quantize.json").read_text())
    (copy / "quantize.json").write_text(json.dumps({**record, "schema": 0}))
    with pytest.raises(CheckreaderError, match="another version of checkreader"):
        export(copy)


def test_provenance_names_the_stage_of_each_model(quantized: Run) -> None:
    source = Source.of(quantized)
    train, quantize = (quantized.require(stage) for stage in ("train", "quantize"))
    for name, record in (("onnx_float32", train), ("onnx_int8", quantize)):
        entry = source.provenance(get(name))
        assert entry["temperature"] == record["calibration"]["temperature"]
        assert entry["source"] == {file: content["sha256"] for file, content in record["files"].items()}
    assert msgspec.to_builtins(source.thresholds) == tuple(quantize["calibration"]["thresholds"])


def test_the_inference_model_applies_the_temperature(quantized: Run, digits: Dataset) -> None:
    source = Source.of(quantized)
    images = digits.test.images[:20, ..., None] / np.float32(255)
    logits = np.asarray(source.network(images)) / source.temperatures["lenet5"]
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    expected = exponents / exponents.sum(1, keepdims=True)
    np.testing.assert_allclose(np.asarray(source.inference_model(images)), expected, atol=1e-6)


def test_a_model_that_keras_cannot_load(copy: Run) -> None:
    record = copy.require("train")
    (copy / "float.keras").write_bytes(b"no archive")
    content = {
        key: entry for key, entry in record.items() if key not in ("schema", "stage", "files", "environment")
    }
    copy.record("train", ["float.keras"], **content)
    with pytest.raises(CheckreaderError, match=r"float\.keras: Keras cannot load it"):
        Source.of(copy)
