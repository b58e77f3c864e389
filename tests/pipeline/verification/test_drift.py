"""Differences of layers, as shares of their range."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.digits import Dataset
from pipeline.export.formats import FORMATS, get
from pipeline.networks import batching, integer_reference, spec
from pipeline.run import Run
from pipeline.verification import drift


def test_every_type_has_its_tolerance() -> None:
    assert {row.type for row in FORMATS} == set(drift.DRIFT)


def test_the_coarser_type_counts() -> None:
    assert drift.tolerance("digit", "keras", "onnx_float32") == drift.DRIFT["float32"]
    assert drift.tolerance("digit", "keras", "tflite_dynamic") == drift.DRIFT["dynamic"]
    assert drift.tolerance("digit", "keras", drift.REFERENCE) == drift.DRIFT["int8"]


def test_dequantize() -> None:
    scale = integer_reference.Scale(0.5, -128)
    np.testing.assert_array_equal(drift.dequantize(np.array([-128, 0, 127], np.int8), scale), [0, 64, 127.5])


def test_the_difference_is_a_share_of_the_left_range() -> None:
    left = {"c1": np.array([-1, 3], np.float32), "f6": np.array([0, 10], np.float32)}
    right = {"c1": np.array([-1, 3.02], np.float32), "f6": np.array([0, 9], np.float32)}
    c1, f6 = drift.compare_layers(left, right, tolerance=0.02)
    assert (c1["layer"], c1["range"], c1["drifts"]) == ("c1", 4.0, False)
    assert c1["relative"] == pytest.approx(0.005, rel=1e-3)
    assert (f6["layer"], f6["relative"], f6["drifts"]) == ("f6", pytest.approx(0.1), True)


def test_of_two_views_what_both_have_is_compared() -> None:
    unfolded = {"c1": np.ones(8, np.float32), "s2": np.ones(2, np.float32), "f6": np.ones(3, np.float32)}
    deployed = {"c1": np.ones(2, np.float32), "f6": np.ones(3, np.float32)}
    for left, right in ((unfolded, deployed), (deployed, unfolded)):
        assert [row["layer"] for row in drift.compare_layers(left, right, 0.02)] == ["f6"]


def test_a_constant_layer_drifts_by_any_difference() -> None:
    zeros = np.zeros(3, np.float32)
    (row,) = drift.compare_layers({"c1": zeros}, {"c1": zeros + np.float32(1e-6)}, 0.05)
    assert row["drifts"]


def test_the_reference_and_a_file_of_its_integers(exported: Run, integers: bytes, digits: Dataset) -> None:
    """Activations of all batches come one after the other, in the order of the layers."""
    pixels = digits.test.images[:5]
    batches = [*batching.make_batches(spec.DIGIT, pixels[:3]), *batching.make_batches(spec.DIGIT, pixels[3:])]
    network = integer_reference.load(integers)
    reference = drift.activations(exported, drift.REFERENCE, batches, network)
    row = get("onnx_int8")
    onnx = drift.activations(exported, row.name, batches, None)
    assert list(reference) == [layer.name for layer in network.layers] == list(onnx)
    assert reference["c1"].size == 5 * int(np.prod(network.layers[0].shape))
    rows = drift.compare_layers(reference, onnx, drift.tolerance("digit", drift.REFERENCE, row.name))
    assert not any(layer["drifts"] for layer in rows)
