from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from pipeline.config import Lenet5Options, QuantizeConfig, TrainConfig
from pipeline.data.digits import Dataset
from pipeline.export import provenance, source
from pipeline.export.export import export, writer
from pipeline.export.formats import FOLDER, FORMATS, get
from pipeline.networks import lenet5
from pipeline.run import Run
from serving.errors import CheckreaderError
from serving.runtime import litert
from serving.runtime import onnx as runtime

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = [row.name for row in FORMATS]


@pytest.fixture
def copy(quantized: Run, tmp_path: Path) -> Run:
    """The quantized run, free to be changed."""
    shutil.copytree(quantized.path, tmp_path / "run", ignore=shutil.ignore_patterns("export*", "tensorboard"))
    return Run(tmp_path / "run")


def test_every_format_is_written_and_recorded(exported: Run) -> None:
    record = exported.require("export")
    assert set(record["files"]) == {f"{FOLDER}/{file}" for row in FORMATS for file in row.writers}
    assert record["refused"] == {}
    assert all(record["formats"][name]["bytes"] > 0 for name in NAMES)


def test_the_same_run_gives_the_same_bytes(exported: Run, copy: Run) -> None:
    assert export(copy)["files"] == exported.require("export")["files"]


@pytest.mark.parametrize(("name", "most"), [("tflite_int8", 75_000), ("onnx_int8", 85_000)])
def test_sizes(exported: Run, name: str, most: int) -> None:
    assert (exported / FOLDER / get(name).file).stat().st_size <= most


@pytest.mark.parametrize("row", FORMATS, ids=NAMES)
def test_every_file_says_where_it_comes_from(exported: Run, row: object) -> None:
    found = provenance.read(exported / FOLDER / row.file)
    stage = "quantize" if row.model == "lenet5-int8" else "train"
    record = exported.require(stage)
    assert found["format"] == row.name
    assert found["model"] == row.model
    assert found["data"] == {"name": "digits", "sha256": record["data"]["sha256"]}
    assert found["seed"] == 0
    assert found["temperature"] == record["calibration"]["temperature"]
    assert found["source"] == {name: entry["sha256"] for name, entry in record["files"].items()}


def test_provenance_ends_no_comment(tmp_path: Path) -> None:
    content = provenance.embed_in_c("int x;", {"data": "a */ b"})
    (tmp_path / "a.c").write_bytes(content)
    assert content.count(b"*/") == 1
    assert provenance.read(tmp_path / "a.c") == {"data": "a */ b"}


def test_a_file_without_provenance_is_refused(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\0")
    (tmp_path / "model.txt").write_text("")
    (tmp_path / "model.c").write_text("int x;\n")
    (tmp_path / "model.wasm").write_bytes(b"\0asm\1\0\0\0")
    others = [tmp_path / f"model.{suffix}" for suffix in ("onnx", "txt", "c", "wasm")]
    for path in (trained / "float.keras", *others):
        with pytest.raises(CheckreaderError, match=r"no (readable )?provenance"):
            provenance.read(path)


@pytest.mark.parametrize(
    "row", [row for row in FORMATS if row.runtime == "onnxruntime"], ids=lambda row: row.name
)
def test_onnx_contract(exported: Run, row: object) -> None:
    path = exported / FOLDER / row.file
    model = onnx.load(path)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 17}
    network = runtime.load(path)
    assert (network.input.name, network.input.datatype, network.input.shape) == (
        "image",
        "FP32",
        (-1, 28, 28, 1),
    )
    outputs = {output.name: (output.datatype, output.shape) for output in network.outputs}
    expected = {"probabilities": ("FP32", (-1, 10))}
    if row.model == "lenet5-features":
        features = {layer.name: ("FP32", (-1, *layer.shape)) for layer in lenet5.table()[:-1]}
        expected = {**features, **expected}
    assert list(outputs.items()) == list(expected.items())
    operators = [node.op_type for node in model.graph.node]
    assert "Transpose" not in operators or row.model == "lenet5-features"


@pytest.mark.parametrize("row", [row for row in FORMATS if row.runtime == "litert"], ids=lambda row: row.name)
def test_tflite_contract(exported: Run, row: object) -> None:
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


def test_keras_files_open_without_this_project(exported: Run) -> None:
    import keras

    for name in ("keras", "keras_int8"):
        model = keras.models.load_model(exported / FOLDER / get(name).file, compile=False, safe_mode=True)
        assert model.input_shape == (None, 28, 28, 1)
        assert model.output_shape == (None, 10)
        assert model.output_names == ["probabilities"]


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


def _random_run(path: Path, options: Lenet5Options, digits: Dataset) -> Run:
    """An untrained network, quantized post-training."""
    import keras

    from pipeline.quantization.digit import quantize

    run = Run(path)
    keras.utils.set_random_seed(1)
    lenet5.build(keras, options).save(run / "float.keras")
    config = TrainConfig(data="digits", network=options, outliers=0)
    run.record(
        "train",
        ["float.keras"],
        config=dataclasses.asdict(config),
        data=digits.record(),
        calibration={"temperature": 1.0},
    )
    quantize(run, QuantizeConfig(method="ptq", calibration=100, batch=32), digits)
    return run


def test_average_pooling_in_8_bits(tmp_path: Path, digits: Dataset) -> None:
    from pipeline.export import predictor
    from pipeline.networks import integer_reference

    run = _random_run(tmp_path, Lenet5Options("average", "relu", "before"), digits)
    assert export(run)["refused"] == {}
    network = integer_reference.load((run / FOLDER / get("tflite_int8").file).read_bytes())
    expected = integer_reference.logits(network, digits.test.images[:100]).astype(int)
    for name in ("tflite_int8", "onnx_int8"):
        row = get(name)
        found = predictor.logit_predictor(row, run / FOLDER / row.file, network.output)(
            digits.test.images[:100]
        )
        assert np.abs(found - expected).max() <= 2  # random weights: averages lie on halves more often


def test_what_8_bits_cannot_do_is_refused_by_name_and_the_rest_is_written(
    tmp_path: Path, digits: Dataset
) -> None:
    run = _random_run(tmp_path, Lenet5Options("average", "tanh", "before"), digits)
    (run / FOLDER).mkdir()
    earlier = [run / FOLDER / name for name in (get("onnx_int8").file, *get("c").writers)]
    for path in earlier:
        path.write_bytes(b"of an earlier export")
    record = export(run)
    assert set(record["refused"]) == {"keras_int8", "onnx_int8", "c", "wasm"}
    assert "operator TANH" in record["refused"]["onnx_int8"]
    assert not any(path.exists() for path in earlier)
    assert len(record["files"]) == len(FORMATS) - 4


def test_it_needs_a_quantized_run(trained: Run, tmp_path: Path) -> None:
    for name in ("train.json", "float.keras"):
        shutil.copy(trained / name, tmp_path / name)
    with pytest.raises(CheckreaderError, match=r"quantize\.json: not found: run `checkreader quantize"):
        export(Run(tmp_path))


def test_a_changed_saved_model_is_refused(copy: Run) -> None:
    (copy / "quantized/saved_model.pb").write_bytes(b"changed")
    with pytest.raises(CheckreaderError, match=r"saved_model\.pb: its SHA-256 differs"):
        export(copy)


def test_a_record_of_another_version_is_refused(copy: Run) -> None:
    record = json.loads((copy / "quantize.json").read_text())
    (copy / "quantize.json").write_text(json.dumps({**record, "schema": 0}))
    with pytest.raises(CheckreaderError, match="another version of checkreader"):
        export(copy)
