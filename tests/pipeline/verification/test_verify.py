import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pipeline.data import digits
from pipeline.export.formats import FOLDER, FORMATS, get
from pipeline.networks import integer_reference
from pipeline.run import Run
from pipeline.verification import agreement, verify
from serving.errors import CheckreaderError
from tests.support.tiny_run import copied, exported, record


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return digits.load("digits").test.images


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Verifies these formats alone."""
    return lambda *names: monkeypatch.setattr(verify, "TABLE", {"digit": [get(name) for name in names]})


def spoil(run: Run, name: str, change: Callable[[onnx.ModelProto], None]) -> None:
    path = run / FOLDER / get(name).file
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    record(run)


def constant(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Changes the one constant of that name."""
    (entry,) = (entry for entry in model.graph.initializer if entry.name == name)
    entry.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(entry)), name))


def test_every_bound_holds(images: np.ndarray) -> None:
    run = exported()
    found = verify.verify(run, images)
    assert found["passed"], found["broken"]
    assert json.loads((run / "verify.json").read_text()) == found
    assert found["pictures"] == len(images)
    assert {entry["format"] for entry in found["judged"]} == {row.name for row in FORMATS if row.bound}
    family = {
        "float": sum(row.type != "int8" for row in FORMATS),
        "int8": 1 + sum(row.type == "int8" for row in FORMATS),
    }
    assert len(found["pairs"]) == sum(size * (size - 1) // 2 for size in family.values())
    text = agreement.summary(found)
    assert "all bounds hold" in text
    assert all(row.name in text for row in FORMATS)


def test_a_changed_file_is_refused(tmp_path: Path, images: np.ndarray) -> None:
    run = copied(tmp_path)
    path = run / FOLDER / get("onnx_float32").file
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckreaderError, match="SHA-256"):
        verify.verify(run, images)


@pytest.mark.parametrize("layer", ["c3", "f6"])
def test_a_damaged_float_layer_is_found_and_named(
    layer: str, tmp_path: Path, only: Callable[..., None], images: np.ndarray
) -> None:
    run = copied(tmp_path)
    operator = {"c3": ("Conv", 1), "f6": ("MatMul", 1)}[layer]

    def damage(model: onnx.ModelProto) -> None:
        node = [node for node in model.graph.node if node.op_type == operator[0]][operator[1]]
        constant(model, node.input[1], lambda weights: weights * np.float32(1.01))

    spoil(run, "onnx_float32", damage)
    only("keras", "onnx_float32", "tflite_float32")
    found = verify.verify(run, images)
    assert not found["passed"]
    assert all(line.startswith("onnx_float32 against keras: ") for line in found["broken"])
    assert found["broken"][0] in agreement.summary(found)
    explained = verify.explain(run, "keras", "onnx_float32", images)
    assert explained["first"] == layer
    assert agreement.explanation(explained).endswith(f"keras and onnx_float32 drift apart in {layer}")
    assert verify.explain(run, "keras", "tflite_float32", images)["first"] is None


def test_a_damaged_integer_is_found_and_named(
    tmp_path: Path, only: Callable[..., None], images: np.ndarray
) -> None:
    run = copied(tmp_path)
    spoil(run, "onnx_int8", lambda model: constant(model, "c5_bias_int", lambda bias: bias + 30_000))
    only("keras", "onnx_int8")
    found = verify.verify(run, images)
    assert any("onnx_int8 against reference: differs by" in line for line in found["broken"])
    assert verify.explain(run, "reference", "onnx_int8", images)["first"] == "c5"


def test_probabilities_that_do_not_follow_from_the_logits(
    tmp_path: Path, only: Callable[..., None], images: np.ndarray
) -> None:
    run = copied(tmp_path)

    def damage(model: onnx.ModelProto) -> None:
        last = next(node for node in model.graph.node if node.input[0] == "logits_int8")
        model.graph.initializer.append(numpy_helper.from_array(np.float32(0.3), "other_scale"))
        last.input[1] = "other_scale"

    spoil(run, "onnx_int8", damage)
    only("keras", "onnx_int8")
    broken = verify.verify(run, images)["broken"]
    assert len(broken) == 1
    assert "softmax of its own logits" in broken[0]


def test_a_wrong_feature_map_is_found(tmp_path: Path, only: Callable[..., None], images: np.ndarray) -> None:
    run = copied(tmp_path)

    def damage(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            names = ["other" if name == "f6" else name for name in node.output]
            node.ClearField("output")
            node.output.extend(names)
            inputs = ["other" if name == "f6" else name for name in node.input]
            node.ClearField("input")
            node.input.extend(inputs)
        model.graph.node.append(onnx.helper.make_node("Neg", ["other"], ["f6"]))

    spoil(run, "onnx_features", damage)
    only("keras", "onnx_features")
    broken = verify.verify(run, images)["broken"]
    assert len(broken) == 1
    assert broken[0].startswith("onnx_features: its output f6 differs from Keras's")


def test_values_that_are_no_numbers(tmp_path: Path, only: Callable[..., None], images: np.ndarray) -> None:
    run = copied(tmp_path)

    def damage(model: onnx.ModelProto) -> None:
        node = [node for node in model.graph.node if node.op_type == "MatMul"][-1]
        constant(model, node.input[1], lambda weights: weights * np.float32(np.nan))

    spoil(run, "onnx_float32", damage)
    only("onnx_float32")
    with pytest.raises(CheckreaderError, match=r"does not give .* finite probabilities"):
        verify.verify(run, images)


def test_what_was_not_exported_is_not_compared_and_said_so(tmp_path: Path, images: np.ndarray) -> None:
    run = copied(tmp_path)
    int8 = {row.name: "TANH is not computed" for row in FORMATS if row.type == "int8"}
    files = [f"{FOLDER}/{row.file}" for row in FORMATS if row.name not in int8]
    run.record("export", files, data={"name": "digits"}, refused=int8)
    found = verify.verify(run, images[:20])
    assert found["passed"]
    assert found["refused"] == int8
    assert not any("int8" in pair["left"] + pair["right"] for pair in found["pairs"])
    assert "not compared: onnx_int8: TANH is not computed" in agreement.summary(found)
    for name in ("onnx_int8", "reference"):
        with pytest.raises(CheckreaderError, match=f"{name} is not there to be compared: TANH"):
            verify.explain(run, "keras", name, images[:20])


def test_an_integer_file_without_a_reference_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: np.ndarray
) -> None:
    def load(tflite: bytes) -> None:
        raise integer_reference.Unsupported("LOGISTIC is not computed")

    run = copied(tmp_path)
    monkeypatch.setattr(integer_reference, "load", load)
    found = verify.verify(run, images[:20])
    assert found["refused"]["tflite_int8"] == "LOGISTIC is not computed"


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(CheckreaderError, match="unknown format 'onnx_int4'"):
        verify.explain(exported(), "keras", "onnx_int4", np.zeros((1, 28, 28), np.uint8))
