"""Bytes ↔ arrays, as the Open Inference Protocol writes them in JSON and in its binary section."""

from __future__ import annotations

import binascii
import contextlib
import functools
import math
import struct
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from serving.errors import CheckreaderError
from serving.runtime.network import Array, Spec

DTYPES = {
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
MAX_RANK = 8
_MAX_ELEMENTS = 2**40
_MAX_STRINGS = 4096
_COMMON = 2**14  # elements up to which the brackets of a shape are remembered
_NUMBERS = b"0123456789+-.eE \t\r\n"
_BLANKS = bytes.maketrans(b"[]", b"  ")


def from_floats(name: str, values: list[float], shape: Sequence[int]) -> Array:
    """FP32 of a flat list: float32 of `shape`; what is too large for float32 becomes infinite.

    Raises:
        CheckreaderError: there are more or fewer elements than the shape takes.
    """
    _count(name, shape, len(values))
    with contextlib.suppress(OverflowError):  # twice as fast as NumPy, which makes those infinite
        return np.frombuffer(struct.pack(f"<{len(values)}f", *values), "<f4").reshape(shape)
    with np.errstate(over="ignore"):
        return np.array(values).astype("<f4").reshape(shape)


def from_json(name: str, datatype: str, text: bytes, shape: Sequence[int]) -> Array:
    """A JSON array, nested or flat, as an array of `shape`; `datatype` is a key of `DTYPES`, or BYTES in base64.

    Raises:
        CheckreaderError: it is not that, or has more or fewer elements.
    """
    if datatype == "BYTES":
        return _strings(name, text, shape)
    # A list has one comma less than elements, however it is nested; counted before anything is built.
    count = text.count(b",") + 1
    _count(name, shape, count)
    dtype = np.dtype(DTYPES[datatype])
    integer = dtype.kind in "iu"
    try:
        # Brackets exactly where the shape has them can be dropped: one list is read four times faster.
        brackets = _brackets if count <= _COMMON else _brackets.__wrapped__
        if text.translate(None, _NUMBERS) in brackets(tuple(shape)):
            values = _decoder(1, integer).decode(b"[" + text.translate(_BLANKS) + b"]")
        else:
            values = _decoder(_rank(text), integer).decode(text)
        wide = np.array(values, dtype if integer else "<f8")
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        raise CheckreaderError(f"input {name!r}: bad 'data' for {datatype}: {error}") from None
    _count(name, shape, wide.size)
    with np.errstate(over="ignore"):  # becomes infinite, which no model takes
        return wide.astype(dtype, copy=False).reshape(shape)


def from_bytes(name: str, datatype: str, body: bytes, offset: int, size: Any, shape: Sequence[int]) -> Array:
    """The tensor at `offset` of `body`; `size` is its binary_data_size.

    Raises:
        CheckreaderError: the body is too short, or `size` is not what the shape takes.
    """
    if datatype == "BYTES":
        return _elements(name, body, offset, size, shape)
    dtype = np.dtype(DTYPES[datatype])
    expected = dtype.itemsize * math.prod(shape)
    if size != expected:
        raise CheckreaderError(
            f"input {name!r}: its shape takes {expected} bytes, binary_data_size is {size}"
        )
    _reaches(name, offset + expected, body)
    return np.frombuffer(body, dtype, math.prod(shape), offset).reshape(shape)


def objects(name: str, elements: Sequence[bytes], shape: Sequence[int]) -> Array:
    """BYTES as an object array of `shape`.

    Raises:
        CheckreaderError: there are more or fewer elements than the shape takes.
    """
    _count(name, shape, len(elements))
    made = np.empty(len(elements), object)
    made[:] = elements
    return made.reshape(shape)


def to_bytes(datatype: str, data: Array) -> bytes:
    """Little-endian, row-major; of BYTES each element with its length (uint32) in front."""
    if datatype == "BYTES":
        return b"".join(len(element).to_bytes(4, "little") + element for element in data.ravel())
    return np.ascontiguousarray(data, DTYPES[datatype]).tobytes()


def whole(value: object, name: str, limit: int) -> int:
    """A parameter that is a whole number, 0 ≤ value < limit, also written as a string.

    Raises:
        CheckreaderError: it is none.
    """
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 20):
        text = "-1"
    if not 0 <= int(text) < limit:
        raise CheckreaderError(f"parameter {name!r} must be a whole number from 0, got {str(value)[:40]!r}")
    return int(text)


