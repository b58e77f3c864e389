"""Keras files: they open without this project, and the 8-bit one computes on the integers' grid."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.digits import Dataset
from pipeline.export.formats import FOLDER, get
from pipeline.networks import integer_reference
from pipeline.run import Run

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_keras_files_open_without_this_project(exported: Run) -> None:
    import keras

    for name in ("keras", "keras_int8"):
        model = keras.models.load_model(exported / FOLDER / get(name).file, compile=False, safe_mode=True)
        assert model.input_shape == (None, 28, 28, 1)
        assert model.output_shape == (None, 10)
        assert model.output_names == ["probabilities"]


def test_the_int8_network_computes_on_the_integers_grid(
    exported: Run, integers: bytes, digits: Dataset
) -> None:
    import keras

    network = integer_reference.load(integers)
    model = keras.models.load_model(exported / FOLDER / get("keras_int8").file, compile=False)
    inner = keras.Model(model.input, model.get_layer("c1_int8").output)
    outputs = np.asarray(inner(digits.test.images[:3, ..., None] / np.float32(255)))
    scale = network.layers[0].output.scale
    steps = outputs / np.float32(scale)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    expected = integer_reference.activations(network, digits.test.images[:3])["c1"].astype(int)
    apart = np.abs(np.rint(steps) + network.layers[0].output.zero_point - expected)
    assert apart.max() <= 1
