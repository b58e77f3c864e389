"""The forms of a result: a line of JSON, or the same as comma-separated values.

A row is {"file", "page", "pages", "model", "version", "max_error", "applied_max_error", "settings": {…}} and a
prediction's keys, or "error". In CSV the keys of an inner object become columns, `settings.crop`; a list is JSON in its cell. A row is one
line in either form, as text is written without line breaks.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from msgspec import inspect

from serving.bulk.folder import one_line

Settings: TypeAlias = Mapping[str, str | int | float | None]
_SETTINGS: Final = "settings"
_STRUCTURES: Final = (inspect.StructType, inspect.DataclassType)
_HEAD: Final = ("file", "page", "pages")
_ABOUT: Final = ("model", "version", "max_error", "applied_max_error")


class Row(msgspec.Struct):
    """The parts of a result that are counted or compared; `settings` and the model's, as text."""

    file: str
    page: int | None
    pages: int | None
    settings: Mapping[str, str]
    accepted: bool
    reason: str | None
    error: str | None


class Form(Protocol):
    """A form of results. `header` is the first line of a file, empty where there is none."""

    @property
    def header(self) -> bytes: ...

    def encode(self, row: Mapping[str, Any]) -> bytes:
        """Returns the line of a row, without the line feed."""

    def decode(self, line: bytes) -> Row:
        """Returns a line's row; raises ValueError if it is none."""


class _JsonRow(msgspec.Struct):
    file: str
    page: int | None
    pages: int | None
    model: str
    version: str
    max_error: float
    applied_max_error: float | None
    settings: dict[str, str | int | float | None]
    accepted: bool = False
    reason: str | None = None
    reasons: list[str] = []  # of a check, instead
    error: str | None = None


class JsonLines:
    """A row is an object of JSON."""

    header: Final = b""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(_JsonRow)

    def encode(self, row: Mapping[str, Any]) -> bytes:
        return self._encoder.encode(row)

    def decode(self, line: bytes) -> Row:
        row = self._decoder.decode(line)  # msgspec's errors are ValueErrors
        settings = texts({**{key: getattr(row, key) for key in _ABOUT}, **row.settings})
        reason = row.reasons[0] if row.reasons else row.reason
        return Row(row.file, row.page, row.pages, settings, row.accepted, reason, row.error)


@dataclass(frozen=True)
class CsvLines:
    """A row is a line of values, one for each of the header's columns."""

    columns: Sequence[str]

    @property
    def header(self) -> bytes:
        return _csv_line(self.columns)

    def encode(self, row: Mapping[str, Any]) -> bytes:
        cells = dict(_flat(row))
        return _csv_line([cells.get(column, "") for column in self.columns])

    def decode(self, line: bytes) -> Row:
        try:
            (cells,) = csv.reader([line.decode().rstrip("\n")], strict=True)
        except csv.Error as error:
            raise ValueError(str(error)) from None
        row = dict(zip(self.columns, cells, strict=True))
        prefix = f"{_SETTINGS}."
        settings = {
            key.removeprefix(prefix): cell
            for key, cell in row.items()
            if key.startswith(prefix) or key in _ABOUT
        }
        page, pages = (int(row[key]) if row[key] else None for key in ("page", "pages"))
        accepted, reason = row["accepted"] == "true", row.get("reason") or None
        if row.get("reasons"):
            reason = next(iter(msgspec.json.decode(row["reasons"], type=list[str])), None)
        return Row(row["file"], page, pages, settings, accepted, reason, row["error"] or None)


def texts(settings: Settings) -> dict[str, str]:
    """Returns settings as they stand in a CSV's cells, so that those of either form can be compared."""
    return {key: _cell(value) for key, value in settings.items()}


def csv_columns(settings: Sequence[str], prediction: type[msgspec.Struct]) -> list[str]:
    """Returns the columns of results.

    Args:
        settings: the keys of the settings.
        prediction: what the rows hold.
    """
    inner = [f"{_SETTINGS}.{key}" for key in settings]
    return list(dict.fromkeys([*_HEAD, *_ABOUT, *inner, *_fields(prediction), "error"]))


def _fields(structure: type) -> Iterator[str]:
    """Yields the keys of a structure or data class; those of one in it, or None, behind its own and a point.

    Of a mapping with known keys to structures it yields these keys, each with the structure's.
    """
    described = inspect.type_info(structure)
    assert isinstance(described, _STRUCTURES)
    for field in described.fields:
        kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        inner = [kind.cls for kind in kinds if isinstance(kind, _STRUCTURES)]
        if inner:
            yield from (f"{field.encode_name}.{key}" for key in _fields(inner[0]))
        elif isinstance(field.type, inspect.DictType):
            names, content = field.type.key_type, field.type.value_type
            assert isinstance(names, inspect.LiteralType)
            assert isinstance(content, inspect.StructType)
            yield from (
                f"{field.encode_name}.{name}.{key}" for name in names.values for key in _fields(content.cls)
            )
        else:
            yield field.encode_name


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return one_line(value)
    return msgspec.json.encode(value).decode()


def _csv_line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue().encode()
