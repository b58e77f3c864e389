"""Parses the text of a MICR line: which country laid it out, and its fields.

Fields are found by the symbols around them, never by their order alone: A = transit, B = amount, C = on-us, D = dash.
A blank separates the check's number from the account inside the American on-us field; elsewhere blanks mean nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from serving.decoding import check_digits
from serving.errors import CheckreaderError

SYMBOLS: Final = str.maketrans("ABCD", "⑆⑇⑈⑉")
AUTO: Final = "auto"
MOST_SYMBOLS: Final = 65  # positions of a line on a check of 8¾ inches

_AMOUNT: Final = r"(?:B(?P<amount>\d{10})B)?"
# Of each country, the most particular pattern first; a name that ends in a digit is another place for the same field.
_PATTERNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (country, re.compile(pattern + _AMOUNT))
    for country, pattern in (
        (
            "us",
            r"(?:C(?P<serial>\d{3,15})C)?(?P<external_processing_code>\d)?"
            r"A(?P<routing>\d{9}|\d{4}D\d{4})A(?P<on_us>[\dCD]{0,22})",
        ),
        (
            "ca",
            r"(?:C(?P<serial>\d{3,10})C)?A(?P<routing>(?P<transit>\d{5})D(?P<institution>\d{3}))A"
            r"(?P<account>\d[\dD]{4,14})C(?P<transaction_code>\d{2,3})?",
        ),
        (
            "in",
            r"C(?P<serial>\d{6})C(?P<routing>(?P<city>\d{3})(?P<bank>\d{3})(?P<branch>\d{3}))A"
            r"(?:(?P<account>\d{6})C)?(?P<transaction_code>\d{2})",
        ),
        (
            "gb",
            r"C(?P<serial>\d{6})C(?P<routing>\d{2}D\d{4})A(?P<account>\d{8})C(?P<transaction_code>\d{2})?",
        ),
        (
            "other",
            r"C(?P<serial>\d{5,10})C(?P<routing>(?P<bank>\d{2,4})D(?P<branch>\d{3,5})|\d{5,9})A"
            r"(?P<account>\d[\dD]{5,18})C(?P<transaction_code>\d{1,3})?",
        ),
    )
)
COUNTRIES: Final = (AUTO, *(country for country, _ in _PATTERNS))
_SERIAL_FIRST: Final = re.compile(r"\d{3,6}")
# First two digits of American routing numbers in use (American Bankers Association).
_PREFIXES: Final = frozenset((*range(13), *range(21, 33), *range(61, 73), 80))


FieldName: TypeAlias = Literal[
    "routing",
    "account",
    "serial",
    "amount",
    "transaction_code",
    "external_processing_code",
    "transit",
    "institution",
    "city",
    "bank",
    "branch",
]


@dataclass(frozen=True)
class MicrFormat:
    """What is known of a line before it is read: the country whose layout it has, one of `COUNTRIES`.

    Raises:
        CheckreaderError: such a country is not known.
    """

    country: str = AUTO
    kind: Literal["micr"] = "micr"

    def __post_init__(self) -> None:
        require_country(self.country)


@dataclass(frozen=True)
class MicrField:
    """A field of a line.

    Attributes:
        name: of what it says; "transit", "bank" and the like are parts of "routing".
        text: its digits, and blanks between them; dashes left out.
        start, stop: the symbols that it is read from, counted without blanks.
    """

    name: FieldName
    text: str
    start: int
    stop: int


@dataclass(frozen=True)
class MicrFields:
    """What a line says.

    Attributes:
        country: "us", "ca", "in", "gb", or "other" for a layout that several share; None: it fits none.
        fields: in the order of the line.
        scheme: of the check digit inside the routing number; None: it has none.
        valid: whether the routing number satisfies the scheme.
        problem: why the line must not be accepted, whatever its probability; None: nothing speaks against it.
    """

    country: str | None
    fields: tuple[MicrField, ...] = ()
    scheme: str | None = None
    valid: bool = True
    problem: str | None = None


def require_country(country: str) -> str:
    """Returns the country; raises CheckreaderError if its lines are not known."""
    if country not in COUNTRIES:
        raise CheckreaderError(f"country must be one of {', '.join(COUNTRIES)}, got {country[:40]!r}")
    return country


def spaced(symbols: str, places: list[float], pitch: float) -> str:
    """Writes symbols with a blank wherever two neighbors are more than one and a half pitches apart.

    Args:
        symbols: of the line, without blanks.
        places: the middle of each along the line, ascending.
        pitch: from symbol to symbol, in the same unit.
    """
    parts = [symbols[:1]]
    for symbol, before, place in zip(symbols[1:], places, places[1:], strict=False):
        parts.append(" " + symbol if place - before > 1.5 * pitch else symbol)
    return "".join(parts)


def parse(text: str, country: str = AUTO) -> MicrFields:
    """Finds a line's country and fields.

    Args:
        text: its symbols, with blanks.
        country: one of `COUNTRIES`; "auto" tries all.

    Raises:
        CheckreaderError: such a country is not known.
    """
    require_country(country)
    symbols = text.replace(" ", "")
    if not symbols:
        return MicrFields(None, problem="no symbol read")
    if len(symbols) > MOST_SYMBOLS:
        return MicrFields(
            None,
            problem=f"too many symbols: {len(symbols)}, and a line holds at most {MOST_SYMBOLS}: this is more than one",
        )
    for name, pattern in _PATTERNS:
        match = pattern.fullmatch(symbols) if country in (AUTO, name) else None
        fields = _fields(match, text) if match else None
        if fields is not None:
            return _judged(name, fields)
    whose = "any country" if country == AUTO else f"country={country}"
    return MicrFields(
        None,
        problem=f"no known layout: the symbols fit no line of {whose}, or a part of the line is missing",
    )


def _fields(match: re.Match[str], text: str) -> tuple[MicrField, ...] | None:
    """Returns the fields of a match, those inside the on-us field too; None where these are not to be told apart."""
    spans = {name: match.span(name) for name, part in match.groupdict().items() if part}
    if "on_us" in match.re.groupindex:
        start, stop = match.span("on_us")
        spans.pop("on_us", None)
        on_us = _on_us(match.string, start, stop, _blanks(text), "serial" in spans)
        if on_us is None:
            return None
        spans |= on_us
    return tuple(
        MicrField(cast(FieldName, name), _written(match.string, start, stop, _blanks(text)), start, stop)
        for name, (start, stop) in sorted(spans.items(), key=lambda item: (item[1][0], -item[1][1]))
    )


def _on_us(
    symbols: str, start: int, stop: int, blanks: frozenset[int], numbered: bool
) -> dict[str, tuple[int, int]] | None:
    """Finds account and check number in an American on-us field: `account C [number]` or `[number] account C`.

    Args:
        symbols: of the line.
        start, stop: the field in it.
        blanks: the symbols that a blank stands before.
        numbered: whether the check's number stands elsewhere, so that what is behind the account is a code.
    """
    marks = [place for place in range(start, stop) if symbols[place] == "C"]
    if len(marks) == 2 and not numbered and stop - 1 == marks[1] and marks[0] > start:
        return (
            {"serial": (start, marks[0]), "account": (marks[0] + 1, marks[1])}
            if marks[0] - start < 7
            else None
        )
    if len(marks) != 1 or marks[0] == start:
        return None
    (mark,) = marks
    if "D" in symbols[mark:stop]:
        return None
    behind = {"transaction_code" if numbered else "serial": (mark + 1, stop)} if mark + 1 < stop else {}
    account = start
    if not behind and not numbered:
        breaks = [place for place in range(start + 1, mark) if place in blanks]
        if breaks and _SERIAL_FIRST.fullmatch(symbols[start : breaks[0]]):
            account = breaks[0]
            behind = {"serial": (start, account)}
    return {"account": (account, mark), **behind}


def _blanks(text: str) -> frozenset[int]:
    """Returns the numbers of the symbols that a blank stands before."""
    count, places = 0, set()
    for before, symbol in zip(" " + text, text, strict=False):
        if symbol != " ":
            if before == " " and count:
                places.add(count)
            count += 1
    return frozenset(places)


def _written(symbols: str, start: int, stop: int, blanks: frozenset[int]) -> str:
    """Writes symbols without dashes, with the blanks between them."""
    parts = [" " * (place in blanks and place > start) + symbols[place] for place in range(start, stop)]
    return "".join(parts).replace("D", "")


def _judged(country: str, fields: tuple[MicrField, ...]) -> MicrFields:
    """Holds the routing number against its check digit and the numbers in use."""
    routing = next(field.text.replace(" ", "") for field in fields if field.name == "routing")
    if country != "us" or len(routing) != 9:
        return MicrFields(country, fields)
    valid = check_digits.satisfies(routing, check_digits.aba())
    problem = None
    if not valid:
        problem = "check digit: the routing number does not satisfy aba"
    elif int(routing[:2]) not in _PREFIXES:
        problem = "unknown routing number: none in use begins with these two digits"
    return MicrFields(country, fields, "aba", valid, problem)
