"""Bytes ↔ arrays, as the protocols write them in JSON and in OIP's binary section.

JSON numbers are fast to read as one flat list of floats or integers, several times faster than as nested lists.
So an array's brackets are compared with those of its shape, or tell its shape, and then dropped.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import threading
from binascii import a2b_base64
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import simdjson

from serving.errors import CheckreaderError
from serving.runtime.network import Array, Floats, Spec

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
_OUTPUT_DTYPES = DTYPES | {"BOOL": "?"}
MAX_RANK = 8
_MAX_ELEMENTS = 2**40
_MAX_STRINGS = 4096
_SMALL = 2**16  # bytes of JSON
_MAX_CACHED = 2**14  # elements up to which the brackets of a shape are remembered
_NUMBER_BYTES = b"0123456789+-.eE \t\r\n"
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[,]"))
_BLANK_BRACKETS = bytes.maketrans(b"[]", b"  ")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_BLANKS = b" \t\n\v\f\r"


class _Shared(threading.local):
    """One parser for each thread."""

    def __init__(self) -> None:
        self.parser = simdjson.Parser()


_shared = _Shared()


def read_floats(text: bytes) -> Floats:
    """Reads a JSON array of numbers, nested or flat, into a flat float32 array without an object for each number.

    Args:
        text: the array, whose brackets have been checked.

    Returns:
        float32 [N]; numbers too large for float32 are infinite.

    Raises:
        msgspec.DecodeError: it holds anything but numbers.
    """
    # A parser keeps the memory for the largest text, so only small ones share one.
    parser = _shared.parser if len(text) <= _SMALL else simdjson.Parser()
    array: Any = None
    numbers: npt.NDArray[np.float64] | None = None
    with contextlib.suppress(ValueError, TypeError, AttributeError, RuntimeError):
        try:
            array = parser.parse(text)
            numbers = np.frombuffer(array.as_buffer(of_type="d"))  # of a copy
        finally:
            array = None  # a parser reads nothing while what it read before lives on, in a traceback for one
    if numbers is None:
        numbers = np.array(decode_flat(text), np.float64)  # msgspec says more of what is wrong
    with np.errstate(over="ignore"):
        return numbers.astype("<f4")


def from_floats(name: str, values: Floats, shape: Sequence[int]) -> Array:
    """Returns a flat float32 array in its declared shape.

    Raises:
        CheckreaderError: there are more or fewer elements than the shape takes.
    """
    _check_count(name, shape, len(values))
    return values.reshape(shape)


def from_json(name: str, datatype: str, text: bytes, shape: Sequence[int]) -> Array:
    """Returns a JSON array, nested or flat, as an array of `shape`.

    Args:
        name: of the input, for errors.
        datatype: a key of `DTYPES`, or BYTES for strings in base64.
        text: the JSON; null where there is none.
        shape: as declared.

    Raises:
        CheckreaderError: the text is no such array, or has more or fewer elements.
    """
    if text == b"null":
        raise CheckreaderError(f"input {name!r}: neither 'data' nor parameter 'binary_data_size' is given")
    if datatype == "BYTES":
        return _from_strings(name, text, shape)
    dtype = np.dtype(DTYPES[datatype])
    integer = dtype.kind in "iu"
    try:
        if datatype == "FP32" and text.rfind(b"[") == 0 and text.find(b"]") == len(text) - 1:
            return from_floats(name, read_floats(text), shape)  # a flat list, as nearly all are
        # A list has one comma less than elements, however it is nested; counted before anything is built.
        _check_count(name, shape, text.count(b",") + 1)
        flat = text.translate(None, _NUMBER_BYTES) in brackets(shape)
        if flat and datatype == "FP32":
            return from_floats(name, read_floats(text), shape)
        wide = np.array(_numbers(text, flat, integer), dtype if integer else "<f8")
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        raise CheckreaderError(f"input {name!r}: bad 'data' for {datatype}: {error}") from None
    _check_count(name, shape, wide.size)
    with np.errstate(over="ignore"):  # becomes infinite, which no model takes
        return wide.astype(dtype, copy=False).reshape(shape)


def _numbers(text: bytes, flat: bool, integer: bool) -> list[Any]:
    """Returns the numbers of a JSON array.

    Args:
        text: the JSON.
        flat: its brackets can be dropped.
        integer: only whole numbers are expected; KServe and MLServer take 255.0 for one.

    Raises:
        ValueError: it is no such array; msgspec.DecodeError is one.
    """

    def decode(integer: bool) -> list[Any]:
        return decode_flat(text, integer) if flat else _decoder(_rank(text), integer).decode(text)

    try:
        return decode(integer)
    except msgspec.ValidationError:
        if not integer:
            raise
    numbers = np.array(decode(False), "<f8")
    if (numbers % 1).any():
        raise ValueError("expected whole numbers")
    return [int(number) for number in numbers.ravel().tolist()]


def infer_shape(name: str, text: bytes) -> list[int]:
    """Returns the shape of JSON numbers, nested or not, from their brackets alone; `text` must hold no string.

    An empty list counts as a list of one element: its brackets are the same.

    Raises:
        CheckreaderError: the text is no list, too deeply nested, or ragged.
    """
    structure = text.translate(None, _NOT_BRACKETS)
    rank = len(structure) - len(structure.lstrip(b"["))
    if not 1 <= rank <= MAX_RANK:
        raise CheckreaderError(f"input {name!r} must be a list of numbers, nested at most {MAX_RANK} deep")
    # The length of the first list at each depth, innermost first.
    shape = []
    for depth in range(rank):
        end = structure.find(b"]" * (depth + 1))
        shape.append(structure.count(b"]" * depth + b",", 0, end) + 1)
    shape.reverse()
    # The commas are counted first, lest a ragged list of few elements makes much of `brackets`.
    if structure.count(b",") + 1 != math.prod(shape) or structure != brackets(shape)[1]:
        raise CheckreaderError(f"input {name!r} is ragged: its lists differ in length or depth")
    return shape


def decode_flat(text: bytes, integer: bool = False) -> list[Any]:
    """Returns the numbers of a JSON array without regard to its brackets.

    Raises:
        msgspec.DecodeError: it holds anything but numbers, or but integers where those are asked for.
    """
    numbers: list[Any] = _decoder(1, integer).decode(b"[" + text.translate(_BLANK_BRACKETS) + b"]")
    return numbers


def brackets(shape: Sequence[int]) -> tuple[bytes, bytes]:
    """Returns the brackets and commas of a flat and of a nested JSON array of `shape`."""
    cached = _cached_brackets if math.prod(shape) <= _MAX_CACHED else _cached_brackets.__wrapped__
    return cached(tuple(shape))


@functools.lru_cache(16)  # a client keeps to its shapes
def _cached_brackets(shape: tuple[int, ...]) -> tuple[bytes, bytes]:
    nested = b""
    for side in reversed(shape):
        nested = b"[" + b",".join([nested] * side) + b"]"
    return b"[" + b"," * (math.prod(shape) - 1) + b"]", nested


def from_bytes(name: str, datatype: str, body: bytes, offset: int, size: Any, shape: Sequence[int]) -> Array:
    """Returns the tensor at `offset` of `body`; `size` is its binary_data_size.

    Raises:
        CheckreaderError: the body is too short, or `size` is not what the shape takes.
    """
    if datatype == "BYTES":
        return _from_length_prefixed(name, body, offset, size, shape)
    dtype = np.dtype(DTYPES[datatype])
    expected = dtype.itemsize * math.prod(shape)
    if size != expected:
        raise CheckreaderError(
            f"input {name!r}: its shape takes {expected} bytes, binary_data_size is {size}"
        )
    _check_end(name, offset + expected, body)
    return np.frombuffer(body, dtype, math.prod(shape), offset).reshape(shape)


def objects(name: str, elements: Sequence[bytes], shape: Sequence[int]) -> Array:
    """Returns BYTES as an object array of `shape`.

    Raises:
        CheckreaderError: there are more or fewer elements than the shape takes.
    """
    _check_count(name, shape, len(elements))
    array = np.empty(len(elements), object)
    array[:] = elements
    return array.reshape(shape)


def to_bytes(datatype: str, data: Array) -> bytes:
    """Returns a tensor little-endian and row-major; each element of BYTES with its length (uint32) in front."""
    if datatype == "BYTES":
        return b"".join(len(element).to_bytes(4, "little") + element for element in data.ravel())
    return np.ascontiguousarray(data, _OUTPUT_DTYPES[datatype]).tobytes()


def from_base64(text: str) -> bytes:
    """Decodes base64 as its writers write it: in one line or wrapped, in either alphabet, padded or not.

    TensorFlow Serving skips white space and does without padding; protobuf's JSON takes both alphabets.

    Raises:
        ValueError: it is no base64.
    """
    with contextlib.suppress(ValueError):  # nearly all is plain
        return a2b_base64(text, strict_mode=True)
    packed = text.encode().translate(_URL_SAFE, _BLANKS)
    bare = packed.rstrip(b"=")
    padding = b"=" * (-len(bare) % 4)
    if len(packed) - len(bare) not in (0, len(padding)):
        raise ValueError("wrong padding")
    return a2b_base64(bare + padding, strict_mode=True)


def whole(value: object, name: str, limit: int) -> int:
    """Returns a parameter that is a whole number, 0 ≤ value < limit, or one written as a string.

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
    """Checks what an input declares, before an array is made.

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
    # A side of 0 makes an empty array of any other sides.
    sides = [side or 1 for side in shape]
    if len(sides) > MAX_RANK or min(sides, default=1) < 0 or math.prod(sides) >= _MAX_ELEMENTS:
        raise CheckreaderError(
            f"input {name!r}: a shape has up to {MAX_RANK} sides, none of them negative, and less than "
            f"{_MAX_ELEMENTS:,} elements"
        )


def _check_count(name: str, shape: Sequence[int], count: int) -> None:
    if math.prod(shape) != count:
        raise CheckreaderError(
            f"input {name!r}: its shape takes {math.prod(shape)} elements, 'data' has {count}"
        )


def _check_end(name: str, end: int, body: bytes) -> None:
    if end > len(body):
        raise CheckreaderError(
            f"unexpected size for input {name!r}, expecting {end - len(body)} additional bytes"
        )


def _from_length_prefixed(name: str, body: bytes, offset: int, size: Any, shape: Sequence[int]) -> Array:
    end = offset + whole(size, "binary_data_size", 2**63)
    _check_end(name, end, body)
    elements: list[bytes] = []
    count = math.prod(shape)
    if count > _MAX_STRINGS:
        raise CheckreaderError(
            f"input {name!r}: at most {_MAX_STRINGS:,} BYTES are read, its shape takes {count:,}"
        )
    while offset < end:
        if len(elements) == count:
            raise CheckreaderError(f"input {name!r}: its shape takes {count} elements, more are given")
        start = offset + 4
        offset = start + int.from_bytes(body[offset:start], "little")
        if offset > end:
            raise CheckreaderError(
                f"input {name!r}: element {len(elements)} is longer than binary_data_size leaves"
            )
        elements.append(body[start:offset])
    return objects(name, elements, shape)


def _from_strings(name: str, text: bytes, shape: Sequence[int]) -> Array:
    """Reads BYTES in base64: a list, flat or nested, or a lone string."""
    count = text.count(b'"') // 2
    if count > math.prod(shape):  # before anything is built
        _check_count(name, shape, count)
    try:
        strings = _string_decoder(0 if text.startswith(b'"') else _rank(text)).decode(text)
        if isinstance(strings, str):
            strings = [strings]
        while strings and isinstance(strings[0], list):
            if len({len(row) for row in strings}) > 1:
                raise CheckreaderError(f"input {name!r} is ragged: its lists differ in length")
            strings = list(itertools.chain.from_iterable(strings))
        elements = [from_base64(string) for string in strings]
    except ValueError:  # also binascii.Error and msgspec.DecodeError
        raise CheckreaderError(
            f"input {name!r}: bad 'data' for BYTES: expected a list of pictures in base64"
        ) from None
    return objects(name, elements, shape)


@functools.cache
def _string_decoder(rank: int) -> msgspec.json.Decoder[Any]:
    kind: Any = str
    for _ in range(rank):
        kind = list[kind]
    return msgspec.json.Decoder(kind)


def _rank(text: bytes) -> int:
    """Returns how many brackets `text` opens with."""
    start = text[:256].translate(None, b" \t\r\n")
    rank = len(start) - len(start.lstrip(b"["))
    if not 1 <= rank <= MAX_RANK:
        raise ValueError(f"expected an array of numbers, nested up to {MAX_RANK} deep or flat")
    return rank


@functools.cache
def _decoder(rank: int, integer: bool) -> msgspec.json.Decoder[Any]:
    kind: Any = int if integer else float
    for _ in range(rank):
        kind = list[kind]
    return msgspec.json.Decoder(kind)
