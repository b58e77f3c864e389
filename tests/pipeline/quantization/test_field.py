from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.export import tflite
from pipeline.networks import batching, integer_reference, lenet5_field, spec
from pipeline.quantization import field
from pipeline.quantization.field import FieldQuantizeConfig
from pipeline.run import Run
from serving.errors import CheckreaderError
from tests.support import tiny_field

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def copy(tmp_path: Path) -> Run:
    """The trained run, free to be changed."""
    for name in ("train.json", "float.keras"):
        shutil.copy(tiny_field.trained() / name, tmp_path / name)
    return Run(tmp_path)


def test_the_record() -> None:
    record = tiny_field.quantized().require("quantize")
    assert record["task"] == "field"
    assert record["fields"] == 20
    assert record["metrics"]["same_best_symbol"] > 0.98
    assert set(record["ranges"]) == {row.name for row in lenet5_field.table() if row.kind == "convolution"}
    assert "quantized/saved_model.pb" in record["files"]


def test_the_integers_have_the_measured_ranges() -> None:
    run = tiny_field.quantized()
    integers = integer_reference.load(tflite.convert_int8(run / "quantized", 1.0))
    assert integers.task is spec.FIELD
    assert (integers.input.zero_point, integers.input.scale) == (-128, np.float32(1 / 255))
    for layer in integers.layers:
        if layer.kind == "conv":
            low, high = run.require("quantize")["ranges"][layer.name]
            assert layer.output.scale == pytest.approx((high - low) / 255, rel=1e-5)
            assert len(layer.weight_scales) == len(layer.weights)  # one for each channel
            assert np.abs(layer.weights).max(axis=(1, 2, 3)).min() == 127


def test_ranges_are_cut_where_it_is_asked_for() -> None:
    import keras

    model = keras.models.load_model(tiny_field.trained() / "float.keras", compile=False)
    groups = batching.make_batches(spec.FIELD, tiny_field.fields(6))
    whole, inner, outer = (
        field.activation_ranges(model, groups, *shares) for shares in ((1.0, 1.0), (0.99, 1.0), (1.0, 0.99))
    )
    assert all(inner[name][1] < whole[name][1] for name in whole if name != "logits")
    assert inner["logits"] == whole["logits"]
    assert whole["logits"][0] < outer["logits"][0] <= 0 <= outer["logits"][1] < whole["logits"][1]
    assert all(outer[name] == whole[name] for name in whole if name != "logits")


def test_quantizing_again_replaces_the_first_result(copy: Run) -> None:
    field.quantize(copy, FieldQuantizeConfig(), tiny_field.fields(4))
    (copy / "quantized/stale").write_text("of an older version")
    field.quantize(copy, FieldQuantizeConfig(), tiny_field.fields(4))
    copy.require("quantize")
    assert not (copy / "quantized/stale").exists()


def test_a_digit_run_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.record("train", [], task="digit", config={}, data={})
    with pytest.raises(CheckreaderError, match="not a run of the task field"):
        field.quantize(run, FieldQuantizeConfig(), tiny_field.fields(1))


def test_no_fields_are_refused(copy: Run) -> None:
    with pytest.raises(CheckreaderError, match="no pictures"):
        field.quantize(copy, FieldQuantizeConfig(), [])
    assert not (copy / "quantize.json").exists()


def test_weights_that_are_none(copy: Run) -> None:
    (copy / "float.keras").write_bytes(b"no model")
    copy.record("train", ["float.keras"], task="field", config={}, data={})
    with pytest.raises(CheckreaderError, match=r"float\.keras: Keras cannot load it"):
        field.quantize(copy, FieldQuantizeConfig(), tiny_field.fields(1))
