"""Bodies and query parameters of `POST /digits`, `POST /fields` and `POST /micr`, and their replies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serving.decoding.field_string import FieldFormat, field_format
from serving.decoding.micr import AUTO, require_country
from serving.decoding.thresholds import DigitPrediction, OperatingPoint
from serving.engine.served_model import ServedModel
from serving.errors import CheckreaderError
from serving.images.crop import Crop, parse_crop
from serving.recognition.fields import FieldPrediction
from serving.recognition.micr import MicrPrediction

PARAMETERS = ("crop", "model", "max_error")
FIELD_PARAMETERS = (*PARAMETERS, "kind", "scheme", "length", "locale", "order", "after", "before")
MICR_PARAMETERS = (*PARAMETERS, "country")
_NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_WHOLE = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True)
class Query:
    """The URL's parameters.

    Attributes:
        model: which one reads; None: the default.
        max_error: the wanted error bound; None: the model's default.
        crop: the part of each page that is read; None: all of it.
        page: the number of the only page that is read, from 1; None: all of them.
        field_format: of the text in a field, as far as it is known.
        country: whose layout a MICR line has.
    """

    model: str | None = None
    max_error: float | None = None
    crop: Crop | None = None
    page: int | None = None
    field_format: FieldFormat = field(default_factory=FieldFormat)
    country: str = AUTO


def parse_query(parameters: Iterable[tuple[str, str]], allowed: Sequence[str] = PARAMETERS) -> Query:
    """Reads the URL's parameters; one that is misspelt is refused, not ignored.

    Args:
        parameters: names and values.
        allowed: `PARAMETERS`, `FIELD_PARAMETERS`, `MICR_PARAMETERS` or what else a path takes.

    Raises:
        CheckreaderError: one is unknown, given twice or makes no sense.
    """
    values = unique_parameters(parameters, allowed)
    return Query(
        values.get("model"),
        parse_max_error(values["max_error"]) if "max_error" in values else None,
        parse_crop(values["crop"]) if "crop" in values else None,
        _parse_whole("page", values["page"]) if "page" in values else None,
        field_format(
            values.get("kind"),
            values.get("scheme"),
            _parse_whole("length", values["length"]) if "length" in values else None,
            values.get("locale"),
            values.get("order"),
            values.get("after"),
            values.get("before"),
        ),
        require_country(values.get("country", AUTO)),
    )


def unique_parameters(parameters: Iterable[tuple[str, str]], allowed: Sequence[str]) -> dict[str, str]:
    """Returns parameters by name; raises CheckreaderError if one is not among `allowed`, or is given twice."""
    values: dict[str, str] = {}
    for name, text in parameters:
        if name not in allowed:
            raise CheckreaderError(f"unknown parameter {name!r}, expected {', '.join(allowed)}")
        if name in values:
            raise CheckreaderError(f"parameter {name!r} is given twice")
        values[name] = text
    return values


def parse_max_error(text: str) -> float:
    """Parses an error bound; raises CheckreaderError if it is no number."""
    if not _NUMBER.fullmatch(text):  # Python reads more than a number: " 1", "0_1", "nan"
        raise CheckreaderError(f"max_error must be a number above 0 and at most 1, got {text[:40]!r}")
    return float(text)


def parse_body(content_type: str | None, body: bytes, limit: int) -> list[bytes]:
    """Returns the pictures of a body: itself, or the files of a multipart form.

    A form is parsed in memory, so that no check is written to a temporary file.

    Args:
        content_type: the header; a body of any type but multipart/form-data is taken for a picture.
        body: decompressed.
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
    return _form_files(options.get(b"boundary", b""), body, limit)


class Model(msgspec.Struct, frozen=True):
    """The model that has read the pictures."""

    name: str
    version: str


class DigitsResponse(msgspec.Struct, frozen=True):
    """The reply of `/digits`, a reading for each page of each picture, with the wanted and the applied error bound."""

    model: Model
    max_error: float
    applied_max_error: float | None
    digits: list[DigitPrediction]


class FieldsResponse(msgspec.Struct, frozen=True):
    """The reply of `/fields`, a reading for each page of each picture, with the wanted and the applied error bound."""

    model: Model
    max_error: float
    applied_max_error: float | None
    fields: list[FieldPrediction]


class MicrResponse(msgspec.Struct, frozen=True):
    """The reply of `/micr`, a reading for each page of each picture, with the wanted and the applied error bound."""

    model: Model
    max_error: float
    applied_max_error: float | None
    lines: list[MicrPrediction]


def render_digits(served: ServedModel, point: OperatingPoint, readings: list[DigitPrediction]) -> bytes:
    """Returns the reply as JSON."""
    model = Model(served.name, served.version)
    return msgspec.json.encode(DigitsResponse(model, point.max_error, point.applied_max_error, readings))


def render_fields(served: ServedModel, point: OperatingPoint, readings: list[FieldPrediction]) -> bytes:
    """Returns the reply as JSON."""
    model = Model(served.name, served.version)
    return msgspec.json.encode(FieldsResponse(model, point.max_error, point.applied_max_error, readings))


def render_micr(served: ServedModel, point: OperatingPoint, readings: list[MicrPrediction]) -> bytes:
    """Returns the reply as JSON."""
    model = Model(served.name, served.version)
    return msgspec.json.encode(MicrResponse(model, point.max_error, point.applied_max_error, readings))


def _parse_whole(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise CheckreaderError(f"{name} must be a whole number, got {text[:40]!r}")
    return int(text)


def _form_files(boundary: bytes, body: bytes, limit: int) -> list[bytes]:
    """Returns the files of a multipart form by the parser's callbacks, which get slices of the body."""
    files: list[bytearray] = []
    header = {"name": b"", "disposition": b""}
    header_value = bytearray()
    complete = False

    def on_part_begin() -> None:
        header.update(name=b"", disposition=b"")

    def on_header_field(buffer: bytes, start: int, end: int) -> None:
        header["name"] += buffer[start:end].lower()

    def on_header_value(buffer: bytes, start: int, end: int) -> None:
        header_value.extend(buffer[start:end])

    def on_header_end() -> None:
        if header["name"] == b"content-disposition":
            header["disposition"] = bytes(header_value)
        header["name"] = b""
        header_value.clear()

    def on_headers_finished() -> None:
        _, options = parse_options_header(header["disposition"])
        if b"filename" not in options:
            field = options.get(b"name", b"").decode("utf-8", "replace")
            raise CheckreaderError(
                f"form field {field!r} is no file: pictures are sent as curl -F name=@FILE does, "
                "parameters in the URL"
            )
        if len(files) == limit:
            raise CheckreaderError(f"too many pictures: at most {limit} in one request")
        files.append(bytearray())

    def on_part_data(buffer: bytes, start: int, end: int) -> None:
        files[-1].extend(buffer[start:end])

    def on_end() -> None:
        nonlocal complete
        complete = True

    if not boundary:
        raise CheckreaderError("broken multipart form: its Content-Type names no boundary")
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": on_part_begin,
                "on_header_field": on_header_field,
                "on_header_value": on_header_value,
                "on_header_end": on_header_end,
                "on_headers_finished": on_headers_finished,
                "on_part_data": on_part_data,
                "on_end": on_end,
            },
        )
        parser.write(body)
    except FormParserError as error:
        raise CheckreaderError(f"broken multipart form: {error}") from None
    if not complete:
        raise CheckreaderError("broken multipart form: it ends before its last boundary")
    if not files:
        raise CheckreaderError("the form holds no file: send pictures as curl -F name=@FILE does")
    return [bytes(file) for file in files]
