"""Parses a layout: where the fields of checks that are all alike lie, as shares of the flat check's width and height.

>>> parse('{"amount": [0.78, 0.36, 0.97, 0.46], "micr": [0.02, 0.86, 0.75, 0.99]}')["amount"]
(0.78, 0.36, 0.97, 0.46)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from serving.errors import CheckreaderError
from serving.recognition.boxes import Box

# Left, top, right and bottom, from 0 to 1.
Place: TypeAlias = tuple[float, float, float, float]

FIELDS: Final = ("amount", "date", "micr", "check_number", "words")
MAX_LENGTH: Final = 2_000  # characters; five fields with spaces to spare take a few hundred
_EXAMPLE: Final = '{"amount": [0.78, 0.36, 0.97, 0.46]}'


def parse(text: str) -> dict[str, Place]:
    """Parses a layout, JSON with an array of left, top, right and bottom for each of some `FIELDS`.

    Raises:
        CheckreaderError: it is no such JSON, a name is unknown, a box leaves the check or is empty, or the amount has none.
    """
    if len(text) > MAX_LENGTH:
        raise CheckreaderError(f"layout: {len(text):,} characters, at most {MAX_LENGTH:,} are read")
    try:
        places = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        layout = {name: msgspec.json.decode(place) for name, place in places.items()}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise CheckreaderError(f"layout: expected JSON as {_EXAMPLE}") from None
    return from_mapping(layout)


def load(path: Path) -> dict[str, Place]:
    """Reads a layout from a file; raises CheckreaderError as `parse`, or if it cannot be read, with the file's name."""
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_LENGTH + 1)
        return parse(content.decode("utf-8-sig"))
    except OSError as error:
        raise CheckreaderError(f"{path}: {error.strerror}") from None
    except ValueError:  # no UTF-8, or no name of a file
        raise CheckreaderError(f"{path}: layout: expected JSON as {_EXAMPLE}") from None
    except CheckreaderError as error:
        raise CheckreaderError(f"{path}: {error}") from None


def from_mapping(layout: Mapping[str, Any]) -> dict[str, Place]:
    """Checks a layout that a program made; raises CheckreaderError as `parse`."""
    places = {}
    for name, entry in layout.items():
        if name not in FIELDS:
            raise CheckreaderError(f"layout: unknown field {str(name)[:40]!r}, expected {', '.join(FIELDS)}")
        try:
            place = msgspec.convert(entry, Place)
        except msgspec.ValidationError:
            raise CheckreaderError(
                f"layout: {name} must be four numbers, left, top, right and bottom, as {_EXAMPLE}"
            ) from None
        left, top, right, bottom = place
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise CheckreaderError(
                f"layout: {name} leaves the check or is empty: left < right and top < bottom are shares from 0 to 1 "
                "of its width and height"
            )
        places[name] = place
    if "amount" not in places:
        raise CheckreaderError(f"layout: no box for the amount, as {_EXAMPLE}")
    return places


def to_text(layout: Mapping[str, Place]) -> str:
    """Writes a layout so that equal ones have equal texts; `parse` reads it."""
    return msgspec.json.encode({name: layout[name] for name in FIELDS if name in layout}).decode()


def boxes(layout: Mapping[str, Place], width: int, height: int) -> dict[str, Box]:
    """Returns the fields' boxes on a flat check of that size, at least one pixel each."""
    placed = {}
    for name, (left, top, right, bottom) in layout.items():
        x, y = min(round(left * width), width - 1), min(round(top * height), height - 1)
        placed[name] = (x, y, max(1, round(right * width) - x), max(1, round(bottom * height) - y))
    return placed
