"""Bytes ↔ tensors of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import CheckreaderError
from serving.protocol.oip import RequestedOutput, parse
from serving.runtime.network import Spec
from tests.support.paths import CASES

SPEC = Spec("x", "FP32", (-1, 2))


def accept(shape: Sequence[int]) -> None:
    """Any shape will do."""


def request(
    data: object = (), shape: Sequence[int] = (1, 2), datatype: str = "FP32", **rest: object
) -> bytes:
    tensor = {"name": "x", "shape": shape, "datatype": datatype, "data": data}
    return msgspec.json.encode({"inputs": [tensor], **rest})


def read(body: bytes, header: str | None = None):
    return parse(body, header, SPEC, accept)


def refusal(body: bytes, header: str | None = None) -> str:
    with pytest.raises(CheckreaderError) as raised:
        read(body, header)
    return str(raised.value)


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]], [[[1], [2]], [[3], [4]]], [1.0, 2e0, 3, 4]])
def test_nested_or_flat(data: list) -> None:
    (tensor,) = read(request(data, (2, 2))).inputs
    assert tensor.data.dtype == np.float32
    assert tensor.data.tolist() == [[1, 2], [3, 4]]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_floats_arrive_unchanged(values: list[float]) -> None:
    (tensor,) = read(request(values, (len(values),))).inputs
    assert tensor.data.tolist() == values


@pytest.mark.parametrize(("datatype", "value"), [("UINT8", 255), ("INT8", -128), ("INT64", 2**63 - 1)])
def test_integers(datatype: str, value: int) -> None:
    assert read(request([value], (1,), datatype)).inputs[0].data.tolist() == [value]


@pytest.mark.parametrize(
    ("data", "datatype"),
    [
        ([0, 256], "UINT8"),
        ([0, -1], "UINT8"),
        ([0, 0.5], "UINT8"),
        ([0, None], "FP32"),
        ([0, "1"], "FP32"),
        ([0, True], "FP32"),
        ([0, [1]], "FP32"),
        ([[0], 1], "FP32"),
        ([{"a": 0, "b": 1}], "FP32"),
    ],
)
def test_elements_that_are_none(data: list, datatype: str) -> None:
    assert "bad 'data' for" in refusal(request(data, datatype=datatype))


def test_every_optional_member_may_be_null() -> None:
    """As MLServer's own types are dumped."""
    body = (CASES / "null-parameters.json").read_bytes()
    (tensor,) = parse(body, None, Spec("image", "FP32", (-1, 28, 28, 1)), accept).inputs
    assert tensor.data.shape == (1, 28, 28, 1)
    outputs = [{"name": "a", "parameters": None}]
    parsed = read(request([0, 0], id=None, parameters=None, outputs=outputs))
    assert (parsed.id, parsed.binary, parsed.timeout) == (None, False, None)
    assert parsed.outputs == [RequestedOutput("a", False)]


NOTHING = {"binary_data": None, "classification": None, "headers": {"a": [1]}}


def test_every_parameter_may_be_null_and_others_hold_anything() -> None:
    words = {"binary_data_output": None, "timeout": None, "headers": None, "nested": {"a": [1, {}]}}
    parsed = read(request([0, 0], parameters=words, outputs=[{"name": "a", "parameters": NOTHING}]))
    assert (parsed.binary, parsed.timeout, parsed.parameters) == (False, None, words)
    assert parsed.outputs == [RequestedOutput("a", False)]
    words["binary_data_output"] = True
    parsed = read(request([0, 0], parameters=words, outputs=[{"name": "a", "parameters": NOTHING}]))
    assert parsed.outputs == [RequestedOutput("a", True)]


@pytest.mark.parametrize("parameters", [None, {}, {"binary_data_size": None, "content_type": "np"}])
@pytest.mark.parametrize("datatype", ["FP32", "fp32", "UINT8", "Uint8"])
def test_parameters_of_a_tensor_in_json(datatype: str, parameters: object) -> None:
    tensor = {"name": "x", "shape": [1, 2], "datatype": datatype, "data": [0, 1], "parameters": parameters}
    (read_tensor,) = read(msgspec.json.encode({"inputs": [tensor]})).inputs
    assert (read_tensor.datatype, read_tensor.data.tolist()) == (datatype.upper(), [[0, 1]])


def test_bytes_nested_as_their_shape() -> None:
    (tensor,) = read((CASES / "bytes-nested.json").read_bytes()).inputs
    assert tensor.data.shape == (1, 1)
    assert tensor.data[0, 0].startswith(b"\x89PNG")


