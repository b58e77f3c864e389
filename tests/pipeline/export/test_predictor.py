import numpy as np
import pytest

from pipeline.data import digits
from pipeline.export import predictor
from pipeline.export.formats import FOLDER, FORMATS, Format, get
from pipeline.networks import folded, integer_reference, lenet5, spec
from pipeline.run import Run
from serving.errors import CheckreaderError
from serving.images.digit import tensor
from serving.runtime.network import softmax
from tests.support.tiny_run import exported

UNFOLDED = ("keras_unfolded", "onnx_features")
ALL = pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
INSIDE = pytest.mark.parametrize(
    "row", [row for row in FORMATS if row.runtime not in ("c", "wasm")], ids=lambda row: row.name
)
INT8 = pytest.mark.parametrize(
    "row", [row for row in FORMATS if row.type == "int8"], ids=lambda row: row.name
)


@pytest.fixture(scope="module")
def run() -> Run:
    return exported()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return digits.load("digits").test.images[:40]


@pytest.fixture(scope="module")
def integers(run: Run) -> integer_reference.Reference:
    return integer_reference.load((run / FOLDER / get("tflite_int8").file).read_bytes())


def scaled(values: np.ndarray, scale: integer_reference.Scale) -> np.ndarray:
    return (values.astype(np.float32) - scale.zero_point) * np.float32(scale.scale)


@ALL
def test_probabilities(run: Run, row: Format, pixels: np.ndarray) -> None:
    ask = predictor.predictor(row, run / FOLDER / row.file)
    many = np.resize(pixels, (predictor.BATCH + 1, 28, 28))  # more than fit into one batch
    found = ask(tensor(many))
    assert found.dtype == np.float32
    assert found.shape == (len(many), 10)
    np.testing.assert_allclose(found.sum(1), 1, atol=2e-3)
    np.testing.assert_allclose(ask(tensor(many[-1:])), found[-1:], atol=1e-5)


@INT8
def test_probabilities_are_the_softmax_of_the_int8_logits(
    run: Run, row: Format, pixels: np.ndarray, integers: integer_reference.Reference
) -> None:
    path = run / FOLDER / row.file
    logits = predictor.logit_predictor(row, path, integers.output)(pixels)
    assert logits.dtype == np.int8
    found = predictor.predictor(row, path)(tensor(pixels))
    np.testing.assert_allclose(softmax(scaled(logits, integers.output)), found, atol=1e-5)


@INSIDE
def test_activations(
    run: Run, row: Format, pixels: np.ndarray, integers: integer_reference.Reference
) -> None:
    path = run / FOLDER / row.file
    found = predictor.layer_predictor(row, path)(pixels)
    table = lenet5.table() if row.name in UNFOLDED else folded.table()
    assert {name: values.shape[1:] for name, values in found.items()} == {
        layer.name: layer.shape for layer in table
    }
    if row.name == "onnx_int8":
        # Where a tensor is asked for, ONNX Runtime fuses less, and on some processors rounds a tie the other way.
        logits = scaled(predictor.logit_predictor(row, path, integers.output)(pixels), integers.output)
        np.testing.assert_allclose(found["logits"], logits, atol=1.01 * integers.output.scale)
    else:  # nothing of what runs was changed by looking inside: the logits give the file's own probabilities
        answers = predictor.predictor(row, path)(tensor(pixels))
        tolerance = 2e-3 if row.type == "float16" else 1e-5
        np.testing.assert_allclose(softmax(found["logits"]), answers, atol=tolerance)


@pytest.mark.parametrize("name", ["keras_int8", "tflite_int8", "onnx_float32", "onnx_int8"])
def test_activations_of_a_network_that_does_not_fold(pooled: Run, name: str, pixels: np.ndarray) -> None:
    """Pooling takes the largest of 2×2 neighbors: true only if rows, columns and channels are in their places."""
    row = get(name)
    found = predictor.layer_predictor(row, pooled / FOLDER / row.file)(pixels)
    assert tuple(found) == lenet5.LAYERS
    for before, after in (("c1", "s2"), ("c3", "s4")):
        count, side, _, channels = found[before].shape
        blocks = found[before].reshape(count, side // 2, 2, side // 2, 2, channels)
        np.testing.assert_allclose(blocks.max(axis=(2, 4)), found[after], atol=1e-6)


@pytest.mark.parametrize("row", [row for row in FORMATS if row.type != "int8"], ids=lambda row: row.name)
def test_activations_are_those_of_keras(run: Run, row: Format, pixels: np.ndarray) -> None:
    found = predictor.layer_predictor(row, run / FOLDER / row.file)(pixels)
    keras = get("keras_unfolded" if row.name in UNFOLDED else "keras")
    wanted = predictor.layer_predictor(keras, run / FOLDER / keras.file)(pixels)
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=0.05 * np.ptp(values), err_msg=name)


@pytest.mark.parametrize(
    "row", [get("keras_int8"), get("tflite_int8"), get("onnx_int8")], ids=lambda row: row.name
)
def test_activations_lie_on_the_integer_grid(
    run: Run, row: Format, pixels: np.ndarray, integers: integer_reference.Reference
) -> None:
    found = predictor.layer_predictor(row, run / FOLDER / row.file)(pixels)
    for layer in integers.layers:
        steps = found[layer.name] / np.float32(layer.output.scale)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3, err_msg=layer.name)


@pytest.mark.parametrize("name", ["c", "wasm"])
def test_what_shows_no_layers_says_so(run: Run, name: str) -> None:
    row = get(name)
    with pytest.raises(CheckreaderError, match=f"{name} shows no layers"):
        predictor.layer_predictor(row, run / FOLDER / row.file)


def test_layer_outputs_follow_the_operators() -> None:
    layers = [("Conv", ["image"], ["a"]), ("Relu", ["a"], ["c1"]), ("MaxPool", ["c1"], ["s2"])]
    layers += [("Conv", ["s2"], ["c3"]), ("MaxPool", ["c3"], ["b"]), ("QuantizeLinear", ["b"], ["s4"])]
    # Dequantized, moved and quantized again with the same scale: still what s4 computed.
    layers += [
        ("DequantizeLinear", ["s4"], ["d"]),
        ("Reshape", ["d"], ["e"]),
        ("QuantizeLinear", ["e"], ["f"]),
    ]
    layers += [("DequantizeLinear", ["f"], ["g"]), ("Gemm", ["g"], ["c5"]), ("MatMul", ["c5"], ["h"])]
    layers += [("Add", ["h"], ["f6"]), ("Gemm", ["f6"], ["logits"]), ("Softmax", ["logits"], ["end"])]
    found = predictor.layer_outputs(layers, "end", spec.DIGIT)
    assert found == {name: name for name in lenet5.LAYERS}


def test_a_network_of_another_depth_is_refused() -> None:
    with pytest.raises(CheckreaderError, match="1 layers, expected LeNet-5's 5"):
        predictor.layer_outputs([("Gemm", ["image"], ["end"])], "end", spec.DIGIT)


@pytest.mark.parametrize("name", ["keras", "tflite_float32", "onnx_float32"])
def test_a_damaged_file(name: str, tmp_path) -> None:
    row = get(name)
    (tmp_path / row.file).write_bytes(b"no model")
    with pytest.raises(CheckreaderError, match="cannot load"):
        predictor.predictor(row, tmp_path / row.file)
