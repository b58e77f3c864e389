"""Open Inference Protocol v2 over REST, with the binary tensor extension.

https://github.com/kserve/open-inference-protocol and, for the extension,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from serving import __version__
from serving.dataplane import Tensor
from serving.errors import CheckdigitError
from serving.manifest import Tensor as Declared
from serving.repository import Loaded
from serving.runtime import Array, Spec

HEADER_LENGTH = "inference-header-content-length"
_DTYPES = {
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_MAX_RANK = 8
_PLATFORMS = {"onnxruntime": "onnx_onnxv1", "litert": "litert_tflite"}

Parameters = dict[str, str | float | bool]


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters = {}
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Output(msgspec.Struct):
    name: str
    parameters: Parameters = {}


class _Body(msgspec.Struct):
    inputs: list[_Input]
    id: str | None = None
    parameters: Parameters = {}
    outputs: list[_Output] | None = None


class Request(msgspec.Struct, frozen=True):
    """`outputs` are the names asked for (none = all), `binary` tells whether one is to be raw bytes."""

    id: str | None
    inputs: list[Tensor]
    outputs: list[str]
    binary: Callable[[str], bool]


class Response(msgspec.Struct, frozen=True):
    """`header_length` is the length of the JSON in front of the binary tensors, None if there are none."""

    body: bytes
    header_length: int | None


def parse(
    body: bytes, header_length: str | None, spec: Spec, check: Callable[[Sequence[int]], None]
) -> Request:
    """An inference request.

    Args:
        body: JSON, JSON and binary tensors, or the model's input alone (`header_length` "0").
        header_length: the header Inference-Header-Content-Length.
        spec: the model's input, for a body that is the input alone.
        check: raises CheckdigitError for a shape that the model does not take; called before data
            are read, so that a small body cannot claim a large tensor.

    Raises:
        CheckdigitError: the body is no such request.
    """
    length = _header_length(header_length, len(body))
    if header_length is not None and length == 0:
        return Request(None, [_raw(body, spec, check)], [], lambda name: True)
    try:
        request = msgspec.json.decode(body[:length], type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckdigitError(f"failed to parse the request JSON: {error}") from None
    inputs, offset = [], length
    for given in request.inputs:
        dtype = _DTYPES.get(given.datatype)
        if dtype is None:
            raise CheckdigitError(
                f"input {given.name!r}: datatype {given.datatype!r} is not read, expected 'FP32' or 'UINT8'"
            )
        if given.name == spec.name:
            check(given.shape)
        if min(given.shape, default=0) < 0:
            raise CheckdigitError(f"input {given.name!r}: a side of its shape is negative")
        size = given.parameters.get("binary_data_size")
        if size is None:
            data = _from_json(given, dtype)
        else:
            data = _from_bytes(given.name, body[offset:], size, dtype, given.shape)
            offset += data.nbytes
        inputs.append(Tensor(given.name, given.datatype, data))
    if offset != len(body):
        raise CheckdigitError(f"{len(body) - offset} bytes follow the last tensor")
    wanted = request.outputs or []
    default = request.parameters.get("binary_data_output") is True
    binary = {output.name: output.parameters.get("binary_data", default) is True for output in wanted}
    return Request(
        request.id, inputs, [output.name for output in wanted], lambda name: binary.get(name, default)
    )


def render(request: Request, loaded: Loaded, outputs: Sequence[Tensor]) -> Response:
    """The reply to `request`."""
    described, tail = [], []
    for output in outputs:
        data = np.ascontiguousarray(output.data, _DTYPES[output.datatype])
        entry: dict[str, Any] = {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(data.shape),
        }
        if request.binary(output.name):
            entry["parameters"] = {"binary_data_size": data.nbytes}
            tail.append(data.tobytes())
        else:
            entry["data"] = data.ravel().tolist()
        described.append(entry)
    reply: dict[str, Any] = {"model_name": loaded.name, "model_version": loaded.model.version}
    if request.id is not None:
        reply["id"] = request.id
    header = msgspec.json.encode(reply | {"outputs": described})
    return Response(header + b"".join(tail), len(header) if tail else None)


def server_metadata() -> dict[str, Any]:
    return {"name": "checkdigit", "version": __version__, "extensions": ["binary_tensor_data"]}


def model_metadata(loaded: Loaded) -> dict[str, Any]:
    model, network = loaded.model, loaded.network
    outputs = model.outputs or ([model.output] if model.output else network.outputs)
    return {
        "name": loaded.name,
        "versions": [model.version],
        "platform": _PLATFORMS[loaded.artifact.runtime],
        "inputs": [_described(model.input)],
        "outputs": [_described(output) for output in outputs],
    }


def _described(tensor: Declared | Spec) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _header_length(value: str | None, total: int) -> int:
    if value is None:
        return total
    if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= total):
        raise CheckdigitError(
            f"Inference-Header-Content-Length must be the JSON's length, 0 to {total}, got {value[:40]!r}"
        )
    return int(value)


def _raw(body: bytes, spec: Spec, check: Callable[[Sequence[int]], None]) -> Tensor:
    row = np.dtype(_DTYPES[spec.datatype]).itemsize * math.prod(spec.shape[1:])
    if not body or len(body) % row:
        raise CheckdigitError(
            f"a raw body holds whole {spec.datatype} pictures of {row} bytes, got {len(body)} bytes"
        )
    shape = (len(body) // row, *spec.shape[1:])
    check(shape)
    return Tensor(spec.name, spec.datatype, np.frombuffer(body, _DTYPES[spec.datatype]).reshape(shape))


def _from_bytes(name: str, body: bytes, size: Any, dtype: str, shape: Sequence[int]) -> Array:
    expected = np.dtype(dtype).itemsize * math.prod(shape)
    if size != expected:
        raise CheckdigitError(f"input {name!r}: its shape takes {expected} bytes, binary_data_size is {size}")
    if len(body) < expected:
        raise CheckdigitError(
            f"unexpected size for input {name!r}, expecting {expected - len(body)} additional bytes"
        )
    return np.frombuffer(body[:expected], dtype).reshape(shape)


def _from_json(given: _Input, dtype: str) -> Array:
    if given.data is msgspec.UNSET:
        raise CheckdigitError(
            f"input {given.name!r}: neither 'data' nor parameter 'binary_data_size' is given"
        )
    text = bytes(given.data)
    count = math.prod(given.shape)
    # A list has one comma less than elements, however it is nested; counted before anything is built.
    if text.count(b",") + 1 != count:
        raise CheckdigitError(
            f"input {given.name!r}: its shape takes {count} elements, 'data' has {text.count(b',') + 1}"
        )
    rank = _rank(text)
    if not 1 <= rank <= _MAX_RANK:
        raise CheckdigitError(f"input {given.name!r}: 'data' must be an array of numbers, nested or flat")
    integer = np.dtype(dtype).kind in "iu"
    try:
        values = _decoder(rank, integer).decode(text)
        wide = np.array(values, dtype if integer else "<f8")
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        raise CheckdigitError(f"input {given.name!r}: bad 'data' for {given.datatype}: {error}") from None
    if wide.size != count:
        raise CheckdigitError(
            f"input {given.name!r}: its shape takes {count} elements, 'data' has {wide.size}"
        )
    with np.errstate(over="ignore"):  # becomes infinite, which no model takes
        return wide.astype(dtype, copy=False).reshape(given.shape)


def _rank(text: bytes) -> int:
    """How many brackets `text` opens with."""
    head = text[:256].translate(None, b" \t\r\n")
    return len(head) - len(head.lstrip(b"["))


@functools.cache
def _decoder(rank: int, integer: bool) -> msgspec.json.Decoder[Any]:
    kind: Any = int if integer else float
    for _ in range(rank):
        kind = list[kind]
    return msgspec.json.Decoder(kind)
