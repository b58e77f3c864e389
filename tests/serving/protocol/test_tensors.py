"""Arrays of both protocols: JSON numbers, base64 and the binary section."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.errors import CheckreaderError
from serving.protocol import tensors
from serving.runtime.network import Spec

SPEC = Spec("x", "FP32", (-1, 2))
shapes = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)


def accept(shape: Sequence[int]) -> None:
    """Any shape will do."""


@pytest.mark.parametrize("datatype", tensors.DTYPES)
@given(data=st.data())
def test_every_datatype_is_read_back(datatype: str, data: st.DataObject) -> None:
    elements = {"allow_nan": False, "allow_infinity": False} if datatype.startswith("FP") else None
    array = data.draw(hnp.arrays(tensors.DTYPES[datatype], shapes, elements=elements))
    nested, flat = json.dumps(array.tolist()).encode(), json.dumps(array.ravel().tolist()).encode()
    for text in (nested, flat):
        np.testing.assert_array_equal(tensors.from_json("x", datatype, text, array.shape), array, strict=True)
    packed = b"before" + tensors.to_bytes(datatype, array)
    unpacked = tensors.from_bytes("x", datatype, packed, 6, len(packed) - 6, array.shape)
    np.testing.assert_array_equal(unpacked, array, strict=True)


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=5))
def test_strings_are_read_back(elements: list[bytes]) -> None:
    strings = msgspec.json.encode([base64.b64encode(element).decode() for element in elements])
    array = tensors.from_json("x", "BYTES", strings, [len(elements)])
    assert array.tolist() == elements
    packed = tensors.to_bytes("BYTES", array)
    assert tensors.from_bytes("x", "BYTES", packed, 0, len(packed), [len(elements)]).tolist() == elements


@given(hnp.arrays(np.int8, hnp.array_shapes(max_dims=8, max_side=2)), st.sampled_from([None, 1]))
def test_brackets_tell_the_shape(array: np.ndarray, indent: int | None) -> None:
    text = json.dumps(array.tolist(), indent=indent).encode()
    assert tensors.infer_shape("x", text) == list(array.shape)
    assert tensors.decode_flat(text) == array.ravel().tolist()
    assert text.translate(None, b" \n-0123456789") == tensors.brackets(array.shape)[1]


@pytest.mark.parametrize("text", [b"[[1,2],[3]]", b"[1,[2]]", b"[[1],2]", b"[[[1]],[2]]", b"[1][2]"])
def test_ragged_lists_have_no_shape(text: bytes) -> None:
    with pytest.raises(CheckreaderError, match="ragged"):
        tensors.infer_shape("x", text)


@pytest.mark.parametrize("text", [b"5", b"", b"[" * 9 + b"]" * 9])
def test_lists_alone_have_a_shape(text: bytes) -> None:
    with pytest.raises(CheckreaderError, match="nested at most 8 deep"):
        tensors.infer_shape("x", text)


@pytest.mark.parametrize("text", [b"[1,true]", b'["1"]', b"[null]", b"[{}]"])
def test_numbers_alone_are_decoded(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        tensors.decode_flat(text)


def test_integers_alone_are_decoded_as_such() -> None:
    assert tensors.decode_flat(b"[[1],[2]]", integer=True) == [1, 2]
    with pytest.raises(msgspec.DecodeError):
        tensors.decode_flat(b"[1.5]", integer=True)


NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**70), 2**70))


@given(st.lists(NUMBERS, min_size=1, max_size=9), st.booleans())
@example([1.0, 10**39], False)
def test_numbers_become_float32_as_numpy_makes_them(values: list[float], nested: bool) -> None:
    text = json.dumps([[value] for value in values] if nested else values).encode()
    with np.errstate(over="ignore"):
        expected = np.array([float(str(value)) for value in values], np.float32)
    read = tensors.from_json("x", "FP32", text, [len(values), 1] if nested else [len(values)])
    np.testing.assert_array_equal(read.ravel(), expected, strict=True)


def test_a_long_text_is_read_as_a_short_one() -> None:
    values = np.linspace(0, 1, 10_000).tolist()
    assert tensors.read_floats(json.dumps(values).encode()).tolist() == np.array(values, np.float32).tolist()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[1,true]", "Expected `float`, got `bool`"),
        (b"[1,%s]" % (b"9" * 400), "Number out of range"),
        (b'[1,"2"]', "Expected `float`, got `str`"),
        (b"[1,null]", "Expected `float`, got `null`"),
        (b"[1,{}]", "Expected `float`, got `object`"),
        (b"[[1],[true]]", "Expected `float`, got `bool`"),
        (b"[[1],[]]", "its shape takes 2 elements, 'data' has 1"),
    ],
)
def test_what_is_wrong_with_numbers_is_said(text: bytes, reason: str) -> None:
    with pytest.raises(CheckreaderError, match=f"input 'x': .*{re.escape(reason)}"):
        tensors.from_json("x", "FP32", text, [2, 1] if text.startswith(b"[[") else [2])


@pytest.mark.parametrize("shape", [(3,), (1, 1), ()])
def test_the_count_must_be_that_of_the_shape(shape: tuple[int, ...]) -> None:
    for read in (
        lambda: tensors.from_floats("x", np.zeros(2, np.float32), shape),
        lambda: tensors.from_json("x", "FP32", b"[1,2]", shape),
        lambda: tensors.objects("x", [b"a", b"b"], shape),
    ):
        with pytest.raises(CheckreaderError, match="elements, 'data' has 2"):
            read()


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (3, "element 0 is longer than binary_data_size leaves"),
        (6, "element 0 is longer"),
        (9, "expecting 1 additional bytes"),
        ("x", "'binary_data_size' must be a whole number"),
    ],
)
def test_strings_that_do_not_fit(size: object, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        tensors.from_bytes("x", "BYTES", b"\4\0\0\0abcd", 0, size, [1])


def test_more_strings_than_the_shape_takes() -> None:
    body = tensors.to_bytes("BYTES", np.array([b"a", b"b"], object))
    with pytest.raises(CheckreaderError, match="takes 1 elements, more are given"):
        tensors.from_bytes("x", "BYTES", body, 0, len(body), [1])
    with pytest.raises(CheckreaderError, match="at most 4,096 BYTES"):
        tensors.from_bytes("x", "BYTES", body, 0, len(body), [4097])


@given(st.lists(st.binary(max_size=90), min_size=1, max_size=4), st.data())
def test_base64_as_its_writers_write_it(elements: list[bytes], data: st.DataObject) -> None:
    encode = data.draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes]))
    texts = [encode(element).decode() for element in elements]
    if data.draw(st.booleans()):
        texts = [text.rstrip("=\n") for text in texts]
    array = tensors.from_json("x", "BYTES", json.dumps(texts).encode(), [len(texts)])
    assert array.tolist() == elements


@pytest.mark.parametrize(
    "text", ["a", "YQ=", "YQ===", "=", "Y=Q=", "YQ==YQ==", "Y*==", "YQ==ä", "YQ==\0", "\x1cYQ=="]
)
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        tensors.from_base64(text)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (b'["YQ==","Yg=="]', [2]),
        (b'["YQ==","Yg=="]', [2, 1]),
        (b'[["YQ=="],["Yg=="]]', [2, 1]),
        (b'[ [ "YQ==" ] , [ "Yg==" ] ]', [2]),
        (b'[[["YQ==","Yg=="]]]', [1, 1, 2]),
    ],
)
def test_strings_are_nested_or_flat(text: bytes, shape: list[int]) -> None:
    array = tensors.from_json("x", "BYTES", text, shape)
    assert (list(array.shape), array.ravel().tolist()) == (shape, [b"a", b"b"])


@pytest.mark.parametrize("text", [b'"YQ=="', b'["YQ=="]', b'[["YQ=="]]'])
@pytest.mark.parametrize("shape", [[], [1], [1, 1]])
def test_a_lone_string(text: bytes, shape: list[int]) -> None:
    assert tensors.from_json("x", "BYTES", text, shape).ravel().tolist() == [b"a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'[["YQ==","YQ=="],["YQ=="]]', "is ragged"),
        (b'["YQ==",["YQ=="],"YQ=="]', "a list of pictures in base64"),
        (b"[" * 9 + b'"YQ==","YQ==","YQ=="' + b"]" * 9, "a list of pictures in base64"),
        (b'["YQ=="]', "its shape takes 3 elements, 'data' has 1"),
        (b"[[],[],[]]", "its shape takes 3 elements, 'data' has 0"),
        (b'["YQ==","YQ==","YQ==","YQ=="]', "its shape takes 3 elements, 'data' has 4"),
        (b"null", "neither 'data' nor parameter 'binary_data_size' is given"),
    ],
)
def test_strings_of_another_shape(text: bytes, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        tensors.from_json("x", "BYTES", text, [3])


@pytest.mark.parametrize("text", [b"[0.0,1e0,255.0]", b"[[0.0],[1],[255.0]]"])
def test_whole_numbers_with_a_point(text: bytes) -> None:
    assert tensors.from_json("x", "UINT8", text, [3]).tolist() == [0, 1, 255]


@pytest.mark.parametrize("text", [b"[0.5]", b"[256.0]", b"[-1.0]", b"[null]", b"[true]"])
def test_what_is_no_pixel(text: bytes) -> None:
    with pytest.raises(CheckreaderError, match="bad 'data' for UINT8"):
        tensors.from_json("x", "UINT8", text, [1])


@pytest.mark.parametrize("text", [b'["a"]', b'["YQ=\\n"]', b"[1]", b"5", b"[", b'["\xff"]', b'{"a":5}'])
def test_strings_that_are_no_base64(text: bytes) -> None:
    with pytest.raises(CheckreaderError, match="a list of pictures in base64"):
        tensors.from_json("x", "BYTES", text, [1])


@pytest.mark.parametrize(("value", "number"), [(0, 0), (7, 7), ("7", 7)])
def test_whole_numbers(value: object, number: int) -> None:
    assert tensors.whole(value, "timeout", 8) == number


@pytest.mark.parametrize("value", [8, -1, 1.0, True, "", "x", "²", "1" * 20, None])
def test_what_is_no_whole_number(value: object) -> None:
    with pytest.raises(CheckreaderError, match="parameter 'timeout' must be a whole number from 0"):
        tensors.whole(value, "timeout", 8)


@pytest.mark.parametrize("shape", [[-1, 2], [1] * 9, [2**20, 2**20], [0, 2**40]])
def test_shapes_that_no_array_has(shape: list[int]) -> None:
    with pytest.raises(CheckreaderError, match="a shape has up to 8 sides"):
        tensors.check_declared("x", "FP32", shape, SPEC, accept)


def test_the_model_checks_the_shape_of_its_own_input() -> None:
    def refuse(shape: Sequence[int]) -> None:
        raise CheckreaderError("refused")

    with pytest.raises(CheckreaderError, match="refused"):
        tensors.check_declared("x", "FP32", [1, 2], SPEC, refuse)
    tensors.check_declared("other", "FP32", [1, 2], SPEC, refuse)
    tensors.check_declared("x", "BYTES", [1], SPEC, refuse)  # its shape is known when it is decoded
    with pytest.raises(CheckreaderError, match="datatype 'BF16' is not read"):
        tensors.check_declared("x", "BF16", [1, 2], SPEC, accept)


def test_an_error_that_lives_on_does_not_keep_the_parser() -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        tensors.read_floats(b'[1,"a"]')
    assert tensors.read_floats(b"[[1],[]]").tolist() == [1]  # msgspec alone would refuse it
    assert caught.value.__context__ is None
