"""Readings of fields as tensors."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from serving.engine.field_pictures import OUTPUTS, are_field_pictures, to_tensors
from serving.engine.tensors import Tensor
from serving.recognition.fields import FieldPrediction


def prediction(text: str, confidence: float, accepted: bool) -> FieldPrediction:
    return FieldPrediction(1, text, text, None, None, confidence, accepted, None, [], None, [])


def test_a_row_for_each_picture() -> None:
    tensors = to_tensors([prediction("1250", 0.994, True), prediction("", 0.0, False)])
    assert {tensor.name: tensor.datatype for tensor in tensors} == OUTPUTS
    text, confidence, accepted = (tensor.data for tensor in tensors)
    assert text.tolist() == [b"1250", b""]
    np.testing.assert_array_equal(confidence, np.array([0.994, 0], np.float32), strict=True)
    np.testing.assert_array_equal(accepted, [True, False], strict=True)


@pytest.mark.parametrize(
    ("task", "datatypes", "expected"),
    [
        ("field", ["BYTES"], True),
        ("micr", ["BYTES"], True),
        ("micr", ["FP32"], False),
        ("field", ["FP32"], False),
        ("field", [], False),
        ("digit", ["BYTES"], False),
    ],
)
def test_which_requests_bring_them(task: str, datatypes: list[str], expected: bool) -> None:
    served = SimpleNamespace(loaded=SimpleNamespace(model=SimpleNamespace(task=task)))
    inputs = [Tensor("image", datatype, np.empty(1)) for datatype in datatypes]
    assert are_field_pictures(served, inputs) is expected