def check_declared(
    name: str, datatype: str, shape: Sequence[int], spec: Spec, check: Callable[[Sequence[int]], None]
) -> None:
    """Checks what an input says of itself, before an array is made.

    Args:
        name, datatype, shape: of the input.
        spec: the model's input.
        check: raises CheckreaderError for a shape that the model's input does not have.

    Raises:
        CheckreaderError: the datatype is not read, or there is no such array.
    """
    if datatype != "BYTES":
        if datatype not in DTYPES:
            raise CheckreaderError(
                f"input {name!r}: datatype {datatype!r} is not read, expected 'FP32', 'UINT8' or 'BYTES'"
            )
        if name == spec.name:
            check(shape)
    # However few elements it holds.
    sides = [side or 1 for side in shape]
    if len(sides) > MAX_RANK or min(sides, default=1) < 0 or math.prod(sides) >= _MAX_ELEMENTS:
        raise CheckreaderError(
            f"input {name!r}: a shape has up to {MAX_RANK} sides, none of them negative, and less than "
            f"{_MAX_ELEMENTS:,} elements"
        )


def _count(name: str, shape: Sequence[int], found: int) -> None:
    if math.prod(shape) != found:
        raise CheckreaderError(
            f"input {name!r}: its shape takes {math.prod(shape)} elements, 'data' has {found}"
        )


def _reaches(name: str, end: int, body: bytes) -> None:
    if end > len(body):
        raise CheckreaderError(
            f"unexpected size for input {name!r}, expecting {end - len(body)} additional bytes"
        )


def _elements(name: str, body: bytes, offset: int, size: Any, shape: Sequence[int]) -> Array:
    end = offset + whole(size, "binary_data_size", 2**63)
    _reaches(name, end, body)
    found: list[bytes] = []
    count = math.prod(shape)
    if count > _MAX_STRINGS:
        raise CheckreaderError(
            f"input {name!r}: at most {_MAX_STRINGS:,} BYTES are read, its shape takes {count:,}"
        )
    while offset < end:
        if len(found) == count:
            raise CheckreaderError(f"input {name!r}: its shape takes {count} elements, more are given")
        start = offset + 4
        offset = start + int.from_bytes(body[offset:start], "little")
        if offset > end:
            raise CheckreaderError(
                f"input {name!r}: element {len(found)} is longer than binary_data_size leaves"
            )
        found.append(body[start:offset])
    return objects(name, found, shape)


def _strings(name: str, text: bytes, shape: Sequence[int]) -> Array:
    try:
        elements = [b64decode(one, validate=True) for one in msgspec.json.decode(text, type=list[str])]
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError):
        raise CheckreaderError(
            f"input {name!r}: bad 'data' for BYTES: expected a list of pictures in base64"
        ) from None
    return objects(name, elements, shape)


def _rank(text: bytes) -> int:
    """How many brackets `text` opens with."""
    head = text[:256].translate(None, b" \t\r\n")
    rank = len(head) - len(head.lstrip(b"["))
    if not 1 <= rank <= MAX_RANK:
        raise ValueError(f"expected an array of numbers, nested up to {MAX_RANK} deep or flat")
    return rank


@functools.lru_cache(16)  # a client keeps to its shapes
def _brackets(shape: tuple[int, ...]) -> tuple[bytes, bytes]:
    """What is left of a flat and of a nested array of `shape` without its numbers."""
    nested = b""
    for side in reversed(shape):
        nested = b"[" + b",".join([nested] * side) + b"]"
    return b"[" + b"," * (math.prod(shape) - 1) + b"]", nested


@functools.cache
def _decoder(rank: int, integer: bool) -> msgspec.json.Decoder[Any]:
    kind: Any = int if integer else float
    for _ in range(rank):
        kind = list[kind]
    return msgspec.json.Decoder(kind)
