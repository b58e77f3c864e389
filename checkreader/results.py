"""What a `Reader` returns: frozen dataclasses that print as one line and turn into plain data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

# x, y, width and height in pixels of the picture that was read.
Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class Model:
    """Name and version of the model that read."""

    name: str
    version: str


@dataclass(frozen=True)
class Choice:
    """One of the likeliest digits, with its calibrated probability."""

    digit: int
    probability: float


@dataclass(frozen=True)
class FieldDigit:
    """One digit of a field, with its probability and its box."""

    digit: int
    probability: float
    box: Box


@dataclass(frozen=True)
class CheckDigit:
    """Whether the number satisfies the check digit of its scheme."""

    scheme: str
    valid: bool


@dataclass(frozen=True)
class Alternative:
    """Another string that may be written, with its total probability."""

    raw: str
    probability: float


@dataclass(frozen=True)
class _Result:
    model: Model
    confidence: float
    accepted: bool
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data that `json.dumps` takes; amounts are strings, as in the service's answers."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain

    def _verdict(self) -> str:
        return f"confidence {self.confidence:.3f}, {self.reason or 'accepted'}"


@dataclass(frozen=True)
class Digit(_Result):
    """A single digit.

    Attributes:
        model: the model that read it.
        confidence: the calibrated probability of `digit`, 0 to 1.
        accepted: True where it may be booked without a human, at the error bound that was asked for.
        reason: why it is not accepted; None if it is.
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
        confidence: the calibrated probability that the whole string is right, 0 to 1.
        accepted: True where it may be booked without a human, at the error bound that was asked for.
        reason: why it is not accepted; None if it is.
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


def _plain(content: Any) -> Any:
    match content:
        case Decimal():
            return str(content)
        case dict():
            return {key: _plain(part) for key, part in content.items()}
        case tuple():
            return [_plain(part) for part in content]
    return content