@pytest.mark.parametrize("parameters", [5, "a", [], [1], True])
def test_parameters_that_are_none(parameters: object) -> None:
    assert "failed to parse the request JSON" in refusal(request([0, 0], parameters=parameters))


def test_ragged() -> None:
    assert "bad 'data' for FP32" in refusal(request([[0, 1], [2]], (3,)))


@pytest.mark.parametrize("data", [[], [0], [0, 1, 2], [[0, 1, 2]]])
def test_count(data: list) -> None:
    assert "its shape takes 2 elements" in refusal(request(data))


@pytest.mark.parametrize("data", [5, "ab,c", {"a": 1, "b": 2}])
def test_data_that_is_no_array(data: object) -> None:
    body = request(data, (1,) if data == 5 else (1, 2))
    assert "expected an array of numbers" in refusal(body)


def test_a_number_beyond_float32_becomes_infinite() -> None:
    (tensor,) = read(request([1e39, -1e39])).inputs
    assert np.isinf(tensor.data).all()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"inputs":{}}',
        b'{"inputs":[{}]}',
        b'{"inputs":[{"name":"x","shape":[1.5],"datatype":"FP32","data":[0]}]}',
        b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[NaN]}]}',
        b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":'
        + b"[" * 50_000
        + b"]" * 50_000
        + b"}]}",
    ],
)
def test_garbled_json(body: bytes) -> None:
    assert "failed to parse the request JSON" in refusal(body)


def test_unknown_datatype() -> None:
    assert "datatype 'BF16' is not read" in refusal(request([0, 0], datatype="BF16"))


def test_negative_shape() -> None:
    assert "negative" in refusal(request([0, 0], shape=(-1, -2)))


@pytest.mark.parametrize("data", ["", ',"data":null'])
def test_neither_data_nor_size(data: str) -> None:
    body = f'{{"inputs":[{{"name":"x","shape":[1,2],"datatype":"FP32"{data}}}]}}'.encode()
    assert "neither 'data' nor parameter 'binary_data_size'" in refusal(body)


def test_shape_is_checked_before_data_is_read() -> None:
    def check(shape: Sequence[int]) -> None:
        raise CheckreaderError(f"shape {shape}")

    with pytest.raises(CheckreaderError, match=r"shape \[1000000000, 2\]"):
        parse(request([0], (10**9, 2)), None, SPEC, check)


def binary(size: object, tail: bytes, **more: object) -> tuple[bytes, str]:
    parameters = {"binary_data_size": size}
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": parameters, **more}
    header = msgspec.json.encode({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    return header + tail, str(len(header))


@pytest.mark.parametrize("more", [{}, {"data": None}])
def test_binary(more: dict) -> None:
    parsed = read(*binary(8, np.array([0.5, 1], "<f4").tobytes(), **more))
    assert parsed.inputs[0].data.tolist() == [[0.5, 1]]
    assert parsed.binary
    assert not parsed.outputs


@pytest.mark.parametrize(
    ("size", "tail", "message"),
    [
        (8, bytes(4), "expecting 4 additional bytes"),
        (8, bytes(9), "1 bytes follow the last tensor"),
        (4, bytes(4), "takes 8 bytes, binary_data_size is 4"),
        (-8, bytes(8), "takes 8 bytes, binary_data_size is -8"),
        ("8", bytes(8), "takes 8 bytes, binary_data_size is 8"),
    ],
)
def test_binary_sizes(size: object, tail: bytes, message: str) -> None:
    assert message in refusal(*binary(size, tail))


@pytest.mark.parametrize("header", ["-1", "x", "", "1.5", "99999", "²", "9" * 5000])
def test_header_length(header: str) -> None:
    assert "must be the JSON's length" in refusal(b"{}", header)


def test_raw() -> None:
    parsed = read(np.array([[0, 1], [1, 0]], "<f4").tobytes(), "0")
    assert parsed.inputs[0].data.tolist() == [[0, 1], [1, 0]]
    assert parsed.binary
    assert not parsed.outputs


@pytest.mark.parametrize("body", [b"", bytes(7), bytes(9)])
def test_raw_size(body: bytes) -> None:
    assert "whole FP32 pictures of 8 bytes" in refusal(body, "0")


def test_output_may_choose_its_form() -> None:
    outputs = [{"name": "a", "parameters": {"binary_data": False}}, {"name": "b"}]
    parsed = read(request([0, 0], parameters={"binary_data_output": True}, outputs=outputs))
    assert [(output.name, output.binary) for output in parsed.outputs] == [("a", False), ("b", True)]
