"""What a `Reader` returns: frozen dataclasses that print as one line and turn into plain data."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from serving.decoding.micr import FieldName
from serving.decoding.thresholds import Choice
from serving.recognition.boxes import Box
from serving.recognition.fields import Alternative, CheckDigit, FieldDigit
from serving.recognition.micr import MicrCheckDigit, MicrField

__all__ = [
    "Alternative",
    "Amount",
    "CheckDigit",
    "Choice",
    "Date",
    "Digit",
    "FieldDigit",
    "MicrCheckDigit",
    "MicrField",
    "MicrLine",
    "Model",
    "Number",
]


@dataclass(frozen=True)
class Model:
    """Name and version of the model that read."""

    name: str
    version: str


@dataclass(frozen=True)
class _Result:
    model: Model
    page: int
    confidence: float
    accepted: bool
    reason: str | None
    max_error: float
    applied_max_error: float | None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data that `json.dumps` takes; amounts and dates are strings, as in the service's answers."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    def _verdict(self) -> str:
        return f"confidence {self.confidence:.3f}, {self.reason or 'accepted'}"


@dataclass(frozen=True)
class Digit(_Result):
    """A single digit.

    Attributes:
        model: the model that read it.
        page: the number of the page that it is on, from 1; 1 in a picture without pages.
        confidence: the calibrated probability of `digit`, 0 to 1.
        accepted: True where it may be booked without a human, at the error bound that is applied.
        reason: why it is not accepted; None if it is.
        max_error: the wanted error bound: the one that was named, else the model's default.
        applied_max_error: the certified bound that is applied; None: there is none, and nothing is accepted.
        digit: 0 to 9.
        top: the likeliest digits, best first.
    """

    digit: int
    top: tuple[Choice, ...]

    def __str__(self) -> str:
        return f"{self.digit} ({self._verdict()})"


@dataclass(frozen=True)
class Number(_Result):
    """A number.

    Attributes:
        model: the model that read it.
        page: the number of the page that it is on, from 1; 1 in a picture without pages.
        confidence: the calibrated probability that the whole string is right, 0 to 1.
        accepted: True where it may be booked without a human, at the error bound that is applied.
        reason: why it is not accepted; None if it is.
        max_error: the wanted error bound: the one that was named, else the model's default.
        applied_max_error: the certified bound that is applied; None: there is none, and nothing is accepted.
        text: the digits alone; "" where none was read.
        raw: what is written, with a point for each separator.
        digits: each digit with its box.
        check_digit: the check of its scheme; None without a scheme.
        alternatives: other strings, best first.
    """

    text: str
    raw: str
    digits: tuple[FieldDigit, ...]
    check_digit: CheckDigit | None
    alternatives: tuple[Alternative, ...]

    def __str__(self) -> str:
        return f"{self.raw or 'nothing'} ({self._verdict()})"


@dataclass(frozen=True)
class Amount(Number):
    """An amount: a `Number`, and what it means.

    Attributes:
        amount: the decimal; None where the separators leave a doubt.
    """

    amount: Decimal | None

    def __str__(self) -> str:
        meaning = "" if self.amount is None else f"{self.amount}, "
        return f"{self.raw or 'nothing'} ({meaning}{self._verdict()})"


@dataclass(frozen=True)
class Date(Number):
    """A date: a `Number`, and the day that it means.

    Attributes:
        date: the day; None where none, or more than one, can be meant.
    """

    date: datetime.date | None

    def __str__(self) -> str:
        meaning = "" if self.date is None else f"{self.date}, "
        return f"{self.raw or 'nothing'} ({meaning}{self._verdict()})"


@dataclass(frozen=True)
class MicrLine(_Result):
    """A MICR line.

    Attributes:
        model: the model that read it.
        page: the number of the page that it is on, from 1; 1 in a picture without pages.
        confidence: the calibrated probability that the whole line is right, 0 to 1.
        accepted: True where it may be booked without a human, at the error bound that is applied.
        reason: why it is not accepted; None if it is.
        max_error: the wanted error bound: the one that was named, else the model's default.
        applied_max_error: the certified bound that is applied; None: there is none, and nothing is accepted.
        text: its digits, A (transit), B (amount), C (on-us) and D (dash), with a blank at each gap; "" where none was read.
        symbols: the same with ⑆ ⑇ ⑈ ⑉.
        country: whose layout it has, `us`, `ca`, `in`, `gb` or `other`; None where it fits none.
        fields: `routing`, `account`, `serial`, `amount`, …, each with its digits and its confidence.
        check_digit: the check of the routing number; None where it has none.
        boxes: x, y, width and height of each symbol, in pixels of the picture.
    """

    text: str
    symbols: str
    country: str | None
    fields: Mapping[FieldName, MicrField]
    check_digit: MicrCheckDigit | None
    boxes: tuple[Box, ...]

    def __str__(self) -> str:
        return f"{self.symbols or 'nothing'} ({self._verdict()})"
