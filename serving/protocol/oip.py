"""Open Inference Protocol v2 over REST, with the binary tensor extension.

https://github.com/kserve/open-inference-protocol and, for the extensions,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/

Pictures travel as BYTES of shape [N]: in the binary section each with its
length in front, in JSON as base64.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from serving.decoding.thresholds import classification
from serving.engine.dataplane import Tensor
from serving.engine.served_model import ServedModel
from serving.errors import CheckreaderError
from serving.protocol.tensors import (
    DTYPES,
    check_declared,
    from_bytes,
    from_floats,
    from_json,
    to_bytes,
    whole,
)
from serving.runtime.network import Spec

HEADER_LENGTH = "inference-header-content-length"

Parameters = dict[str, str | int | float | bool]
_ELEMENTS = msgspec.Meta(extra_json_schema={"items": {"type": ["number", "string"]}})
_NESTED = msgspec.Meta(extra_json_schema={"type": "array"})


class RequestInput(msgspec.Struct):
    """`data` is left out where `parameters` hold a `binary_data_size`."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters = {}
    data: Annotated[msgspec.Raw, _NESTED] | msgspec.UnsetType = msgspec.UNSET


class _FlatInput(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]
    parameters: Parameters = {}


class RequestOutput(msgspec.Struct):
    """Parameters: `binary_data` (bool), `classification` (the number of classes)."""

    name: str
    parameters: Parameters = {}


class InferRequest(msgspec.Struct):
    """Parameters: `binary_data_output` (bool), `timeout` (µs in the queue)."""

    inputs: list[RequestInput]
    id: str | None = None
    parameters: Parameters = {}
    outputs: list[RequestOutput] | None = None


class _FlatRequest(msgspec.Struct):
    inputs: list[_FlatInput]
    id: str | None = None
    parameters: Parameters = {}
    outputs: list[RequestOutput] | None = None


