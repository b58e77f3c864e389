"""Checks of tensors say which of the client's numbers is wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest

from serving.engine.tensor_checks import brackets, check_range, check_shape
from serving.errors import CheckreaderError
from serving.runtime.network import Spec

DIGIT = Spec("image", "FP32", (-1, 28, 28, 1))
FIELD = Spec("image", "FP32", (-1, 32, -1, 1))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([0.0, np.nan], "input 'x' holds NaN"),
        ([0.0, 1.5], "spans 0 to 1.5"),
        ([-0.25, 1.0], "spans -0.25 to 1"),
        ([0.0, np.inf], "spans 0 to inf"),
    ],
)
def test_values_outside_0_to_1(image: list[float], message: str) -> None:
    with pytest.raises(CheckreaderError, match=re.escape(message)):
        check_range("x", np.array(image, np.float32))


def test_values_from_0_to_1() -> None:
    check_range("x", np.array([0.0, 0.5, 1.0], np.float32))


@pytest.mark.parametrize(
    ("spec", "shape"), [(DIGIT, (1, 28, 28, 1)), (DIGIT, (8, 28, 28, 1)), (FIELD, (2, 32, 76, 1))]
)
def test_shapes_that_fit(spec: Spec, shape: tuple[int, ...]) -> None:
    check_shape("m", spec, shape, max_rows=8)


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        (DIGIT, (784,), "Expected [-1,28,28,1], got [784]"),
        (DIGIT, (1, 28, 28), "Expected [-1,28,28,1], got [1,28,28]"),
        (DIGIT, (1, 28, 27, 1), "Expected [-1,28,28,1], got [1,28,27,1]"),
        (FIELD, (1, 32, 0, 1), "Expected [-1,32,-1,1], got [1,32,0,1]"),
        (FIELD, (1, 31, 76, 1), "Expected [-1,32,-1,1], got [1,31,76,1]"),
        (DIGIT, (0, 28, 28, 1), "batch-size must be 1 to 8 for 'm', got 0"),
        (DIGIT, (9, 28, 28, 1), "batch-size must be 1 to 8 for 'm', got 9"),
    ],
)
def test_shapes_that_do_not_fit(spec: Spec, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(CheckreaderError, match=re.escape(message)):
        check_shape("m", spec, shape, max_rows=8)


def test_brackets() -> None:
    assert brackets((1, 28, 28, 1)) == "[1,28,28,1]"
