"""TensorFlow Lite files: their contract, alignment and scales."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.export.formats import FOLDER, FORMATS, Format
from pipeline.run import Run

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("row", [row for row in FORMATS if row.runtime == "litert"], ids=lambda row: row.name)
def test_tflite_contract(exported: Run, row: Format) -> None:
    from ai_edge_litert.interpreter import Interpreter

    content = (exported / FOLDER / row.file).read_bytes()
    interpreter = Interpreter(model_content=content)
    (image,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert image["name"] == "image"
    (signature,) = interpreter.get_signature_list().values()
    if row.type == "int8":
        assert (output["name"], signature) == ("logits", {"inputs": ["image"], "outputs": ["logits"]})
        assert image["dtype"] is output["dtype"] is np.int8
        assert image["shape_signature"].tolist() == [1, 28, 28, 1]
        assert image["quantization"] == (np.float32(1 / 255), -128)
    else:
        assert output["name"] == "probabilities"
        assert signature == {"inputs": ["image"], "outputs": ["probabilities"]}
        assert image["dtype"] is output["dtype"] is np.float32
        assert image["shape_signature"].tolist() == [-1, 28, 28, 1]


def test_tflite_constants_are_aligned(integers: bytes) -> None:
    """int32 biases at odd addresses stop a microcontroller."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(integers, 0)
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if not buffer.DataIsNone():
            start = buffer._tab.Vector(buffer._tab.Offset(4))
            assert start % 16 == 0


def test_the_temperature_is_in_the_scales_and_not_in_the_integers(exported: Run) -> None:
    from pipeline.export import tflite
    from pipeline.networks import integer_reference

    cold, hot = (
        integer_reference.load(tflite.convert_int8(exported / "quantized", temperature))
        for temperature in (1.0, 2.0)
    )
    for first, second in zip(cold.layers, hot.layers, strict=True):
        np.testing.assert_array_equal(first.weights, second.weights)
        np.testing.assert_array_equal(first.bias, second.bias)
    assert cold.output.scale == 2 * hot.output.scale
