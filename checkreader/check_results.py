"""What `Reader.check` returns: frozen dataclasses that print as one line and turn into plain data."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from checkreader.results import Model
from serving.decoding.micr import FieldName
from serving.images.check_quality import Quality
from serving.recognition.boxes import Box
from serving.recognition.check import Corner, Place
from serving.recognition.fields import Alternative, FieldDigit
from serving.recognition.micr import MicrCheckDigit, MicrField

__all__ = [
    "Check",
    "CheckAmount",
    "CheckDate",
    "CheckFields",
    "CheckLine",
    "CheckNumber",
    "Place",
    "Quality",
]


@dataclass(frozen=True)
class _CheckField:
    box: Box
    score: float | None
    text: str
    confidence: float
    accepted: bool
    reason: str | None
    max_error: float
    applied_max_error: float | None

    def _verdict(self) -> str:
        return f"confidence {self.confidence:.3f}, {self.reason or 'accepted'}"


@dataclass(frozen=True)
class _WrittenField(_CheckField):
    raw: str
    digits: tuple[FieldDigit, ...]
    alternatives: tuple[Alternative, ...]

    def __str__(self) -> str:
        return f"{self.raw or 'nothing'} ({self._verdict()})"


@dataclass(frozen=True)
class CheckAmount(_WrittenField):
    """The amount of a check.

    Attributes:
        box: x, y, width and height in pixels of the picture.
        score: how sure the finder is that it is there, 0 to 1; None by a layout.
        text: the digits alone; "" where none was read.
        confidence: the calibrated probability that the whole string is right, 0 to 1.
        accepted: True where it may be booked without a human, at the error bound that is applied.
        reason: why it is not accepted; None if it is.
        max_error: the wanted error bound: the one that was named, else the model's default.
        applied_max_error: the certified bound that is applied; None: there is none, and nothing is accepted.
        raw: what is written.
        digits: each digit with its box.
        alternatives: other strings, best first.
        amount: the decimal; None where the separators leave a doubt.
    """

    amount: Decimal | None


@dataclass(frozen=True)
class CheckDate(_WrittenField):
    """The date of a check: attributes as `CheckAmount`, but that `date` is the day; None where it is in doubt."""

    date: datetime.date | None


@dataclass(frozen=True)
class CheckNumber(_WrittenField):
    """The printed number of a check; attributes as `CheckAmount`, without a meaning."""


@dataclass(frozen=True)
class CheckLine(_CheckField):
    """The MICR line of a check; `box`, `score` and the verdict as in `CheckAmount`, the others as in `MicrLine`."""

    symbols: str
    country: str | None
    fields: Mapping[FieldName, MicrField]
    check_digit: MicrCheckDigit | None
    boxes: tuple[Box, ...]

    def __str__(self) -> str:
        return f"{self.symbols or 'nothing'} ({self._verdict()})"


@dataclass(frozen=True)
class CheckFields:
    """The fields of a check; None where one was not found. `words`, the amount in words, is a place alone."""

    amount: CheckAmount | None
    date: CheckDate | None
    micr: CheckLine | None
    check_number: CheckNumber | None
    words: Place | None


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        models: those that read it.
        page: the number of the page that it is on, from 1; 1 in a picture without pages.
        corners: of the paper, x and y in pixels of the picture: the check's top left, top right, bottom right and bottom
            left; None where there is no check.
        quality: the picture's; None where there is no check.
        fields: `amount`, `date`, `micr`, `check_number` and `words`.
        max_error: the sum of the wanted bounds of amount and MICR line.
        applied_max_error: the sum of the bounds that are applied; None: there is none, and nothing is accepted.
        accepted: True where amount and MICR line are accepted and nothing speaks against them.
        reasons: why it is not accepted.
    """

    models: tuple[Model, ...]
    page: int
    corners: tuple[Corner, ...] | None
    quality: Quality | None
    fields: CheckFields
    max_error: float
    applied_max_error: float | None
    accepted: bool
    reasons: tuple[str, ...]

    @property
    def amount(self) -> CheckAmount | None:
        """The amount; None where it was not found."""
        return self.fields.amount

    @property
    def date(self) -> CheckDate | None:
        """The date; None where it was not found."""
        return self.fields.date

    @property
    def micr(self) -> CheckLine | None:
        """The MICR line; None where it was not found."""
        return self.fields.micr

    @property
    def check_number(self) -> CheckNumber | None:
        """The printed number; None where it was not found."""
        return self.fields.check_number

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data that `json.dumps` takes, as the service's answers; amounts and dates are strings."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    def __str__(self) -> str:
        amount, line = self.amount, self.micr
        amount_text = "no amount" if amount is None else str(amount.amount or amount.raw or "no amount")
        line_text = "no MICR line" if line is None else line.symbols or "no MICR line"
        return f"{amount_text}, {line_text} ({'; '.join(self.reasons) or 'accepted'})"
