"""Bytes ↔ tensors of TensorFlow Serving's REST API."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.engine.tensors import Tensor, check_shape
from serving.errors import CheckreaderError
from serving.protocol.tensorflow_serving import (
    ColumnReply,
    ParsedPredictRequest,
    PredictRequest,
    RowReply,
    metadata,
    parse,
    render,
    status,
)
from serving.runtime.network import Spec
from tests.support.paths import CASES

SPEC = Spec("image", "FP32", (-1, 2, 3, 1))
MAX_ROWS = 4


def check(shape: Sequence[int]) -> None:
    check_shape("tiny", SPEC, shape, MAX_ROWS)


def accept(shape: Sequence[int]) -> None:
    """Any shape will do."""


def read(body: object, spec: Spec = SPEC) -> ParsedPredictRequest:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(text, spec, check if spec is SPEC else accept)


def alone(body: object, spec: Spec = SPEC) -> Tensor:
    (tensor,) = read(body, spec).inputs
    return tensor


def refusal(body: object, spec: Spec = SPEC) -> str:
    with pytest.raises(CheckreaderError) as raised:
        read(body, spec)
    message = str(raised.value)
    assert message.isprintable()  # one line
    assert len(message) < 300
    return message


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
batches = hnp.arrays(
    np.float32, st.tuples(st.integers(1, MAX_ROWS), *map(st.just, (2, 3, 1))), elements=floats
)
PICTURE = np.arange(6).reshape(2, 3, 1).tolist()


def forms(batch: Any, name: str = "image") -> list[tuple[bool, dict[str, Any]]]:
    """Every way to send a batch, with whether it is by rows."""
    return [
        (True, {"instances": batch}),
        (True, {"instances": [{name: row} for row in batch]}),
        (False, {"inputs": batch}),
        (False, {"inputs": {name: batch}}),
    ]


@given(batches, st.booleans(), st.sampled_from([None, 2]))
def test_numbers_arrive_unchanged_in_every_form(batch: np.ndarray, channel: bool, indent: int | None) -> None:
    sent = (batch if channel else batch[..., 0]).tolist()
    for row, body in forms(sent):
        request = read(json.dumps(body, indent=indent).encode())
        (tensor,) = request.inputs
        assert request.row is row
        assert (tensor.name, tensor.datatype, tensor.data.dtype) == ("image", "FP32", np.float32)
        np.testing.assert_array_equal(tensor.data, batch, strict=True)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=MAX_ROWS))
def test_pictures_arrive_unchanged_in_every_form(pictures: list[bytes]) -> None:
    for row, body in forms([b64(picture) for picture in pictures]):
        request = read(body)
        (tensor,) = request.inputs
        assert request.row is row
        assert (tensor.name, tensor.datatype, tensor.data.dtype) == ("image", "BYTES", object)
        assert tensor.data.tolist() == pictures


def test_pictures_may_be_nested_as_a_batch_of_one_column() -> None:
    for row, body in forms([[b64(b"a")], [b64(b"b")]]):
        request = read(body)
        assert request.row is row
        assert request.inputs[0].data.tolist() == [[b"a"], [b"b"]]


def test_a_client_that_wraps_its_base64() -> None:
    """As MIME, `base64` without -w0 and Python's `encodebytes` do."""
    (tensor,) = parse((CASES / "tfs-b64-newlines.json").read_bytes(), SPEC, accept).inputs
    (picture,) = tensor.data
    assert picture == base64.b64decode(
        json.loads((CASES / "tfs-b64-newlines.json").read_bytes())["instances"][0]["b64"]
    )


def test_a_byte_order_mark() -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"instances": [PICTURE]}).encode()
    assert alone(body).data.shape == (1, 2, 3, 1)


nested = st.recursive(
    st.integers(-9, 9), lambda inner: st.lists(inner, max_size=4), max_leaves=12
) | hnp.arrays(np.int8, hnp.array_shapes(max_dims=5, max_side=3)).map(np.ndarray.tolist)


@given(nested)
def test_nested_lists_are_read_as_numpy_reads_them(value: object) -> None:
    try:
        expected = np.array(value, np.float32)
    except ValueError:
        expected = np.zeros(0)
    spec = Spec("x", "FP32", (-1,))
    if expected.ndim and expected.size:
        np.testing.assert_array_equal(alone({"inputs": value}, spec).data, expected)
    else:
        refusal({"inputs": value}, spec)


