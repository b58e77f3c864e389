"""Models held against the release's answers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from serving.errors import CheckreaderError
from serving.manifest import Artifact, GoldenDigit, Model, Tensor
from serving.repository import golden
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository
from serving.runtime.network import Network, Spec
from tests.serving.repository.test_store import exchange, refused
from tests.support.tiny import tiny_onnx


def digit_model(answers: np.ndarray) -> LoadedModel:
    """A model that answers the same whatever it is asked."""
    artifact = Artifact("m.onnx", "0" * 64, 1, "onnx_float32", "onnxruntime", "float32")
    model = Model("1", "digit", Tensor("image", "FP32", [-1, 28, 28, 1]), [artifact])
    network = Network(Spec("image", "FP32", (-1, 28, 28, 1)), (), lambda image: (answers,))
    return LoadedModel("lenet5", model, artifact, network)


ROW = np.array([0.02, 0.9] + [0.01] * 8, np.float32)
IMAGES = np.zeros((1, 28, 28, 1), np.float32)


def expected(row: np.ndarray) -> list[GoldenDigit]:
    return [GoldenDigit("1a.png", 1, "0" * 64, {"lenet5": {"onnx_float32": row.tolist()}})]


def test_digits_within_the_tolerance() -> None:
    off = ROW + np.float32(0.9 * golden.TOLERANCE)
    golden.check_digits(digit_model(off[None]), expected(ROW), IMAGES)


def test_digits_beyond_the_tolerance() -> None:
    off = ROW.copy()
    off[4] += 2 * golden.TOLERANCE
    with pytest.raises(
        CheckreaderError, match=r"1a.png it reads 1 where the release read 1, probabilities off by 0.002"
    ):
        golden.check_digits(digit_model(off[None]), expected(ROW), IMAGES)


def test_in_8_bits_the_last_place_may_differ_where_the_model_is_unsure() -> None:
    assert golden.tolerance(0.9, integer=False) == golden.TOLERANCE
    assert golden.tolerance(0.9999, integer=True) == golden.TOLERANCE
    # One logit of the ten by a last place of 0.4.
    logits = np.log(ROW.astype(np.float64))
    for index in range(10):
        moved = np.exp(logits + 0.4 * (np.arange(10) == index))
        moved /= moved.sum()
        assert np.abs(moved - ROW / ROW.sum()).max() <= golden.tolerance(float(ROW.max()), integer=True)
    assert golden.tolerance(float(ROW.max()), integer=True) < 0.1


def test_not_a_number_is_no_agreement() -> None:
    answers = ROW.copy()
    answers[1] = np.nan  # which argmax takes for the largest
    with pytest.raises(
        CheckreaderError, match="it reads 1 where the release read 1, probabilities off by nan"
    ):
        golden.check_digits(digit_model(answers[None]), expected(ROW), IMAGES)


def test_another_digit_of_nearly_the_same_probability() -> None:
    tie = np.full(10, 0.1, np.float32)
    first, second = tie.copy(), tie.copy()
    first[1] += 1e-4
    second[2] += 1e-4
    with pytest.raises(CheckreaderError, match="it reads 2 where the release read 1"):
        golden.check_digits(digit_model(second[None]), expected(first), IMAGES)


def test_another_shape() -> None:
    with pytest.raises(CheckreaderError, match=r"it answers \(1, 9\), expected \(1, 10\)"):
        golden.check_digits(digit_model(ROW[None, :9]), expected(ROW), IMAGES)


def test_an_empty_golden_set_is_no_proof() -> None:
    with pytest.raises(CheckreaderError, match="does not say what it should answer"):
        golden.check_digits(digit_model(ROW[None]), [], IMAGES)


@pytest.fixture
def edit_fields(own_models: Path, edit_manifest) -> Callable[[Callable[[dict], object]], None]:
    """Changes the golden field through a function that gets it as plain data."""

    def edit(change: Callable[[dict], object]) -> None:
        path = own_models / "golden/fields.json"
        content = msgspec.json.decode(path.read_bytes())
        change(content["fields"][0])
        path.write_bytes(msgspec.json.encode(content))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        edit_manifest(lambda manifest: manifest["golden"]["fields"].update(sha256=digest))

    return edit


def steps(field: dict, format: str = "onnx_float32") -> dict:
    return field["expected"]["lenet5-field"][format]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda field: field.update(width=77), "field-a.png is 94 columns wide, in the release it was 77"),
        (lambda field: field.update(expected={}), "does not say what it should answer"),
        (lambda field: steps(field)["probabilities"].__setitem__(3, 0.5), "its probabilities are off by"),
        (lambda field: steps(field)["labels"].__setitem__(3, 7), "where the release read"),
        (lambda field: steps(field)["labels"].pop(), "steps, expected"),
    ],
)
def test_field_model_that_reads_something_else(own_models: Path, edit_fields, change, message: str) -> None:
    edit_fields(change)
    assert message in refused(own_models, "lenet5-field")


def test_a_column_more_or_less_is_the_processor_s(own_models: Path, edit_fields) -> None:
    edit_fields(lambda field: field.update(width=field["width"] + 1))
    assert Repository.open(own_models).load("lenet5-field").name == "lenet5-field"


def test_eight_bits_may_move_a_little_but_not_the_string(
    own_models: Path, edit_fields, edit_manifest
) -> None:
    edit_manifest(lambda manifest: manifest["models"]["lenet5-field"]["artifacts"][0].update(type="int8"))
    edit_fields(
        lambda field: steps(field)["probabilities"].__setitem__(3, steps(field)["probabilities"][3] - 0.09)
    )
    assert Repository.open(own_models).load("lenet5-field").name == "lenet5-field"
    edit_fields(lambda field: steps(field)["labels"].__setitem__(1, 7))
    assert "where the release read" in refused(own_models, "lenet5-field")


def test_field_model_without_its_sliding(own_models: Path, edit_manifest) -> None:
    edit_manifest(lambda manifest: manifest["models"]["lenet5-field"].pop("sliding"))
    assert "does not say how it slides" in refused(own_models, "lenet5-field")


def test_model_that_computes_something_else(own_models: Path, edit_manifest) -> None:
    exchange(own_models, edit_manifest, tiny_onnx(seed=1))
    assert "model 'lenet5' (onnx_float32) is refused: for 7a.png it reads" in refused(own_models)


def test_model_without_golden_answers(own_models: Path, edit_manifest) -> None:
    def rename(manifest: dict) -> None:
        manifest["models"]["lenet5"]["artifacts"][0]["format"] = "onnx_float16"

    edit_manifest(rename)
    assert "the golden set does not say what it should answer" in refused(own_models)
