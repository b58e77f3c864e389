"""The field network in every format: the same answers, for any number of fields of any width."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pipeline.export import onnx_int8, predictor, provenance
from pipeline.export.export import export
from pipeline.export.formats import FIELD_FORMATS, FOLDER, Format, get
from pipeline.networks import batching, integer_reference, spec
from pipeline.networks.lenet5_field import CLASSES
from pipeline.run import Run
from pipeline.verification import drift
from serving.errors import CheckreaderError
from serving.images.digit import tensor
from serving.runtime import litert
from serving.runtime import onnx as runtime
from serving.runtime.network import softmax
from tests.support import tiny_field

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ALL = pytest.mark.parametrize("row", FIELD_FORMATS, ids=lambda row: row.name)
INT8 = pytest.mark.parametrize(
    "row", [row for row in FIELD_FORMATS if row.type == "int8"], ids=lambda row: row.name
)


@pytest.fixture(scope="module")
def run() -> Run:
    return tiny_field.exported()


@pytest.fixture(scope="module")
def network(run: Run) -> integer_reference.Reference:
    return integer_reference.load((run / FOLDER / get("tflite_int8", "field").file).read_bytes())


@pytest.fixture(scope="module")
def pictures() -> list[batching.Batch]:
    """Printed numbers, noise, blank and black fields, at the edges of the buckets too."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (32, width), np.uint8) for width in (1, 16, 17, 64)]
    plain = [np.full((32, 33), level, np.uint8) for level in (0, 255)]
    return batching.make_batches(spec.FIELD, [*tiny_field.fields(12, seed=5), *noise, *plain])


def file(run: Run, row: Format) -> Path:
    return run / FOLDER / row.file


def test_names_and_files_are_unique() -> None:
    for values in ([row.name for row in FIELD_FORMATS], [row.file for row in FIELD_FORMATS]):
        assert len(set(values)) == len(values)
    assert {row.task for row in FIELD_FORMATS} == {"field"}


def test_every_format_is_written(run: Run) -> None:
    record = run.require("export")
    assert record["refused"] == {}
    assert set(record["files"]) == {f"{FOLDER}/{row.file}" for row in FIELD_FORMATS}
    for row in FIELD_FORMATS:
        found = provenance.read(file(run, row))
        assert (found["model"], found["format"], found["seed"]) == (row.model, row.name, 0)
        assert found["data"]["name"] == "printed"


def test_the_same_run_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "run", ignore=shutil.ignore_patterns("export*"))
    assert export(Run(tmp_path / "run"))["files"] == run.require("export")["files"]


