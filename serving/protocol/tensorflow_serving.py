"""TensorFlow Serving's REST API, version 1: `:predict`, a model's status and its metadata.

https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/api_rest.md

Two forms say the same: rows (`instances` in, `predictions` out) and columns (`inputs` in, `outputs` out).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np

from serving.engine.dataplane import Tensor
from serving.engine.served_model import ServedModel
from serving.errors import CheckreaderError
from serving.protocol.tensors import MAX_RANK, objects
from serving.runtime.network import Spec

SIGNATURE = "serving_default"
_DTYPES = {"FP16": "DT_HALF", "FP32": "DT_FLOAT", "FP64": "DT_DOUBLE", "BYTES": "DT_STRING"}
_NO_BRACKETS = bytes(set(range(256)) - set(b"[,]"))

_Decoded = TypeVar("_Decoded")
_Check = Callable[[Sequence[int]], None]
_Fields = dict[str, msgspec.Raw]
_OBJECT = msgspec.json.Decoder(_Fields)
_OBJECTS = msgspec.json.Decoder(list[_Fields])
_NUMBERS = msgspec.json.Decoder(list[float])
_STRING = msgspec.json.Decoder(str)
_BASE64 = msgspec.json.Decoder(bytes)


class PredictRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `parse` reads, for the API's description: either `instances` or `inputs`."""

    signature_name: str = ""
    instances: list[Any] | msgspec.UnsetType = msgspec.UNSET
    inputs: list[Any] | dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class RowReply(msgspec.Struct, frozen=True):
    """One prediction per instance: the output itself, or an object of several outputs."""

    predictions: list[Any]


class ColumnReply(msgspec.Struct, frozen=True):
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
    """`row` tells whether the inputs came by `instances`, and the reply is to be by `predictions`."""

    inputs: list[Tensor]
    row: bool


def parse(body: bytes, spec: Spec, check: _Check) -> ParsedPredictRequest:
    """A predict request.

    Args:
        body: JSON.
        spec: the model's only input.
        check: raises CheckreaderError for a shape that the model does not take; called before
            numbers or objects are built, for pictures with the shape that they will be decoded to.

    Returns:
        One tensor: FP32 as nested as the lists were, with an axis for the channel if only that was
        missing; or BYTES [N], the encoded pictures given as {"b64": "…"}.

    Raises:
        CheckreaderError: the body is no such request.
    """
    fields = _object(body, "JSON Parse error")
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


def render(request: ParsedPredictRequest, outputs: Sequence[Tensor]) -> bytes:
    """The reply to `request`, as JSON; strings of an output named …_bytes become {"b64": "…"}.

    Args:
        outputs: at least one, each [N, …].
    """
    columns = {output.name: _values(output) for output in outputs}
    if len(columns) == 1:
        (alone,) = columns.values()
        return msgspec.json.encode(RowReply(alone) if request.row else ColumnReply(alone))
    if not request.row:
        return msgspec.json.encode(ColumnReply(columns))
    rows = zip(*columns.values(), strict=True)
    return msgspec.json.encode(RowReply([dict(zip(columns, row, strict=True)) for row in rows]))


def status(version: str) -> StatusReply:
    """The status of a model, which is there if it can be asked for at all."""
    fine = {"error_code": "OK", "error_message": ""}
    return StatusReply([VersionStatus(version, "AVAILABLE", fine)])