def test_only_a_missing_channel_is_added() -> None:
    square = Spec("x", "FP32", (-1, 1, 1))
    assert alone({"inputs": [[5], [6]]}, square).data.shape == (2, 1, 1)
    assert alone({"inputs": [5, 6]}, square).data.shape == (2,)
    assert alone({"inputs": [[5, 6]]}, square).data.shape == (1, 2)
    assert alone({"inputs": [[5], [6]]}, Spec("x", "FP32", (-1, 1, 2))).data.shape == (2, 1)


@pytest.mark.parametrize("name", ["image:0", "b:b:", 'quo"te', "ä"])
def test_any_input_name(name: str) -> None:
    spec = Spec(name, "FP32", (-1, 1))
    for batch in ([[1], [2]], [b64(b"a"), b64(b"b")]):
        kept = [alone(body, spec).data.tolist() for _, body in forms(batch, name)]
        assert kept == [kept[0]] * 4


@pytest.mark.parametrize("signature", ["", "serving_default"])
def test_signature(signature: str) -> None:
    body = PredictRequest(signature, [PICTURE])
    assert alone(msgspec.json.encode(body)).data.shape == (1, 2, 3, 1)


def test_other_fields_are_ignored() -> None:
    """Services that borrowed this API send `parameters`, and a model may have inputs that ours lacks."""
    body = {"parameters": {"a": {"b": 1}}, "inputs": {"image": [PICTURE], "mask": [1]}}
    assert alone(body).data.shape == (1, 2, 3, 1)


