"""Networks spelled as plain functions, in both layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config import Lenet5Options
from pipeline.data.digits import Dataset
from pipeline.export import source
from pipeline.export.export import writer
from pipeline.export.formats import get
from pipeline.networks import lenet5
from pipeline.networks.integer_reference import Unsupported
from serving.runtime import litert
from serving.runtime import onnx as runtime

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize(
    "options",
    [Lenet5Options("average", "tanh", "before"), Lenet5Options("average", "sigmoid", "after"), Lenet5Options("max", "relu", "after")],
    ids=lambda options: f"{options.pooling}-{options.activation}-{options.activate}",
)  # fmt: skip
def test_float_formats_of_every_kind_of_network(options: Lenet5Options, digits: Dataset) -> None:
    import keras

    keras.utils.set_random_seed(1)
    network = lenet5.build(keras, options)
    whole = source.Source(
        network, Path(), {"lenet5": 0.5}, {"seed": 0}, {"name": "digits", "sha256": {}}, {"lenet5": {}}
    )
    images = digits.test.images[:40, ..., None] / np.float32(255)
    expected = whole.inference_model.predict(images, verbose=0)
    for name in ("tflite_float32", "onnx_float32", "onnx_features", "onnx_float16"):
        row = get(name)
        content = writer(row.writer)(whole, whole.provenance(row))
        network = litert.load(content) if row.runtime == "litert" else runtime.load(content)
        found = network.run(images)[-1]
        np.testing.assert_allclose(found, expected, atol=1e-5 if row.type == "float32" else 5e-3)


def test_another_layer_is_refused() -> None:
    import keras

    from pipeline.export.tf_function import plain_function

    image = keras.Input((28, 28, 1))
    network = keras.Model(image, keras.layers.SeparableConv2D(2, 3, name="odd")(image))
    with pytest.raises(Unsupported, match="layer odd: SeparableConv2D is not exported"):
        plain_function(network, "NHWC", "probabilities")(np.zeros((1, 28, 28, 1), np.float32))
