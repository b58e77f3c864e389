"""TensorFlow Serving's REST API, version 1: `:predict`, a model's status and its metadata.

https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/api_rest.md

Two forms say the same: rows (`instances` in, `predictions` out) and columns (`inputs` in, `outputs` out).
"""

from __future__ import annotations

import contextlib
import math
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np

from serving.engine.served_model import ServedModel
from serving.engine.tensors import Tensor
from serving.errors import CheckreaderError
from serving.protocol.tensors import from_base64, from_floats, infer_shape, objects, read_floats
from serving.runtime.network import Spec

SIGNATURE = "serving_default"
_DTYPES = {"FP16": "DT_HALF", "FP32": "DT_FLOAT", "FP64": "DT_DOUBLE", "BYTES": "DT_STRING"}

_Decoded = TypeVar("_Decoded")
_Check = Callable[[Sequence[int]], None]
_Fields = dict[str, msgspec.Raw]
_decode_object = msgspec.json.Decoder(_Fields).decode
_decode_objects = msgspec.json.Decoder(list[_Fields]).decode
_decode_nested = msgspec.json.Decoder(list[tuple[_Fields]]).decode  # of shape [N, 1]
_decode_string = msgspec.json.Decoder(str).decode


class PredictRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The request's JSON: either `instances` or `inputs`."""

    signature_name: str = ""
    instances: list[Any] | msgspec.UnsetType = msgspec.UNSET
    inputs: list[Any] | dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class _AboutReadings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is said of readings of fields: the wanted and the applied error bound, or why nothing is accepted."""

    max_error: float | msgspec.UnsetType = msgspec.UNSET
    applied_max_error: float | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET


class RowReply(_AboutReadings, frozen=True, kw_only=True):
    """One prediction per instance: the output itself, or an object of several outputs."""

    predictions: list[Any]


class ColumnReply(_AboutReadings, frozen=True, kw_only=True):
    """The output itself, or an object of several outputs."""

    outputs: list[Any] | dict[str, Any]


class VersionStatus(msgspec.Struct, frozen=True):
    version: str
    state: str
    status: dict[str, str]


class StatusReply(msgspec.Struct, frozen=True):
    model_version_status: list[VersionStatus]


class SignatureReply(msgspec.Struct, frozen=True):
    """TensorFlow's protocol buffers in their JSON form."""

    model_spec: dict[str, str]
    metadata: dict[str, Any]


class ParsedPredictRequest(msgspec.Struct, frozen=True):
    """The inputs, and whether they came in rows (`instances`), so that the reply is in rows too (`predictions`)."""

    inputs: list[Tensor]
    row: bool


def parse(body: bytes, spec: Spec, check: _Check) -> ParsedPredictRequest:
    """Reads a predict request.

    Args:
        body: JSON.
        spec: the model's only input.
        check: raises CheckreaderError for a shape that the model does not take; called before
            numbers or objects are built, for pictures with the shape that they will be decoded to.

    Returns:
        One tensor: FP32 as nested as the lists were, with an axis for the channel if only that was
        missing; or BYTES [N] or [N, 1], the encoded pictures given as {"b64": "…"}.

    Raises:
        CheckreaderError: the body is no such request.
    """
    fields = _object(body.removeprefix(BOM_UTF8), "JSON Parse error")
    _check_signature(fields)
    row = "instances" in fields
    if row and "inputs" in fields:
        raise CheckreaderError(
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"
        )
    if not row and "inputs" not in fields:
        raise CheckreaderError("Missing 'inputs' or 'instances' key")
    text = _rows(fields["instances"], spec, check) if row else _column(fields["inputs"], spec.name)
    tensor = (_pictures if b"{" in text else _numbers)(text, spec, check)
    return ParsedPredictRequest([tensor], row)


def render(request: ParsedPredictRequest, outputs: Sequence[Tensor], about: Mapping[str, Any] = {}) -> bytes:
    """Returns the reply to `request` as JSON; strings of an output named …_bytes become {"b64": "…"}.

    Args:
        request: decides whether the reply has a row for each picture or a column for each output.
        outputs: at least one, each [N, …].
        about: further members of the reply, of readings of fields their error bounds.
    """
    columns = {output.name: _values(output) for output in outputs}
    if len(columns) == 1:
        (alone,) = columns.values()
        reply = RowReply(predictions=alone, **about) if request.row else ColumnReply(outputs=alone, **about)
        return msgspec.json.encode(reply)
    if not request.row:
        return msgspec.json.encode(ColumnReply(outputs=columns, **about))
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return msgspec.json.encode(RowReply(predictions=rows, **about))


def status(version: str) -> StatusReply:
    """Returns the status of a model that is served."""
    ok = {"error_code": "OK", "error_message": ""}
    return StatusReply([VersionStatus(version, "AVAILABLE", ok)])


