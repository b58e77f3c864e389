from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pipeline.export.formats import FIELD_FORMATS, FOLDER, get
from pipeline.networks import batching, spec
from pipeline.networks.lenet5_field import ALPHABET
from pipeline.run import Run
from pipeline.verification import agreement, verify
from serving.errors import CheckreaderError
from tests.support import tiny_field
from tests.support.tiny_field import copied, exported, fields, record

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Verifies these formats alone."""
    return lambda *names: monkeypatch.setattr(
        verify, "TABLE", {"field": [get(name, "field") for name in names]}
    )


def spoil(run: Run, name: str, constant: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Changes one constant of an ONNX file."""
    path = run / FOLDER / get(name, "field").file
    model = onnx.load(path)
    (entry,) = (entry for entry in model.graph.initializer if entry.name == constant)
    entry.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(entry)), constant))
    onnx.save(model, path)
    record(run)


def test_all_formats_of_a_run_agree() -> None:
    found = verify.verify(exported(), fields(30, seed=9))
    assert found["passed"], found["broken"]
    assert found["pictures"] == 30
    assert found["steps"] > 30 * 9
    assert found["float_and_int8"] >= 29 / 30
    assert {entry["format"] for entry in found["judged"]} == {row.name for row in FIELD_FORMATS if row.bound}
    assert all(pair["strings"] >= 29 / 30 for pair in found["pairs"])
    text = agreement.summary(found)
    assert "Agreement over 30 fields" in text
    assert "same string" in text
    assert "all bounds hold" in text


def test_a_damaged_float_layer_is_found_and_named(tmp_path: Path, only: Callable[..., None]) -> None:
    run = copied(tmp_path)
    spoil(run, "onnx_float32", "c3b_conv_1", lambda weights: weights * np.float32(1.01))
    only("keras", "onnx_float32", "tflite_float32")
    found = verify.verify(run, fields(6))
    assert not found["passed"]
    assert all(line.startswith("onnx_float32 against keras: ") for line in found["broken"])
    assert verify.explain(run, "keras", "onnx_float32", fields(6))["first"] == "c3b"
    assert verify.explain(run, "keras", "tflite_float32", fields(6))["first"] is None


def test_a_damaged_integer_is_found_and_named(tmp_path: Path, only: Callable[..., None]) -> None:
    run = copied(tmp_path)
    spoil(run, "onnx_int8", "f6_bias_int", lambda bias: bias + 30_000)
    only("keras", "onnx_int8")
    found = verify.verify(run, fields(6))
    assert any("onnx_int8 against reference: differs by" in line for line in found["broken"])
    assert verify.explain(run, "reference", "onnx_int8", fields(6))["first"] == "f6"


def test_the_fields_that_differ_most_are_explained() -> None:
    found = verify.explain(exported(), "keras", "keras_int8", fields(8), count=2)
    assert found["pictures"] == 2
    assert [row["layer"] for row in found["layers"]][-1] == "logits"


def test_a_digit_among_the_fields_is_refused() -> None:
    with pytest.raises(CheckreaderError, match=r"a field is \[32, width\]"):
        verify.verify(exported(), [np.zeros((28, 28), np.uint8)])


def test_the_decoder_is_the_services() -> None:
    pixels = tiny_field.normalize_field(tiny_field.picture("4.7")).pixels
    run = exported()
    pictures = batching.make_batches(spec.FIELD, [pixels])
    answers = verify.predict(run, get("onnx_float32", "field"), pictures, None)
    assert answers.strings == (ALPHABET.labels("4.7"),)
