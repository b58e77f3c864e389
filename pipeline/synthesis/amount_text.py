"""Invents the texts of synthetic fields: amounts as several countries write them, dates, and numbers.

What is to be read is everything written, left to right and within a fraction in writing order, in the symbols
`0123456789.,/-x`:

| written | read |
|---|---|
| digits, point, comma, slash, dash, cross | themselves |
| an apostrophe or a semicolon; a colon | a comma; a point |
| a long dash, a tilde; `=` | a dash; two dashes |
| the bar of a fraction | a slash |
| a line below raised cents, currency signs, `*`, `#` | nothing |

The shares of Chile follow what was counted on real checks, the others what is known of each country's habits.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

_Choice = TypeVar("_Choice")

RUPEES: Final = "₨"  # stands for "Rs", as one glyph
FRANCS: Final = "₣"  # stands for "Fr"
UNDERLINE: Final = "_"
FRACTION_BAR: Final = "―"

_READS: Final = {
    **{symbol: symbol for symbol in "0123456789.,/-x"},
    "'": ",", ";": ",", ":": ".", "—": "-", "~": "-", "=": "--", FRACTION_BAR: "/",
}  # fmt: skip


class Place(enum.IntEnum):
    """Where a character stands: on the line, small and raised or lowered, or in a fraction with a level bar."""

    LINE = 0
    RAISED = 1
    LOWERED = 2
    BAR = 3  # under the raised characters before it
    BELOW = 4  # under the bar before it


@dataclass(frozen=True)
class AmountText:
    """A field's characters, and what is to be read of them.

    Attributes:
        chars: the characters, a glyph each; a space is a wide gap.
        reads: for each character the symbols that are to be read; "" = none.
        places: for each character where it stands.
    """

    chars: str
    reads: tuple[str, ...]
    places: tuple[Place, ...]

    def text(self) -> str:
        """Returns what is to be read."""
        return "".join(self.reads)

    def __add__(self, other: AmountText) -> AmountText:
        return AmountText(self.chars + other.chars, self.reads + other.reads, self.places + other.places)


def label(chars: str, place: Place = Place.LINE) -> AmountText:
    """Labels characters that all stand alike."""
    return AmountText(chars, tuple(_READS.get(char, "") for char in chars), (place,) * len(chars))


@dataclass(frozen=True)
class AmountStyle:
    """How a country writes amounts: relative frequencies.

    Attributes:
        digits: numbers of digits before the decimal sign.
        grouping: signs between groups, of amounts of four digits and more; "" = none.
        cents: a decimal sign, or a key of `_HUNDREDTHS`; "" = none.
        before: what stands in front.
        closings: what follows an amount without cents.
        behind: what follows an amount with cents.
        round: the share of amounts that end in zeros.
        lakhs: the share of grouped amounts whose groups are 2-2-3 instead of 3-3.
    """

    digits: dict[int, float]
    grouping: dict[str, float]
    cents: dict[str, float]
    before: dict[str, float]
    closings: dict[str, float]
    behind: dict[str, float]
    round: float = 0.42
    lakhs: float = 0.0


_FILLING: Final = {
    "-": 1.5,
    "--": 0.7,
    "—": 1.5,
    "=": 0.8,
    "~": 0.3,
    "*": 0.3,
    "**": 0.7,
    "#": 0.3,
    "— ": 0.5,
}
_LINES: Final = {"": 90, "-": 2, " —": 3, "—": 2, "=": 1, "--": 1, "~": 0.5, "**": 0.5}

STYLES: Final[dict[str, AmountStyle]] = {
    "cl": AmountStyle(
        digits={2: 5, 3: 16, 4: 33, 5: 32, 6: 11, 7: 3},
        grouping={".": 45, "": 40, ",": 6, " ": 9},
        cents={"": 95, ",": 2, ".": 1.5, "raised": 1, "underlined": 0.5},
        before={"": 92, "$": 3.5, **_FILLING},
        closings={
            "": 62, ".": 10, ",": 6, ".-": 6, "-": 5, "—": 2, "=": 4, "~": 1, ",-": 1.5, ".=": 1, ":=": 0.7, "--": 0.8,
            "**": 0.5, ".—": 0.7, "#": 0.3, ";": 0.3, "/-": 0.5, ".,": 0.5, ".--": 0.3, "-#": 0.3, " .-": 1, " -": 1,
        },
        behind=_LINES,
    ),
    "us": AmountStyle(
        digits={1: 4, 2: 24, 3: 38, 4: 26, 5: 7, 6: 1},
        grouping={",": 58, "": 37, " ": 5},
        cents={
            "": 8, ".": 40, "raised": 8, "underlined": 14, "over hundred": 7, "over crosses": 3, "slanted": 10, "level": 10,
        },
        before={"": 64, "$": 30, "$ ": 2, **_FILLING},
        closings={"": 70, ".": 12, "-": 6, " —": 5, "—": 4, ".—": 2, "=": 1},
        behind=_LINES,
    ),
    "in": AmountStyle(
        digits={2: 1, 3: 6, 4: 14, 5: 24, 6: 25, 7: 18, 8: 9, 9: 3},
        grouping={",": 70, "": 22, " ": 5, ".": 3},
        cents={"": 91, ".": 7, "raised": 1, "underlined": 1},
        before={"": 68, "₹": 16, RUPEES: 8, "₹ ": 2, RUPEES + " ": 1, **_FILLING},
        closings={
            "": 40, "/-": 32, "/": 12, "/=": 3, "/—": 3, "-": 2, "—": 1, "=": 2, ".": 2, ".-": 1, ",": 1, " /-": 1,
        },
        behind={"": 75, "/-": 14, "/": 6, "-": 3, "=": 2},
        round=0.72,
        lakhs=0.85,
    ),
    "de": AmountStyle(
        digits={1: 3, 2: 20, 3: 33, 4: 28, 5: 12, 6: 4},
        grouping={".": 55, "": 33, " ": 12},
        cents={"": 38, ",": 58, "raised": 2, "underlined": 2},
        before={"": 84, "€": 6, "€ ": 2, **_FILLING},
        closings={"": 20, ",-": 24, ",--": 14, "-": 12, ",—": 12, "--": 5, "=": 4, ",=": 2, " €": 4, ",- €": 2, ".-": 1},
        behind={"": 74, " €": 14, "€": 4, "-": 3, " —": 3, "=": 2},
    ),
    "fr": AmountStyle(
        digits={1: 3, 2: 26, 3: 37, 4: 26, 5: 7, 6: 1},
        grouping={" ": 60, "": 30, ".": 9, ",": 1},
        cents={"": 32, ",": 60, ".": 4, "raised": 3, "underlined": 1},
        before={"": 88, "€": 3, "£": 1, **_FILLING},
        closings={"": 44, " €": 20, "€": 10, ",-": 3, "-": 5, "—": 5, "=": 6, "#": 3, ".": 2, "--": 2},
        behind={"": 58, " €": 22, "€": 10, "-": 3, "—": 2, "=": 3, "#": 2},
    ),
    "ch": AmountStyle(
        digits={1: 2, 2: 20, 3: 34, 4: 30, 5: 11, 6: 3},
        grouping={"'": 65, "": 25, " ": 6, ".": 4},
        cents={"": 50, ".": 44, ",": 3, "raised": 3},
        before={"": 76, FRANCS: 12, FRANCS + " ": 4, **_FILLING},
        closings={"": 24, ".-": 38, ".—": 16, ".--": 8, "-": 6, "—": 3, ".=": 3, ",-": 2},
        behind={"": 94, "-": 2, "—": 2, "=": 2},
    ),
}  # fmt: skip

_CURRENCIES: Final = set("€£")  # that stand in front of an amount or behind it
_KINDS: Final = {
    "cl": 36, "us": 15, "in": 20, "de": 5, "fr": 5, "ch": 4, "date": 7, "number": 8, "repeated": 3, "measure": 3,
}  # fmt: skip
# Cents without a decimal sign of their own, and what stands before them.
_HUNDREDTHS: Final = {"raised", "underlined", "over hundred", "over crosses", "slanted", "level"}
_BEFORE_RAISED: Final = {"": 55, " ": 25, ".": 16, ",": 4}
_BEFORE_FRACTION: Final = {"": 40, " ": 50, ".": 9, "-": 1}
_NUMERATORS: Final = {"": 58, "00": 18, "xx": 19, "x": 1, "-": 2, "—": 2}  # of fractions; "" = any two digits
_DATES: Final = {
    "{d:02}/{m:02}/{y}": 20, "{d}/{m}/{y}": 10, "{d}/{m}/{s:02}": 9, "{d}.{m}.{s:02}": 8, "{d:02}.{m:02}.{y}": 8,
    "{d}-{m}-{y}": 6, "{d:02}-{m:02}-{y}": 8, "{d}-{m}-{s:02}": 4, "{m}/{d}/{y}": 5, "{m}/{d}/{s:02}": 4,
    "{m:02}/{d:02}/{y}": 4, "{y}-{m:02}-{d:02}": 6, "{y}/{m:02}/{d:02}": 2, "{d} {m} {y}": 2, "{d:02}{m:02}{y}": 4,
}  # fmt: skip
_FIRST_DAY: Final = datetime.date(1985, 1, 1)
_DAYS: Final = 20_000


def random_text(rng: np.random.Generator) -> AmountText:
    """Invents a field's text: four in five are amounts, many of them round."""
    kind = _choose(_KINDS, rng)
    if kind in STYLES:
        return amount(STYLES[kind], rng)
    if kind == "date":
        return label(date(_choose(_DATES, rng), rng))
    if kind == "measure":
        places = 1 if rng.random() < 0.6 else 2
        return label(
            str(int(10 ** rng.uniform(0, 3))) + ("." if rng.random() < 0.5 else ",") + _digits(places, rng)
        )
    if kind == "repeated":
        text = str(rng.integers(10)) * int(rng.integers(1, 5))
        return label(text + (str(rng.integers(10)) if rng.random() < 0.5 else ""))
    return label(_digits(int(rng.integers(1, 13)), rng))