def metadata(served: ServedModel) -> SignatureReply:
    """The model's signature."""
    network = served.loaded.network
    signature = {
        "inputs": _described([network.input]),
        "outputs": _described(network.outputs),
        "method_name": "tensorflow/serving/predict",
    }
    return SignatureReply(
        {"name": served.name, "signature_name": "", "version": served.version},
        {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    )


def _described(specs: Iterable[Spec]) -> dict[str, Any]:
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

    def value(data: bytes) -> object:
        return {"b64": data} if output.name.endswith("_bytes") else data.decode("utf-8", "replace")

    return list(np.vectorize(value, otypes=[object])(output.data).tolist())


def _check_signature(fields: _Fields) -> None:
    if "signature_name" not in fields:
        return
    name = _decode(_STRING, fields["signature_name"], "'signature_name' key must be a string value")
    if name not in ("", SIGNATURE):
        shown = msgspec.json.encode(name[:40]).decode()
        raise CheckreaderError(f"Serving signature name: {shown} not found in signature def")


def _rows(instances: msgspec.Raw, spec: Spec, check: _Check) -> bytes:
    """The JSON list of the rows' values, out of their objects if they are named."""
    text = bytes(instances)
    if not text.startswith(b"["):
        raise CheckreaderError("Expecting 'instances' to be an list/array")
    if not text[1:-1].strip():
        raise CheckreaderError("No values in 'instances' array")
    if b"{" not in text:
        return text
    name = spec.name
    what = f"'instances' must be all lists of numbers, all {{{name!r}: value}} or all {{'b64': picture}}"
    rows = _objects(text, what, spec, check)
    key = name if name in rows[0] else "b64"
    for number, row in enumerate(rows):
        if row.keys() != {key}:
            raise CheckreaderError(
                f"Failed to process element: {number} of 'instances' list. "
                f"JSON object keys must be equal to: {name}"
            )
    return text if key == "b64" else b"[" + b",".join(row[name] for row in rows) + b"]"


def _column(inputs: msgspec.Raw, name: str) -> bytes:
    """The JSON of the input, out of its object if it is named."""
    text = bytes(inputs)
    if not text.startswith(b"{"):
        return text
    fields = _object(text, "'inputs'")
    if name not in fields:
        raise CheckreaderError(f"Missing named input: {name} in 'inputs' object.")
    return bytes(fields[name])


def _pictures(text: bytes, spec: Spec, check: _Check) -> Tensor:
    what = f"input {spec.name!r} must be a list of numbers or of {{'b64': picture}}"
    rows = _objects(text, what, spec, check)
    if any(row.keys() != {"b64"} for row in rows):
        raise CheckreaderError(f"{what}: an object has other keys than 'b64'")
    found = [_decode(_BASE64, row["b64"], what) for row in rows]
    return Tensor(spec.name, "BYTES", objects(spec.name, found, [len(found)]))


def _numbers(text: bytes, spec: Spec, check: _Check) -> Tensor:
    """The float32 tensor of nested lists.

    Its shape is told by the brackets alone and the numbers are then read as one flat list: several
    times faster than building the lists.
    """
    what = f"input {spec.name!r} must hold numbers alone"
    if b'"' in text:  # whose brackets would count
        raise CheckreaderError(f"{what}: there is a string")
    brackets = text.translate(None, _NO_BRACKETS)
    shape = _shape(brackets)
    if not 1 <= len(shape) <= MAX_RANK:
        raise CheckreaderError(
            f"input {spec.name!r} must be a list of numbers, nested at most {MAX_RANK} deep"
        )
    size = math.prod(shape)
    # The commas are counted first, lest a ragged list of few elements makes much of `_brackets`.
    if brackets.count(b",") + 1 != size or brackets != _brackets(shape):
        raise CheckreaderError(f"input {spec.name!r} is ragged: its lists differ in length or depth")
    if spec.shape[-1] == 1 and shape[1:] == list(spec.shape[1:-1]):
        shape.append(1)  # pictures are often sent without the axis of their one channel
    check(shape)
    values = _decode(_NUMBERS, b"[" + text.translate(None, b"[]") + b"]", what)
    if len(values) != size:  # [] has the brackets of [0]
        raise CheckreaderError(f"input {spec.name!r} holds an empty list")
    with np.errstate(over="ignore"):  # becomes infinite, which no model takes
        return Tensor(spec.name, "FP32", np.array(values, np.float32).reshape(shape))


def _shape(brackets: bytes) -> list[int]:
    """The lengths of the first list at each depth, outermost first; right unless the lists are ragged."""
    rank = min(len(brackets) - len(brackets.lstrip(b"[")), MAX_RANK + 1)
    sides = []
    for depth in range(rank):
        end = brackets.find(b"]" * (depth + 1))
        sides.append(brackets.count(b"]" * depth + b",", 0, end) + 1)
    return sides[::-1]


def _brackets(shape: Sequence[int]) -> bytes:
    text = b""
    for side in reversed(shape):
        text = b"[" + ((text + b",") * side)[:-1] + b"]"
    return text


def _object(text: bytes, what: str) -> _Fields:
    return _unique(text, [_decode(_OBJECT, text, what)], what)[0]


def _objects(text: bytes, what: str, spec: Spec, check: _Check) -> list[_Fields]:
    """The objects, one per row, of a text with a brace; refused before they are built if too many."""
    per_row = text[: text.find(b"}")].count(b"{")  # 2 in {"image": {"b64": "…"}}
    check((text.count(b"{") // max(1, per_row), *spec.shape[1:]))
    return _unique(text, _decode(_OBJECTS, text, what), what)


def _unique(text: bytes, objects: list[_Fields], what: str) -> list[_Fields]:
    """`objects`, decoded from `text`; raises CheckreaderError if it gave a key twice.

    msgspec keeps one of the two: the other's colon is then missing among those kept.
    """
    kept = sum(
        1 + key.count(":") + bytes(value).count(b":") for fields in objects for key, value in fields.items()
    )
    if text.count(b":") > kept:
        raise CheckreaderError(f"{what}: a key is given twice")
    return objects


def _decode(decoder: msgspec.json.Decoder[_Decoded], text: bytes | msgspec.Raw, what: str) -> _Decoded:
    """Raises CheckreaderError: `what` and the reason."""
    try:
        return decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise CheckreaderError(f"{what}: {error}") from None
