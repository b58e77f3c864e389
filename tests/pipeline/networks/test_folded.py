"""The folded network, and a run of it through the stages after training."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from pipeline.config import Lenet5Options
from pipeline.data.digits import Dataset
from pipeline.evaluation import benchmark, digit
from pipeline.export import onnx_int8, predictor, provenance
from pipeline.export.formats import FAST_FORMATS, FOLDER, Format, get
from pipeline.networks import folded, integer_reference
from pipeline.networks.lenet5 import build
from pipeline.report import run_data
from pipeline.run import Run
from pipeline.verification import verify
from serving.errors import CheckreaderError
from serving.images.digit import tensor
from serving.runtime import onnx as runtime
from tests.support import tiny_run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")

NAMES = ["keras", "keras_int8", "tflite_float32", "tflite_int8", "onnx_float32", "onnx_int8"]


@pytest.fixture(scope="module")
def fast() -> Run:
    return tiny_run.fast()


@pytest.fixture(scope="module")
def network(fast: Run) -> integer_reference.Reference:
    return integer_reference.load((fast / FOLDER / get("tflite_int8", "fast").file).read_bytes())


def test_same_answers() -> None:
    keras.utils.set_random_seed(0)
    model = build(keras, folded.OPTIONS)
    for layer in model.layers:  # biases are zero at first
        layer.set_weights([weight + np.float32(0.1) for weight in layer.get_weights()])
    images = np.random.default_rng(0).random((20, 28, 28, 1), np.float32)
    expected = np.asarray(model(images))
    found = np.asarray(folded.fold(keras, model)(images))
    assert expected.std() > 1e-2
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_kernel_is_the_mean_of_four() -> None:
    kernel = np.random.default_rng(0).random((5, 5, 2, 3), np.float32)
    found = folded.fold_kernel(kernel)
    assert (found.shape, found.dtype) == ((6, 6, 2, 3), np.float32)
    np.testing.assert_allclose(found.sum((0, 1)), kernel.sum((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(found[0, 0], kernel[0, 0] / 4)
    np.testing.assert_allclose(found[5, 5], kernel[4, 4] / 4)


@pytest.mark.parametrize(
    "options",
    [Lenet5Options(), Lenet5Options("average"), Lenet5Options("max", activate="after"), Lenet5Options("average", "tanh", "after")],
)  # fmt: skip
def test_what_does_not_fold(options: Lenet5Options) -> None:
    with pytest.raises(ValueError, match="only average pooling with ReLU after it"):
        folded.fold(keras, build(keras, options))


def test_table_is_what_keras_counts() -> None:
    model = folded.build(keras)
    for row in folded.table():
        layer = model.get_layer(row.name)
        assert (row.parameters, row.shape) == (layer.count_params(), layer.output.shape[1:])
    assert sum(row.multiply_accumulates for row in folded.table()) == 187_656


def test_the_run_keeps_the_trained_network_and_exports_the_folded(fast: Run, digits: Dataset) -> None:
    trained = keras.models.load_model(fast / "float.keras", compile=False)
    assert trained.get_layer("c1").kernel.shape == (5, 5, 1, 6)
    record = fast.require("export")
    assert (list(record["formats"]), record["refused"]) == (NAMES, {})
    images = tensor(digits.test.images)
    logits = trained.predict(images, verbose=0) / fast.require("train")["calibration"]["temperature"]
    expected = np.asarray(keras.ops.softmax(logits))
    row = get("onnx_float32", "fast")
    found = predictor.predictor(row, fast / FOLDER / row.file)(images)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (expected.argmax(1) == digits.test.labels).mean() > 0.8
    metrics = fast.require("quantize")["metrics"]
    assert abs(metrics["validation_accuracy"] - metrics["float_validation_accuracy"]) < 0.05


def test_what_is_not_written_is_unknown() -> None:
    with pytest.raises(
        CheckreaderError, match="unknown format 'c': choose one of keras, keras_int8, tflite_"
    ):
        get("c", "fast")


def test_every_file_says_what_it_is(fast: Run) -> None:
    for row in FAST_FORMATS:
        found = provenance.read(fast / FOLDER / row.file)
        assert (found["model"], found["format"]) == (row.model, row.name)
        assert row.task == "fast"


def test_the_integers_are_five_layers(network: integer_reference.Reference) -> None:
    assert tuple(layer.name for layer in network.layers) == folded.LAYERS
    assert [layer.kind for layer in network.layers] == ["conv", "conv", "dense", "dense", "dense"]
    first, second = network.layers[:2]
    assert (first.window, first.stride, first.padding) == ((6, 6), (2, 2), (2, 2, 2, 2))
    assert (second.window, second.stride, second.padding) == ((6, 6), (2, 2), (0, 0, 0, 0))


@pytest.mark.parametrize("row", [row for row in FAST_FORMATS if row.type == "int8"], ids=lambda row: row.name)
def test_within_a_unit_of_the_reference(
    row: Format, fast: Run, network: integer_reference.Reference, digits: Dataset
) -> None:
    expected = integer_reference.logits(network, digits.test.images).astype(int)
    found = predictor.logit_predictor(row, fast / FOLDER / row.file, network.output)(digits.test.images)
    assert np.abs(found - expected).max() <= 1
    assert np.abs(expected).max() > 20


def test_onnx_runtime_computes_it_in_integers_alone(fast: Run, network: integer_reference.Reference) -> None:
    content = (fast / FOLDER / get("onnx_int8", "fast").file).read_bytes()
    found = onnx_int8.check_integer_kernels(content, network)
    assert (found["QLinearConv"], found["QGemm"]) == (2, 3)
    assert not {"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "MaxPool"} & found.keys()


def test_onnx_has_neither_pooling_nor_transposition(fast: Run) -> None:
    import onnx

    path = fast / FOLDER / get("onnx_float32", "fast").file
    nodes = onnx.load(path).graph.node
    operators = [node.op_type for node in nodes]
    strides = [
        attribute.ints for node in nodes for attribute in node.attribute if attribute.name == "strides"
    ]
    assert strides == [[4, 2], [1, 2]]
    assert not {"Transpose", "Pad", "MaxPool", "AveragePool"} & set(operators)
    assert runtime.load(path).input.shape == (-1, 28, 28, 1)


def test_verified(fast: Run, digits: Dataset) -> None:
    record = verify.verify(fast, digits.test.images)
    assert (record["passed"], record["broken"], record["refused"]) == (True, [], {})
    assert [entry["format"] for entry in record["judged"]] == NAMES[1:]
    for left, right in (("keras", "onnx_float32"), ("reference", "onnx_int8")):
        found = verify.explain(fast, left, right, digits.test.images[:40])
        assert tuple(row["layer"] for row in found["layers"]) == folded.LAYERS
        assert found["first"] is None


def test_evaluated(fast: Run, digits: Dataset) -> None:
    record = digit.evaluate(fast, digits.test, "digits")
    assert list(record["families"]) == ["lenet5-fast", "lenet5-fast-int8"]
    assert set(record["formats"]) == set(NAMES)
    assert record["families"]["lenet5-fast"]["accuracy"]["value"] > 0.8


def test_measured(fast: Run, digits: Dataset) -> None:
    rows = [get("onnx_int8", "fast")]
    record = benchmark.benchmark(fast, digits.validation.images[:20], rows, rounds=1, seconds=0.01)
    assert (record["batch"], list(record["formats"])) == (256, ["onnx_int8"])
    assert "pictures/s" in benchmark.summary(record)


def test_no_report_is_made_of_it(fast: Run) -> None:
    with pytest.raises(CheckreaderError, match="this one has its pooling folded away"):
        run_data.require(fast)