def metadata(served: ServedModel) -> SignatureReply:
    """Returns the model's signature."""
    network = served.loaded.network
    signature = {
        "inputs": _describe([network.input]),
        "outputs": _describe(network.outputs),
        "method_name": "tensorflow/serving/predict",
    }
    return SignatureReply(
        {"name": served.name, "signature_name": "", "version": served.version},
        {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    )


def _describe(specs: Iterable[Spec]) -> dict[str, Any]:
    return {
        spec.name: {
            "dtype": _DTYPES.get(spec.datatype, f"DT_{spec.datatype}"),
            "tensor_shape": {
                "dim": [{"size": str(side), "name": ""} for side in spec.shape],
                "unknown_rank": False,
            },
            "name": spec.name,
        }
        for spec in specs
    }


def _values(output: Tensor) -> list[Any]:
    if output.datatype != "BYTES":
        return list(output.data.tolist())

    def decoded(data: bytes) -> object:
        return {"b64": data} if output.name.endswith("_bytes") else data.decode("utf-8", "replace")

    return list(np.vectorize(decoded, otypes=[object])(output.data).tolist())


def _check_signature(fields: _Fields) -> None:
    if "signature_name" not in fields:
        return
    name = _decode(_decode_string, fields["signature_name"], "'signature_name' key must be a string value")
    if name not in ("", SIGNATURE):
        quoted = msgspec.json.encode(name[:40]).decode()
        raise CheckreaderError(f"Serving signature name: {quoted} not found in signature def")


def _rows(instances: msgspec.Raw, spec: Spec, check: _Check) -> bytes:
    """Returns the JSON list of the rows' values, out of their objects if they are named."""
    text = bytes(instances)
    if not text.startswith(b"["):
        raise CheckreaderError("Expecting 'instances' to be an list/array")
    if not text[1:-1].strip():
        raise CheckreaderError("No values in 'instances' array")
    if b"{" not in text:
        return text
    name = spec.name
    subject = f"'instances' must be all lists of numbers, all {{{name!r}: value}} or all {{'b64': picture}}"
    rows, nested = _objects(text, subject, spec, check)
    key = name if name in rows[0] and not nested else "b64"
    for number, row in enumerate(rows):
        if row.keys() != {key}:
            raise CheckreaderError(
                f"Failed to process element: {number} of 'instances' list. "
                f"JSON object keys must be equal to: {name}"
            )
    return text if key == "b64" else b"[" + b",".join(row[name] for row in rows) + b"]"


def _column(inputs: msgspec.Raw, name: str) -> bytes:
    """Returns the JSON of the input, out of its object if it is named."""
    text = bytes(inputs)
    if not text.startswith(b"{"):
        return text
    fields = _object(text, "'inputs'")
    if name not in fields:
        raise CheckreaderError(f"Missing named input: {name} in 'inputs' object.")
    return bytes(fields[name])


def _pictures(text: bytes, spec: Spec, check: _Check) -> Tensor:
    subject = f"input {spec.name!r} must be a list of numbers or of {{'b64': picture}}"
    rows, nested = _objects(text, subject, spec, check)
    if any(row.keys() != {"b64"} for row in rows):
        raise CheckreaderError(f"{subject}: an object has other keys than 'b64'")
    encoded = [_decode(_decode_picture, row["b64"], subject) for row in rows]
    shape = [len(encoded), 1] if nested else [len(encoded)]
    return Tensor(spec.name, "BYTES", objects(spec.name, encoded, shape))


def _decode_picture(text: bytes | msgspec.Raw) -> bytes:
    return from_base64(_decode_string(text))


def _numbers(text: bytes, spec: Spec, check: _Check) -> Tensor:
    """Returns the float32 tensor of nested lists."""
    subject = f"input {spec.name!r} must hold numbers alone"
    if b'"' in text:  # whose brackets would count
        raise CheckreaderError(f"{subject}: there is a string")
    shape = infer_shape(spec.name, text)
    size = math.prod(shape)
    if spec.shape[-1] == 1 and shape[1:] == list(spec.shape[1:-1]):
        shape.append(1)  # pictures are often sent without the axis of their one channel
    check(shape)
    values = _decode(read_floats, text, subject)
    if len(values) != size:  # [] has the brackets of [0]
        raise CheckreaderError(f"input {spec.name!r} holds an empty list")
    return Tensor(spec.name, "FP32", from_floats(spec.name, values, shape))


def _object(text: bytes, subject: str) -> _Fields:
    return _unique(text, [_decode(_decode_object, text, subject)], subject)[0]


def _objects(text: bytes, subject: str, spec: Spec, check: _Check) -> tuple[list[_Fields], bool]:
    """Returns the objects, one per row, of a text with a brace, and whether each is in a list of its own.

    Too many are refused before they are built.
    """
    per_row = text[: text.find(b"}")].count(b"{")  # 2 in {"image": {"b64": "…"}}
    check((text.count(b"{") // max(1, per_row), *map(abs, spec.shape[1:])))
    with contextlib.suppress(ValueError, RecursionError):
        return _unique(text, [row for (row,) in _decode_nested(text)], subject), True
    return _unique(text, _decode(_decode_objects, text, subject), subject), False


def _unique(text: bytes, objects: list[_Fields], subject: str) -> list[_Fields]:
    """Returns `objects`, decoded from `text`.

    Of a key that is given twice msgspec keeps one: the other's colon is then missing among those kept.

    Raises:
        CheckreaderError: a key is given twice.
    """
    kept = sum(
        1 + key.count(":") + bytes(value).count(b":") for fields in objects for key, value in fields.items()
    )
    if text.count(b":") > kept:
        raise CheckreaderError(f"{subject}: a key is given twice")
    return objects


def _decode(decode: Callable[[bytes], _Decoded], text: bytes | msgspec.Raw, subject: str) -> _Decoded:
    """Returns `decode(text)`.

    Raises:
        CheckreaderError: `subject` and the reason.
    """
    try:
        return decode(text)
    except (ValueError, RecursionError) as error:
        raise CheckreaderError(f"{subject}: {error}") from None