def amount(style: AmountStyle, rng: np.random.Generator) -> AmountText:
    """Invents an amount as one country writes it."""
    units = _units(_choose(style.digits, rng), style.round, rng)
    before, cents = _choose(style.before, rng), _choose(style.cents, rng)
    if len(units) > 3 and (sign := _choose(style.grouping, rng)) != cents:  # no sign has two meanings
        units = _grouped(units, sign, rng.random() < style.lakhs)
    text = label(before + units)
    if cents:
        text += hundredths(cents, rng) if cents in _HUNDREDTHS else label(cents + _cents(rng))
    behind = _choose(style.behind if cents else style.closings, rng)
    if _CURRENCIES & set(before):
        behind = behind.rstrip("€ ")
    return text + label(behind)


def hundredths(kind: str, rng: np.random.Generator) -> AmountText:
    """Invents cents that are raised, underlined, or a fraction, one of `_HUNDREDTHS`, with what stands before them."""
    if kind in ("raised", "underlined"):
        cents = label(_choose(_BEFORE_RAISED, rng)) + label(_cents(rng), Place.RAISED)
        return cents if kind == "raised" else cents + label(UNDERLINE, Place.BAR)
    numerator = _choose(_NUMERATORS, rng) or _digits(2, rng)
    return label(_choose(_BEFORE_FRACTION, rng)) + fraction(kind, numerator)


