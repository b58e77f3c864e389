"""Tensors of requests: what fits becomes the model's input, and an error says which number is wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest

from serving.engine.tensors import (
    Tensor,
    brackets,
    check_range,
    check_shape,
    single_input,
    to_model_input,
    to_pictures,
)
from serving.errors import CheckreaderError
from serving.manifest import Sliding
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


def test_pixels_become_the_models_input() -> None:
    pixels = np.arange(784, dtype=np.uint8).reshape(1, 28, 28, 1)
    floats = to_model_input("m", DIGIT, None, Tensor("image", "UINT8", pixels), 8)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, pixels.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(
        to_model_input("m", DIGIT, None, Tensor("image", "FP32", floats), 8), floats
    )


def test_a_field_is_as_wide_as_the_network() -> None:
    sliding = Sliding(32, receptive=36, stride=4, left=4, right=4, bucket=32)
    image = Tensor("image", "FP32", np.zeros((1, 32, 36, 1), np.float32))
    assert to_model_input("m", FIELD, sliding, image, 8).shape == (1, 32, 36, 1)
    narrow = Tensor("image", "FP32", np.zeros((1, 32, 35, 1), np.float32))
    with pytest.raises(CheckreaderError, match="35"):
        to_model_input("m", FIELD, sliding, narrow, 8)


def test_another_datatype() -> None:
    image = Tensor("image", "FP64", np.zeros((1, 28, 28, 1)))
    with pytest.raises(CheckreaderError, match="'FP64', but model 'm' expects 'FP32'"):
        to_model_input("m", DIGIT, None, image, 8)


def test_the_one_input() -> None:
    image = Tensor("image", "FP32", np.zeros(1, np.float32))
    assert single_input("m", DIGIT, [image]) is image
    with pytest.raises(CheckreaderError, match="takes one input, 'image', got 2"):
        single_input("m", DIGIT, [image, image])
    with pytest.raises(CheckreaderError, match="takes one input, 'image', got 0"):
        single_input("m", DIGIT, [])
    with pytest.raises(CheckreaderError, match="unexpected inference input 'x'"):
        single_input("m", DIGIT, [Tensor("x", "FP32", image.data)])


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_encoded_pictures(shape: tuple[int, ...]) -> None:
    array = np.array([b"a", b"b"], object).reshape(shape)
    assert to_pictures("m", Tensor("image", "BYTES", array), 2) == [b"a", b"b"]
    with pytest.raises(CheckreaderError, match="must be 1 to 1, got 2"):
        to_pictures("m", Tensor("image", "BYTES", array), 1)
    with pytest.raises(CheckreaderError, match=r"Expected \[N\] or \[N,1\], got \[1,2\]"):
        to_pictures("m", Tensor("image", "BYTES", array.reshape(1, 2)), 2)