@ALL
def test_agrees_with_what_it_is_compared_with(
    run: Run, row: Format, network: integer_reference.Reference, pictures: list[batching.Batch]
) -> None:
    found = batching.predict(
        pictures, lambda pixels: predictor.predictor(row, file(run, row))(tensor(pixels))
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    if row.type == "int8":
        logits = batching.predict(pictures, lambda pixels: integer_reference.logits(network, pixels))
        wanted = softmax(drift.dequantize(logits, network.output))
        assert np.abs(found - wanted).max() < 0.2  # one unit of a logit, between two symbols
        assert (found.argmax(1) == wanted.argmax(1)).mean() > 0.98
    else:
        keras = get("keras", "field")
        wanted = batching.predict(
            pictures, lambda pixels: predictor.predictor(keras, file(run, keras))(tensor(pixels))
        )
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@INT8
def test_integers_within_one_of_the_reference(
    run: Run, row: Format, network: integer_reference.Reference, pictures: list[batching.Batch]
) -> None:
    ask = predictor.logit_predictor(row, file(run, row), network.output)
    found = batching.predict(pictures, ask)
    wanted = batching.predict(pictures, lambda pixels: integer_reference.logits(network, pixels))
    assert found.dtype == np.int8
    assert np.abs(found.astype(int) - wanted).max() <= 1


@ALL
def test_company_does_not_matter(run: Run, row: Format, pictures: list[batching.Batch]) -> None:
    batch = max(pictures, key=lambda batch: len(batch.pixels))
    image = tensor(batch.pixels)
    ask = predictor.predictor(row, file(run, row))
    together = ask(image)
    assert together.shape == spec.FIELD.output_shape(len(image), image.shape[2], CLASSES)
    np.testing.assert_allclose(together[-1:], ask(image[-1:]), rtol=0, atol=1e-6)


@ALL
def test_layers_are_in_their_places(run: Run, row: Format, pictures: list[batching.Batch]) -> None:
    pixels = pictures[1].pixels
    found = predictor.layer_predictor(row, file(run, row))(pixels)
    assert {name: values.shape[1:] for name, values in found.items()} == {
        layer.name: layer.shape for layer in spec.FIELD.table(len(found), pixels.shape[2])
    }
    c3b, s4 = found["c3b"], found["s4"]
    rows = np.maximum(c3b[:, ::2], c3b[:, 1::2])
    np.testing.assert_allclose(np.maximum(rows[:, :, :-1], rows[:, :, 1:]), s4, atol=1e-6)
    wanted = predictor.layer_predictor(get("keras", "field"), file(run, get("keras", "field")))(pixels)
    for name, values in found.items():
        apart = np.abs(values - wanted[name]).max() / np.ptp(wanted[name])
        # In 8 bits, ink that is no printed digit saturates the ranges of those; by how much depends on the processor
        # that trained the network.
        assert apart < (0.3 if row.type == "int8" else 1e-5), name


def test_onnx_moves_nothing_but_the_logits(run: Run, network: integer_reference.Reference) -> None:
    kinds = Counter(layer.kind for layer in network.layers)
    for name, transpositions in (("onnx_float32", 1), ("onnx_int8", 2)):  # in 8 bits the pixels, too
        model = onnx.load(file(run, get(name, "field")))
        count = Counter(node.op_type for node in model.graph.node)
        assert count["Transpose"] == transpositions
        assert (count["Conv"], count["MaxPool"]) == (kinds["conv"], kinds["max_pool"])
        sides = [
            [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
            for value in (*model.graph.input, *model.graph.output)
        ]
        assert sides == [["N", 32, "W", 1], ["N", "T", CLASSES]]


def test_onnx_runtime_computes_it_in_integers_alone(run: Run, network: integer_reference.Reference) -> None:
    found = onnx_int8.check_integer_kernels(file(run, get("onnx_int8", "field")).read_bytes(), network)
    assert found["QLinearConv"] == sum(layer.kind == "conv" for layer in network.layers)
    assert (
        not {"Conv", "FusedConv", "Transpose"} & found.keys()
    )  # the graph's transpositions cancel the runtime's


def test_the_integers_are_the_tflites(run: Run, network: integer_reference.Reference) -> None:
    model = onnx.load(file(run, get("onnx_int8", "field")))
    constants = {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}
    for layer in network.layers:
        if layer.kind == "conv":
            np.testing.assert_array_equal(
                constants[f"{layer.name}_weights_int"], layer.weights.transpose(0, 3, 1, 2)
            )
            np.testing.assert_array_equal(constants[f"{layer.name}_bias_int"], layer.bias)


@pytest.mark.parametrize("name", ["tflite_float32", "tflite_int8"])
def test_litert_takes_one_width_after_the_other(run: Run, name: str) -> None:
    loaded = litert.load(file(run, get(name, "field")))
    assert loaded.input.shape == (-1, 32, -1, 1)
    for width in (128, 40, 656, 48):
        assert loaded.infer(np.zeros((1, 32, width, 1), np.float32)).shape == spec.FIELD.output_shape(
            1, width, CLASSES
        )


def test_onnx_takes_one_width_after_the_other(run: Run) -> None:
    loaded = runtime.load(file(run, get("onnx_int8", "field")))
    for count, width in ((1, 128), (3, 40), (2, 656)):
        shape = spec.FIELD.output_shape(count, width, CLASSES)
        assert loaded.infer(np.zeros((count, 32, width, 1), np.float32)).shape == shape


def test_the_reference_takes_chunks_of_any_width(network: integer_reference.Reference) -> None:
    """More fields than it computes at once."""
    pixels = np.random.default_rng(0).integers(0, 256, (200, 32, 64), np.uint8)
    logits = integer_reference.logits(network, pixels)
    assert logits.shape == (200, 13, CLASSES)
    parts = [integer_reference.logits(network, part) for part in (pixels[:90], pixels[90:])]
    np.testing.assert_array_equal(logits, np.concatenate(parts))


def test_a_damaged_reference_is_an_error_line(run: Run) -> None:
    content = file(run, get("tflite_int8", "field")).read_bytes()
    with pytest.raises(CheckreaderError):
        integer_reference.load(content[: len(content) // 2])