def fraction(kind: str, numerator: str) -> AmountText:
    """Labels a fraction of a hundred: "level" on the line, "slanted", "over hundred" or "over crosses" with a bar."""
    if kind == "level":
        return label(f"{numerator}/100")
    if kind == "slanted":
        return label(numerator, Place.RAISED) + label("/") + label("100", Place.LOWERED)
    denominator = "100" if kind == "over hundred" else "xx"
    return label(numerator, Place.RAISED) + label(FRACTION_BAR, Place.BAR) + label(denominator, Place.BELOW)


def date(pattern: str, rng: np.random.Generator) -> str:
    """Invents a valid date; the pattern's d, m, y and s are day, month, year and the year's last two digits."""
    day = _FIRST_DAY + datetime.timedelta(int(rng.integers(_DAYS)))
    return pattern.format(d=day.day, m=day.month, y=day.year, s=day.year % 100)


def _units(count: int, share: float, rng: np.random.Generator) -> str:
    number = rng.integers(10, size=count)
    # First digits of amounts are small ones more often (Benford 1938).
    number[0] = int(10 ** rng.random()) if rng.random() < 0.6 else rng.integers(1, 10)
    if count > 1 and rng.random() < share:
        number[int(rng.integers(1, count)) :] = 0
    return "0" if count == 1 and rng.random() < 0.2 else "".join(map(str, number))


def _grouped(units: str, sign: str, lakhs: bool) -> str:
    """Puts the sign between groups of three, or of two before the last three."""
    if not lakhs:
        return f"{int(units):,}".replace(",", sign)
    groups, rest = [units[-3:]], units[:-3]
    while len(rest) > 2:
        groups.insert(0, rest[-2:])
        rest = rest[:-2]
    return sign.join([rest, *groups])


def _cents(rng: np.random.Generator) -> str:
    return "00" if rng.random() < 0.4 else _digits(2, rng)


def _digits(count: int, rng: np.random.Generator) -> str:
    return "".join(map(str, rng.integers(0, 10, count).tolist()))


def _choose(shares: Mapping[_Choice, float], rng: np.random.Generator) -> _Choice:
    place = rng.random() * sum(shares.values())
    for choice, share in shares.items():
        place -= share
        if place < 0:
            return choice
    return choice