class ResponseOutput(msgspec.Struct, omit_defaults=True):
    """`data` is left out where `parameters` hold a `binary_data_size`."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] = {}
    data: Annotated[list[Any], _ELEMENTS] | msgspec.UnsetType = msgspec.UNSET


class InferResponse(msgspec.Struct, omit_defaults=True):
    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str | None = None


class RequestedOutput(msgspec.Struct, frozen=True):
    """An output asked for; `classes` > 0 asks for the best classes instead of the tensor."""

    name: str
    binary: bool
    classes: int = 0


class ParsedInferRequest(msgspec.Struct, frozen=True):
    """`outputs` are those asked for (none = all, `binary` or not); `timeout` is in s."""

    id: str | None
    inputs: list[Tensor]
    outputs: list[RequestedOutput]
    binary: bool
    timeout: float | None = None


class EncodedResponse(msgspec.Struct, frozen=True):
    """`header_length` is the length of the JSON in front of the binary tensors, None if there are none."""

    body: bytes
    header_length: int | None


_request = msgspec.json.Decoder(InferRequest)
_flat_request = msgspec.json.Decoder(_FlatRequest)
_encode = msgspec.json.Encoder().encode


def parse(
    body: bytes, header_length: str | None, spec: Spec, check: Callable[[Sequence[int]], None]
) -> ParsedInferRequest:
    """An inference request.

    Args:
        body: JSON, JSON and binary tensors, or the model's input alone (`header_length` "0").
        header_length: the header Inference-Header-Content-Length.
        spec: the model's input, for a body that is the input alone.
        check: raises CheckreaderError for a shape that the model does not take; called before an
            array is made, so that a small body cannot claim a large tensor.

    Raises:
        CheckreaderError: the body is no such request.
    """
    length = _header_length(header_length, len(body))
    if header_length is not None and length == 0:
        return ParsedInferRequest(None, [_raw(body, spec, check)], [], True)
    request = _decoded(body[:length] if length < len(body) else body)
    inputs, offset = [], length
    for given in request.inputs:
        name, datatype, shape = given.name, given.datatype, given.shape
        check_declared(name, datatype, shape, spec, check)
        size = given.parameters.get("binary_data_size")
        if size is not None:
            data = from_bytes(name, datatype, body, offset, size, shape)
            offset += whole(size, "binary_data_size", 2**63)
        elif isinstance(given.data, msgspec.UnsetType):
            raise CheckreaderError(
                f"input {name!r}: neither 'data' nor parameter 'binary_data_size' is given"
            )
        elif isinstance(given.data, list):
            data = from_floats(name, given.data, shape)
        else:
            data = from_json(name, datatype, bytes(given.data), shape)
        inputs.append(Tensor(name, datatype, data))
    if offset != len(body):
        raise CheckreaderError(f"{len(body) - offset} bytes follow the last tensor")
    binary = request.parameters.get("binary_data_output") is True
    outputs = [
        RequestedOutput(
            output.name,
            output.parameters.get("binary_data", binary) is True,
            whole(output.parameters.get("classification", 0), "classification", 2**31),
        )
        for output in request.outputs or ()
    ]
    wait = whole(request.parameters.get("timeout", 0), "timeout", 2**63)
    return ParsedInferRequest(request.id, inputs, outputs, binary, wait / 1e6 if wait else None)


def render(request: ParsedInferRequest, served: ServedModel, outputs: Sequence[Tensor]) -> EncodedResponse:
    """The reply to `request`."""
    described: list[ResponseOutput] = []
    tail: list[bytes] = []
    for at, output in enumerate(outputs):
        asked = request.outputs[at] if request.outputs else RequestedOutput(output.name, request.binary)
        if asked.classes:
            output = classified(output, asked.classes, served)
        data = output.data
        entry = ResponseOutput(output.name, output.datatype, list(data.shape))
        if asked.binary:
            tail.append(to_bytes(output.datatype, data))
            entry.parameters = {"binary_data_size": len(tail[-1])}
        elif output.datatype == "BYTES":
            entry.data = [element.decode() for element in data.ravel()]
        else:
            entry.data = data.ravel().tolist()
        described.append(entry)
    header = _encode(InferResponse(served.name, served.version, described, request.id))
    return EncodedResponse(header + b"".join(tail), len(header)) if tail else EncodedResponse(header, None)


def classified(output: Tensor, classes: int, served: ServedModel) -> Tensor:
    """The `classes` largest of each row as BYTES [N, classes], "value:index[:label]".

    Raises:
        CheckreaderError: the output has no rows of numbers.
    """
    if output.data.ndim != 2:
        raise CheckreaderError(
            f"output {output.name!r} has no classes: its shape is {list(output.data.shape)}"
        )
    labels = served.loaded.model.labels
    return Tensor(output.name, "BYTES", classification(output.data, classes, labels))


def _header_length(value: str | None, total: int) -> int:
    if value is None:
        return total
    if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= total):
        raise CheckreaderError(
            f"Inference-Header-Content-Length must be the JSON's length, 0 to {total}, got {value[:40]!r}"
        )
    return int(value)


def _raw(body: bytes, spec: Spec, check: Callable[[Sequence[int]], None]) -> Tensor:
    dtype = np.dtype(DTYPES[spec.datatype])
    if -1 in spec.shape[1:]:
        raise CheckreaderError(
            "a raw body does not say how wide its pictures are: name the shape in JSON before it, "
            "with its length in Inference-Header-Content-Length"
        )
    row = dtype.itemsize * math.prod(spec.shape[1:])
    if not body or len(body) % row:
        raise CheckreaderError(
            f"a raw body holds whole {spec.datatype} pictures of {row} bytes, got {len(body)} bytes"
        )
    shape = (len(body) // row, *spec.shape[1:])
    check(shape)
    return Tensor(spec.name, spec.datatype, np.frombuffer(body, dtype).reshape(shape))


def _decoded(body: bytes) -> InferRequest | _FlatRequest:
    # Flat lists of floats are what clients send; they are read in one go.
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        request = _flat_request.decode(body)
        if all(given.datatype == "FP32" for given in request.inputs):
            return request
    try:
        return _request.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckreaderError(f"failed to parse the request JSON: {error}") from None
