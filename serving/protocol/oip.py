"""Open Inference Protocol v2 over REST, with the binary tensor extension.

https://github.com/kserve/open-inference-protocol and, for the extensions,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/

Pictures travel as BYTES of shape [N] or [N, 1]: in the binary section each with its
length in front, in JSON as base64.

Where servers differ in what they read, this one reads what any of Triton, KServe and MLServer does, as far as it has
a meaning: an optional member may be null, `datatype` in lower case, BYTES nested as the shape says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from serving.decoding.thresholds import classification
from serving.engine.served_model import ServedModel
from serving.engine.tensors import Tensor
from serving.errors import CheckreaderError
from serving.protocol.tensors import (
    DTYPES,
    check_declared,
    from_bytes,
    from_json,
    to_bytes,
    whole,
)
from serving.runtime.network import Spec

HEADER_LENGTH = "inference-header-content-length"

# By the protocol strings, numbers and booleans; MLServer's client also sends null and objects.
Parameters = dict[str, Any]
_ELEMENTS = msgspec.Meta(extra_json_schema={"items": {"type": ["number", "string", "boolean"]}})
# A lone picture may come without its list.
_NESTED = msgspec.Meta(extra_json_schema={"type": ["array", "string", "null"]})


class RequestInput(msgspec.Struct):
    """A tensor in a request; `data` is left out where `parameters` hold a `binary_data_size`."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | None = None
    data: Annotated[msgspec.Raw, _NESTED] | msgspec.UnsetType = msgspec.UNSET


class RequestOutput(msgspec.Struct):
    """An output to return. Parameters: `binary_data` (bool), `classification` (the number of classes)."""

    name: str
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct):
    """The request's JSON. Parameters: `binary_data_output` (bool), `timeout` (µs in the queue), those of pictures."""

    inputs: list[RequestInput]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[RequestOutput] | None = None


class ResponseOutput(msgspec.Struct, omit_defaults=True):
    """A tensor in a response; `data` is left out where `parameters` hold a `binary_data_size`."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] = {}
    data: Annotated[list[Any], _ELEMENTS] | msgspec.UnsetType = msgspec.UNSET


class InferResponse(msgspec.Struct, omit_defaults=True):
    """The response's JSON. Parameters: of readings of fields `max_error` and `applied_max_error`, or the `reason`."""

    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str | None = None
    parameters: dict[str, float | str] = {}


class RequestedOutput(msgspec.Struct, frozen=True):
    """An output to return; with `classes` > 0 the best classes instead of the tensor."""

    name: str
    binary: bool
    classes: int = 0


class ParsedInferRequest(msgspec.Struct, frozen=True):
    """An inference request whose tensors are read.

    Attributes:
        id: comes back in the response.
        inputs: the tensors.
        outputs: to return; none: all of them.
        binary: returns all of them in the binary section.
        timeout: s in the queue; None: the service's.
        parameters: all of the request's.
    """

    id: str | None
    inputs: list[Tensor]
    outputs: list[RequestedOutput]
    binary: bool
    timeout: float | None = None
    parameters: Parameters = {}


class EncodedResponse(msgspec.Struct, frozen=True):
    """A response's body; `header_length` is that of the JSON in front of binary tensors, None without any."""

    body: bytes
    header_length: int | None


_request_decoder = msgspec.json.Decoder(InferRequest)
_encode = msgspec.json.Encoder().encode


def parse(
    body: bytes, header_length: str | None, spec: Spec, check: Callable[[Sequence[int]], None]
) -> ParsedInferRequest:
    """Reads an inference request.

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
        return ParsedInferRequest(None, [_raw_input(body, spec, check)], [], True)
    request = _decode(body[:length] if length < len(body) else body)
    inputs, offset = [], length
    for tensor in request.inputs:
        name, datatype, shape = tensor.name, tensor.datatype.upper(), tensor.shape
        check_declared(name, datatype, shape, spec, check)
        size = tensor.parameters.get("binary_data_size") if tensor.parameters else None
        if size is not None:
            data = from_bytes(name, datatype, body, offset, size, shape)
            offset += whole(size, "binary_data_size", 2**63)
        else:
            text = b"null" if isinstance(tensor.data, msgspec.UnsetType) else bytes(tensor.data)
            data = from_json(name, datatype, text, shape)
        inputs.append(Tensor(name, datatype, data))
    if offset != len(body):
        raise CheckreaderError(f"{len(body) - offset} bytes follow the last tensor")
    parameters = request.parameters or {}
    binary = parameters.get("binary_data_output") is True
    outputs = [_requested_output(output, binary) for output in request.outputs or ()]
    timeout = _whole_or_zero(parameters, "timeout", 2**63)  # µs
    return ParsedInferRequest(
        request.id, inputs, outputs, binary, timeout / 1e6 if timeout else None, parameters
    )


def render(
    request: ParsedInferRequest,
    served: ServedModel,
    outputs: Sequence[Tensor],
    parameters: Mapping[str, float | str] = {},
) -> EncodedResponse:
    """Returns the response to `request`, with its parameters; `outputs` are in the order of its own."""
    entries: list[ResponseOutput] = []
    binary: list[bytes] = []
    for index, output in enumerate(outputs):
        requested = (
            request.outputs[index] if request.outputs else RequestedOutput(output.name, request.binary)
        )
        if requested.classes:
            output = classified(output, requested.classes, served)
        data = output.data
        entry = ResponseOutput(output.name, output.datatype, list(data.shape))
        if requested.binary:
            binary.append(to_bytes(output.datatype, data))
            entry.parameters = {"binary_data_size": len(binary[-1])}
        elif output.datatype == "BYTES":
            entry.data = [element.decode() for element in data.ravel()]
        else:
            entry.data = data.ravel().tolist()
        entries.append(entry)
    header = _encode(InferResponse(served.name, served.version, entries, request.id, dict(parameters)))
    return (
        EncodedResponse(header + b"".join(binary), len(header)) if binary else EncodedResponse(header, None)
    )


def classified(output: Tensor, classes: int, served: ServedModel) -> Tensor:
    """Returns the `classes` largest of each row as BYTES [N, classes], "value:index[:label]".

    Raises:
        CheckreaderError: the output has no rows of numbers.
    """
    if output.data.ndim != 2:
        raise CheckreaderError(
            f"output {output.name!r} has no classes: its shape is {list(output.data.shape)}"
        )
    labels = served.loaded.model.labels
    return Tensor(output.name, "BYTES", classification(output.data, classes, labels))


def _requested_output(output: RequestOutput, binary: bool) -> RequestedOutput:
    parameters = output.parameters or {}
    own = parameters.get("binary_data")
    return RequestedOutput(
        output.name,
        binary if own is None else own is True,
        _whole_or_zero(parameters, "classification", 2**31),
    )


def _whole_or_zero(parameters: Parameters, name: str, limit: int) -> int:
    """Returns a whole-number parameter, 0 where it is left out or null."""
    value = parameters.get(name)
    return 0 if value is None else whole(value, name, limit)


def _header_length(value: str | None, total: int) -> int:
    if value is None:
        return total
    if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= total):
        raise CheckreaderError(
            f"Inference-Header-Content-Length must be the JSON's length, 0 to {total}, got {value[:40]!r}"
        )
    return int(value)


def _raw_input(body: bytes, spec: Spec, check: Callable[[Sequence[int]], None]) -> Tensor:
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


def _decode(body: bytes) -> InferRequest:
    try:
        return _request_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckreaderError(f"failed to parse the request JSON: {error}") from None