def test_a_number_beyond_float32_becomes_infinite() -> None:
    assert np.isinf(alone({"inputs": [1e39, -1e39, 10**40]}, Spec("x", "FP32", (-1,))).data).all()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"signature_name": "serving_default"}, "Missing 'inputs' or 'instances' key"),
        (
            {"instances": [PICTURE], "inputs": [PICTURE]},
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist",
        ),
        (
            {"signature_name": "x", "instances": [PICTURE]},
            'Serving signature name: "x" not found in signature def',
        ),
        ({"signature_name": '"\n' + "x" * 999, "instances": [PICTURE]}, 'Serving signature name: "\\"\\nxx'),
        (
            {"signature_name": 5, "instances": [PICTURE]},
            "'signature_name' key must be a string value: Expected",
        ),
        (
            {"signature_name": None, "instances": [PICTURE]},
            "'signature_name' key must be a string value: Expected",
        ),
        ({"instances": {"image": [PICTURE]}}, "Expecting 'instances' to be an list/array"),
        ({"instances": None}, "Expecting 'instances' to be an list/array"),
        ({"instances": []}, "No values in 'instances' array"),
        (b'{"instances": [ \n ]}', "No values in 'instances' array"),
        ({"instances": [PICTURE, {"image": PICTURE}]}, "Expected `object`, got `array` - at `$[0]`"),
        ({"instances": [{"image": PICTURE}, PICTURE]}, "Expected `object`, got `array` - at `$[1]`"),
        ({"instances": ["{"]}, "Expected `object`, got `str`"),
        ({"instances": [{"image": PICTURE}, {}]}, "Failed to process element: 1 of 'instances' list. JSON"),
        ({"instances": [{"img": PICTURE}]}, "JSON object keys must be equal to: image"),
        ({"instances": [{"image": PICTURE, "x": 1}]}, "Failed to process element: 0"),
        ({"instances": [b64(b"a"), {"image": b64(b"a")}]}, "Failed to process element: 1"),
        ({"instances": [{"image": PICTURE}, {"image": b64(b"a")}]}, "got `array` - at `$[0]`"),
        ({"instances": [[b64(b"a"), b64(b"b")]]}, "got `array` - at `$[0]`"),
        ({"instances": [[b64(b"a")], b64(b"b")]}, "got `array` - at `$[0]`"),
        ({"instances": [[[b64(b"a")]]]}, "got `array` - at `$[0]`"),
        ({"instances": [[{"image": b64(b"a")}]]}, "JSON object keys must be equal to: image"),
        ({"inputs": {"img": [PICTURE]}}, "Missing named input: image in 'inputs' object."),
        ({"inputs": b64(b"a")}, "Missing named input: image in 'inputs' object."),
        ({"inputs": {"image": b64(b"a")}}, "a list of numbers or of {'b64': picture}: Expected `array`"),
        ({"inputs": [{"b64": "a"}]}, "a list of numbers or of {'b64': picture}: Invalid base64"),
        ({"inputs": [{"b64": "YQ=\u0131"}]}, "{'b64': picture}: "),
        ({"inputs": [{"b64": 5}]}, "Expected `str`, got `int`"),
        ({"inputs": [{"b64": None}]}, "Expected `str`, got `null`"),
        ({"inputs": [{"b64": "YQ="}]}, "wrong padding"),
        ({"inputs": [{"b64": "", "x": 1}]}, "other keys than 'b64'"),
        ({"inputs": [{}]}, "other keys than 'b64'"),
        ({"inputs": 5}, "must be a list of numbers"),
        ({"inputs": "[1]"}, "must hold numbers alone: there is a string"),
        ({"inputs": None}, "must be a list of numbers"),
        ({"inputs": {"image": 5}}, "must be a list of numbers"),
        ({"instances": ["text"]}, "must hold numbers alone: there is a string"),
        ({"instances": [None]}, "Expected [-1,2,3,1], got [1]"),
        ({"instances": [PICTURE] * 5}, "batch-size must be 1 to 4"),
        ({"instances": [[[1, 2], [3, 4], [5, 6]]]}, "Expected [-1,2,3,1], got [1,3,2]"),
        ({"inputs": PICTURE}, "Expected [-1,2,3,1], got [2,3,1]"),
        ({"instances": [[[1, 2, "3"], [4, 5, 6]]]}, "must hold numbers alone: there is a string"),
        ({"instances": [[[1, 2, "["], [4, 5, 6]]]}, "must hold numbers alone: there is a string"),
        ({"instances": [[[1, 2, {}], [4, 5, 6]]]}, "Expected `object`, got `array`"),
        ({"instances": [[[1, 2, True], [4, 5, 6]]]}, "must hold numbers alone: Expected `float`, got `bool`"),
        ({"instances": [[[1, 2, None], [4, 5, 6]]]}, "must hold numbers alone: Expected `float`, got `null`"),
        ({"instances": [[[1, 2, 10**400], [4, 5, 6]]]}, "must hold numbers alone: Number out of range"),
        ({"instances": [[[1, 2, 3], [4, 5]]]}, "is ragged"),
        ({"instances": [[[1, 2], [3, 4, 5]]]}, "is ragged"),
        ({"instances": [[[1, 2, 3], [4, 5, [6]]]]}, "is ragged"),
        ({"instances": [[1, [2, 3]]]}, "is ragged"),
        ({"instances": [[[1, 2, 3], 4]]}, "is ragged"),
        ({"instances": [PICTURE, []]}, "is ragged"),
        ({"instances": [[[[1], [2], []], [[4], [5], [6]]]]}, "holds an empty list"),
        (b'{"inputs":' + b"[" * 9 + b"1" + b"]" * 9 + b"}", "nested at most 8 deep"),
        (b'{"instances":[[[1,2,3],[4,5,6]]],"instances":[[[1,2,3],[4,5,6]]]}', "a key is given twice"),
        (b'{"x":0,"x":0,"instances":[[[1,2,3],[4,5,6]]]}', "JSON Parse error: a key is given twice"),
        (b'{"inputs":{"image":[[[1,2,3],[4,5,6]]],"image":0}}', "'inputs': a key is given twice"),
        (b'{"instances":[{"image":0,"image":[[1,2,3],[4,5,6]]}]}', "a key is given twice"),
        (b'{"instances":[{"b64":"","b64":""}]}', "a key is given twice"),
        (b'{"inputs":{"image":[{"b64":"","b64":""}]}}', "a key is given twice"),
    ],
)
def test_refusals(body: object, message: str) -> None:
    assert message in refusal(body)


@pytest.mark.parametrize(
    "rows", [[b64(b"a")] * 5, [{"image": b64(b"a")}] * 5, [{"image": PICTURE}] * 5, [{}] * 5]
)
def test_too_many_objects(rows: list) -> None:
    assert "batch-size must be 1 to 4 for 'tiny', got 5" in refusal({"instances": rows})


def test_braces_in_a_string() -> None:
    assert "Expected `object`, got `str`" in refusal({"instances": ["}{"]})
    assert "Expected `array`, got `str`" in refusal({"inputs": "}{"})


def test_an_empty_list() -> None:
    assert "holds an empty list" in refusal({"inputs": [[]]}, Spec("x", "FP32", (-1, 1)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"\xff":0}',
        b'{"inputs":[1 2]}',
        b'{"inputs":[NaN]}',
        b'{"inputs":["\\ud800"]}',
        b'{"inputs":[1]}x',
        b'{"inputs":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
def test_garbled_json(body: bytes) -> None:
    assert refusal(body).startswith("JSON Parse error: ")


def test_a_ragged_list_that_hints_at_a_huge_tensor() -> None:
    """The first list at each depth has a thousand elements, all others have one."""
    long = short = "1"
    for _ in range(6):
        long, short = f"[{long}{f',{short}' * 999}]", f"[{short}]"
    assert "is ragged" in refusal(f'{{"inputs":{long}}}'.encode())


keys = st.sampled_from(["instances", "inputs", "signature_name", "image", "b64", "a:b", ""])
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "[", "]", "{", "},", ":", "aGk=", "serving_default", "\ud800", "ä"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=15,
)


