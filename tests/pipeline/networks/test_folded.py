"""The folded network, which is deployed, and a run of it through the stages after training."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from pipeline.config import CLASSICAL, Lenet5Options
from pipeline.data.digits import Dataset
from pipeline.export import predictor
from pipeline.export.formats import FOLDER, get
from pipeline.networks import folded, integer_reference
from pipeline.networks.lenet5 import build
from pipeline.run import Run
from serving.images.digit import tensor

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def test_both_views_give_the_same_answers() -> None:
    keras.utils.set_random_seed(0)
    model = build(keras)
    for layer in model.layers:  # biases are zero at first
        layer.set_weights([weight + np.float32(0.1) for weight in layer.get_weights()])
    images = np.random.default_rng(0).random((20, 28, 28, 1), np.float32)
    expected = np.asarray(model(images))
    answers = np.asarray(folded.fold(keras, model)(images))
    assert expected.std() > 1e-2
    np.testing.assert_allclose(answers, expected, atol=1e-5 * np.abs(expected).max())


def test_kernel_is_the_mean_of_four() -> None:
    kernel = np.random.default_rng(0).random((5, 5, 2, 3), np.float32)
    merged = folded.fold_kernel(kernel)
    assert (merged.shape, merged.dtype) == ((6, 6, 2, 3), np.float32)
    np.testing.assert_allclose(merged.sum((0, 1)), kernel.sum((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(merged[0, 0], kernel[0, 0] / 4)
    np.testing.assert_allclose(merged[5, 5], kernel[4, 4] / 4)


@pytest.mark.parametrize(
    "options",
    [CLASSICAL, Lenet5Options(activate="before"), Lenet5Options("max"), Lenet5Options("average", "tanh", "after")],
)  # fmt: skip
def test_what_does_not_fold_stays(options: Lenet5Options) -> None:
    model = build(keras, options)
    assert not folded.folds(keras, model)
    assert folded.fold(keras, model) is model


def test_table_is_what_keras_counts() -> None:
    model = folded.build(keras)
    for row in folded.table():
        layer = model.get_layer(row.name)
        assert (row.parameters, row.shape) == (layer.count_params(), layer.output.shape[1:])
    assert model.count_params() == 62_828
    assert sum(row.multiply_accumulates for row in folded.table()) == 187_656


def test_the_run_keeps_the_trained_network_and_exports_the_folded(exported: Run, digits: Dataset) -> None:
    trained = keras.models.load_model(exported / "float.keras", compile=False)
    assert trained.get_layer("c1").kernel.shape == (5, 5, 1, 6)
    images = tensor(digits.test.images)
    logits = trained.predict(images, verbose=0) / exported.require("train")["calibration"]["temperature"]
    expected = np.asarray(keras.ops.softmax(logits))
    row = get("onnx_float32")
    answers = predictor.predictor(row, exported / FOLDER / row.file)(images)
    np.testing.assert_allclose(answers, expected, atol=1e-5)
    assert (expected.argmax(1) == digits.test.labels).mean() > 0.8
    metrics = exported.require("quantize")["metrics"]
    assert abs(metrics["validation_accuracy"] - metrics["float_validation_accuracy"]) < 0.05


def test_the_integers_are_five_layers(integers: bytes) -> None:
    network = integer_reference.load(integers)
    assert tuple(layer.name for layer in network.layers) == folded.LAYERS
    assert [layer.kind for layer in network.layers] == ["conv", "conv", "dense", "dense", "dense"]
    first, second = network.layers[:2]
    assert (first.window, first.stride, first.padding) == ((6, 6), (2, 2), (2, 2, 2, 2))
    assert (second.window, second.stride, second.padding) == ((6, 6), (2, 2), (0, 0, 0, 0))
