"""`POST /digits` and `POST /fields`: pictures in, readings out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serving.decoding.field_string import FieldFormat, field_format
from serving.decoding.thresholds import DigitPrediction
from serving.engine.served_model import ServedModel
from serving.errors import CheckreaderError
from serving.images.crop import Crop, parse_crop
from serving.recognition.fields import FieldPrediction

PARAMETERS = ("crop", "model", "max_error")
FIELD_PARAMETERS = (*PARAMETERS, "kind", "scheme", "length", "locale")
_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_WHOLE = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True)
class Query:
    model: str | None = None
    max_error: float | None = None
    crop: Crop | None = None
    constraints: FieldFormat = field(default_factory=FieldFormat)


def parse_query(parameters: Iterable[tuple[str, str]], allowed: Sequence[str] = PARAMETERS) -> Query:
    """The URL's parameters; one that is misspelt is refused, not ignored.

    Args:
        parameters: names and values.
        allowed: `PARAMETERS` or `FIELD_PARAMETERS`.

    Raises:
        CheckreaderError: one is unknown, given twice or makes no sense.
    """
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in allowed:
            raise CheckreaderError(f"unknown parameter {name!r}, expected {', '.join(allowed)}")
        if name in given:
            raise CheckreaderError(f"parameter {name!r} is given twice")
        given[name] = value
    return Query(
        given.get("model"),
        _number(given["max_error"]) if "max_error" in given else None,
        parse_crop(given["crop"]) if "crop" in given else None,
        field_format(
            given.get("kind"),
            given.get("scheme"),
            _whole("length", given["length"]) if "length" in given else None,
            given.get("locale"),
        ),
    )


def parse_body(content_type: str | None, body: bytes, limit: int) -> list[bytes]:
    """The pictures of a body: itself, or the files of a multipart form.

    Parsed in memory: a bank's checks do not belong into temporary files.

    Args:
        content_type: the header; anything but multipart/form-data is taken for a picture.
        body: all of it.
        limit: how many files a form may hold.

    Raises:
        CheckreaderError: no picture at all, too many, or a broken form.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        if not body:
            raise CheckreaderError(
                "empty body: post the bytes of a picture, as curl --data-binary @FILE does"
            )
        return [body]
    return _files(options.get(b"boundary", b""), body, limit)


class Model(msgspec.Struct, frozen=True):
    name: str
    version: str


class DigitsResponse(msgspec.Struct, frozen=True):
    model: Model
    digits: list[DigitPrediction]


class FieldsResponse(msgspec.Struct, frozen=True):
    model: Model
    fields: list[FieldPrediction]


def render_digits(served: ServedModel, readings: list[DigitPrediction]) -> bytes:
    """The reply as JSON."""
    return msgspec.json.encode(DigitsResponse(Model(served.name, served.version), readings))


def render_fields(served: ServedModel, readings: list[FieldPrediction]) -> bytes:
    """The reply as JSON."""
    return msgspec.json.encode(FieldsResponse(Model(served.name, served.version), readings))


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):  # Python reads more than a number: " 1", "0_1", "nan"
        raise CheckreaderError(f"max_error must be a number above 0 and at most 1, got {text[:40]!r}")
    return float(text)


def _whole(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise CheckreaderError(f"{name} must be a whole number, got {text[:40]!r}")
    return int(text)


def _files(boundary: bytes, body: bytes, limit: int) -> list[bytes]:
    found: list[bytearray] = []
    header = {"name": b"", "disposition": b""}
    value = bytearray()
    complete = False

    def begin() -> None:
        header.update(name=b"", disposition=b"")

    def name(data: bytes, start: int, end: int) -> None:
        header["name"] += data[start:end].lower()

    def content(data: bytes, start: int, end: int) -> None:
        value.extend(data[start:end])

    def end() -> None:
        if header["name"] == b"content-disposition":
            header["disposition"] = bytes(value)
        header["name"] = b""
        value.clear()

    def headers_finished() -> None:
        _, options = parse_options_header(header["disposition"])
        if b"filename" not in options:
            field = options.get(b"name", b"").decode("utf-8", "replace")
            raise CheckreaderError(
                f"form field {field!r} is no file: pictures are sent as curl -F name=@FILE does, "
                "parameters in the URL"
            )
        if len(found) == limit:
            raise CheckreaderError(f"too many pictures: at most {limit} in one request")
        found.append(bytearray())

    def part(data: bytes, start: int, end: int) -> None:
        found[-1].extend(data[start:end])

    def finish() -> None:
        nonlocal complete
        complete = True

    if not boundary:
        raise CheckreaderError("broken multipart form: its Content-Type names no boundary")
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": begin,
                "on_header_field": name,
                "on_header_value": content,
                "on_header_end": end,
                "on_headers_finished": headers_finished,
                "on_part_data": part,
                "on_end": finish,
            },
        )
        parser.write(body)
    except FormParserError as error:
        raise CheckreaderError(f"broken multipart form: {error}") from None
    if not complete:
        raise CheckreaderError("broken multipart form: it ends before its last boundary")
    if not found:
        raise CheckreaderError("the form holds no file: send pictures as curl -F name=@FILE does")
    return [bytes(file) for file in found]