@given(st.dictionaries(keys, anything, max_size=2), st.booleans(), st.randoms(use_true_random=False))
def test_only_its_own_error_escapes(body: dict, cut: bool, random: Any) -> None:
    text = json.dumps(body).encode()
    if cut:
        here = random.randrange(len(text))
        text = (
            text[:here]
            + random.choice([b"", b"[", b"]", b"{", b'"', b",", b"\xff", b"\\"])
            + text[here + 1 :]
        )
    try:
        request = parse(text, SPEC, accept)
    except CheckreaderError:
        pass
    else:
        sent = json.loads(text)
        assert ("instances" in sent) is request.row
        if request.inputs[0].datatype == "FP32":
            value = sent["instances"] if request.row else sent["inputs"]
            if isinstance(value, dict):
                value = value["image"]
            if isinstance(value[0], dict):
                value = [row["image"] for row in value]
            with np.errstate(over="ignore"):
                assert request.inputs[0].data.size == np.array(value, np.float32).size


ROWS, COLUMNS = ParsedPredictRequest([], True), ParsedPredictRequest([], False)


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), elements=floats))
def test_a_single_output_is_bare(data: np.ndarray) -> None:
    output = Tensor("y", "FP32", data)
    for request, key, kind in ((ROWS, "predictions", RowReply), (COLUMNS, "outputs", ColumnReply)):
        reply = render(request, [output])
        msgspec.json.decode(reply, type=kind)
        sent = json.loads(reply)
        assert list(sent) == [key]
        np.testing.assert_array_equal(np.array(sent[key], np.float32), data, strict=True)


def test_several_outputs_are_named() -> None:
    y, z = np.arange(4, dtype=np.float32).reshape(2, 2) / 10, np.array([7, 8], np.int64)
    outputs = [Tensor("y", "FP32", y), Tensor("z", "INT64", z)]
    assert json.loads(render(COLUMNS, outputs)) == {"outputs": {"y": y.tolist(), "z": [7, 8]}}
    assert json.loads(render(ROWS, outputs)) == {
        "predictions": [{"y": y[0].tolist(), "z": 7}, {"y": y[1].tolist(), "z": 8}]
    }


def test_strings() -> None:
    data = np.array([[b"0.5:3", b"\xff\0"]], object)
    as_text, as_bytes = [["0.5:3", "\ufffd\0"]], [[b64(b"0.5:3"), b64(b"\xff\0")]]
    assert json.loads(render(ROWS, [Tensor("top", "BYTES", data)])) == {"predictions": as_text}
    assert json.loads(render(COLUMNS, [Tensor("top_bytes", "BYTES", data)])) == {"outputs": as_bytes}


@given(batches)
def test_a_model_that_echoes(batch: np.ndarray) -> None:
    """What goes in by one form comes out by the same."""
    assume(math.isfinite(float(np.abs(batch).max())))
    for body in ({"instances": batch.tolist()}, {"inputs": batch.tolist()}):
        request = read(body)
        sent = list(json.loads(render(request, request.inputs)).values())
        assert sent == list(body.values())


def test_status() -> None:
    assert msgspec.to_builtins(status("7")) == {
        "model_version_status": [
            {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }


def test_metadata() -> None:
    outputs = (Spec("y", "FP64", (-1, 10)), Spec("top", "BYTES", (-1,)), Spec("n", "INT64", ()))
    network = SimpleNamespace(input=SPEC, outputs=outputs)
    served = SimpleNamespace(name="tiny", version="7", loaded=SimpleNamespace(network=network))
    described = msgspec.to_builtins(metadata(served))
    assert described["model_spec"] == {"name": "tiny", "signature_name": "", "version": "7"}
    signature = described["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"] == {
        "image": {
            "dtype": "DT_FLOAT",
            "tensor_shape": {
                "dim": [{"size": size, "name": ""} for size in ("-1", "2", "3", "1")],
                "unknown_rank": False,
            },
            "name": "image",
        }
    }
    kinds = {name: output["dtype"] for name, output in signature["outputs"].items()}
    assert kinds == {"y": "DT_DOUBLE", "top": "DT_STRING", "n": "DT_INT64"}
