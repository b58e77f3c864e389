"""Describes dates as finite automata, and interprets written strings as dates.

Days, months and years are numbers: the network reads no letters, so that a month's name is none of its strings.

| written | order | means |
|---|---|---|
| `24112019`, a digit in each box; marks between them are the boxes' lines | dmy | 2019-11-24 |
| `241119` | dmy | 2019-11-24 |
| `24/11/2019`, `24.11.19`, `24-11/2019`: any separators | dmy | 2019-11-24 |
| `5/1/2019`, `05/1/19`: one digit where separators stand | dmy | 2019-01-05 |
| `2019-11-24`, `20191124` | ymd | 2019-11-24 |
| `03/04/2019` | any | nothing: 2019-04-03 or 2019-03-04 |
| `29022019`, `31042019`, `5012019` | dmy | nothing |
"""

from __future__ import annotations

import functools
import re
from calendar import isleap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from serving.decoding.alphabet import DIGITS, EITHER
from serving.decoding.automata import Automaton, build
from serving.errors import CheckreaderError

ORDERS: Final = ("dmy", "mdy", "ymd")
FIRST: Final = date(1900, 1, 1)
LAST: Final = date(2099, 12, 31)
# Where no last day is named, 69 to 99 are years of 1900 and 00 to 68 of 2000, as strptime has it in POSIX.
LAST_OF_TWO_DIGITS: Final = 2068
SEPARATORS: Final = f"/-.,{EITHER}"
SEPARATOR: Final = len(DIGITS)  # the label of any separator
OTHER: Final = SEPARATOR + 1  # the label of the marks that no date has

Widths: TypeAlias = tuple[int, int, int]  # digits of day, month and year, or of a date's parts in their order
_BARE: Final[tuple[Widths, ...]] = ((2, 2, 4), (2, 2, 2))
_SEPARATED: Final[tuple[Widths, ...]] = tuple(
    (day, month, year) for day, month in ((1, 1), (1, 2), (2, 1)) for year in (4, 2)
)
_EIGHT, _SIX = map(sum, _BARE)
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # of each month, in a leap year
_LEAP_DAY: Final = (2, 29)
_YEAR_FIRST: Final = "ymd"
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_END: Final = 0  # the state after a whole date


@dataclass(frozen=True)
class DateRules:
    """What a date has to keep; made by `parse`.

    Attributes:
        orders: those of `ORDERS` in which it may be written.
        after: the first day that is read.
        before: the last one.
        century: the last of the hundred years that two digits can mean.
    """

    orders: tuple[str, ...]
    after: date
    before: date
    century: int

    def __str__(self) -> str:
        return f"the form of a date ({' or '.join(self.orders)}, {self.after} to {self.before})"

    @functools.cached_property
    def bare(self) -> Automaton:
        """The automaton over digits of dates that need no separators: in eight digits or six."""
        return self._automaton(_BARE, separated=False)

    @functools.cached_property
    def separated(self) -> Automaton:
        """The automaton over digits, `SEPARATOR` and `OTHER` of dates with a day or a month of one digit.

        Those of two digits each are among the strings of `bare`, which are whatever marks are in between.
        """
        return self._automaton(_SEPARATED, separated=True)

    def dates(self, written: str) -> frozenset[date]:
        """Returns what a string means: a date, none, or several where several orders fit.

        Args:
            written: digits and separators. Of eight digits the separators do not matter; others have two, after the
                first and the second part, or, of six digits, none.
        """
        groups = [group for group in re.split(f"[{re.escape(SEPARATORS)}]+", written) if group]
        text = "".join(groups)
        lengths = tuple(map(len, groups))
        bare = lengths == (_SIX,) or len(text) == _EIGHT
        return frozenset(
            day
            for order in self.orders
            for day_month_year in (*_BARE, *_SEPARATED)
            if (widths := _arranged(day_month_year, order)) == lengths or (bare and day_month_year in _BARE)
            if (day := self._date(text, widths, order)) is not None
        )

    def readings(self, text: str) -> dict[str, date]:
        """Returns whatever digits may mean if separators were missed: each string, with separators or bare, and its date.

        Where several orders fit a string, it has the date of one of them.
        """
        readings: dict[str, date] = {}
        for order in self.orders:
            for widths, separator in (*((w, "") for w in _BARE), *((w, SEPARATORS[0]) for w in _SEPARATED)):
                first, second, _ = lengths = _arranged(widths, order)
                if (day := self._date(text, lengths, order)) is not None:
                    parts = text[:first], text[first : first + second], text[first + second :]
                    readings[separator.join(parts)] = day
        return readings

    def _date(self, text: str, widths: tuple[int, ...], order: str) -> date | None:
        """Returns the date whose parts have these widths, if it is one."""
        if sum(widths) != len(text):
            return None
        first, second = widths[0], widths[0] + widths[1]
        parts = dict(zip(order, (text[:first], text[first:second], text[second:]), strict=True))
        year = int(parts["y"])
        if len(parts["y"]) == len("yy"):
            year = self.century - (self.century - year) % 100
        try:
            day = date(year, int(parts["m"]), int(parts["d"]))
        except ValueError:
            return None
        return day if self.after <= day <= self.before else None

    def _automaton(self, formats: tuple[Widths, ...], separated: bool) -> Automaton:
        graph = _Graph(separated)
        starts = frozenset(
            (_year_first if order == _YEAR_FIRST else _year_last)(graph, self, order, widths)
            for order in self.orders
            for widths in formats
        )
        labels = OTHER + 1 if separated else SEPARATOR
        return build(starts, graph.step, lambda states: _END in states, labels)


@functools.lru_cache(maxsize=128)
def parse(order: str | None = None, after: str | None = None, before: str | None = None) -> DateRules:
    """Returns the rules for an order and a window.

    Args:
        order: one of `ORDERS`, which of day, month and year is first, second and third; None = any of them.
        after: the first day that is read, as 2024-02-29; None = `FIRST`.
        before: the last one; None = `LAST`. Two digits are a year of the hundred that end with the year of this
            day, or with `LAST_OF_TWO_DIGITS` where it is not named.

    Raises:
        CheckreaderError: an unknown order, a day that does not exist or is not read, or no day is within.
    """
    if order is not None and order not in ORDERS:
        raise CheckreaderError(
            f"order must be one of {', '.join(ORDERS)}, got {order[:40]!r}: months are read as numbers, not by name"
        )
    first = FIRST if after is None else _day("after", after)
    last = LAST if before is None else _day("before", before)
    if first > last:
        raise CheckreaderError(f"after {first} is later than before {last}: no date is within")
    century = LAST_OF_TWO_DIGITS if before is None else last.year
    return DateRules(ORDERS if order is None else (order,), first, last, century)


def _day(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text) if _ISO.fullmatch(text) else None  # Python reads other forms, too
    except ValueError:
        day = None
    if day is None or not FIRST <= day <= LAST:
        raise CheckreaderError(f"{name} must be a date from {FIRST} to {LAST}, written so, got {text[:40]!r}")
    return day


class _Graph:
    """A nondeterministic automaton: for each state the one that a label leads to; equal states are the same."""

    def __init__(self, separated: bool) -> None:
        self._steps: list[dict[int, int]] = [{}, {}]  # of `_END`, and of a state from which nothing goes on
        self._states: dict[tuple[tuple[int, int], ...], int] = {(): 1}
        self._separated = separated

    def step(self, states: frozenset[int], label: int) -> frozenset[int] | None:
        """Returns the states that a label leads to; None for none."""
        return frozenset(self._steps[state][label] for state in states if label in self._steps[state]) or None

    def numbers(self, ends: Mapping[str, int]) -> int:
        """Returns the state from which numbers, of the same width, lead to states."""
        rests: dict[int, dict[str, int]] = {}
        for number, end in ends.items():
            rests.setdefault(int(number[0]), {})[number[1:]] = end
        return self._state(
            {digit: rest[""] if "" in rest else self.numbers(rest) for digit, rest in rests.items()}
        )

    def before(self, state: int) -> int:
        """Returns the state before the separators that lead to a state; without separators the state itself."""
        if not self._separated:
            return state
        # A second separator in a row changes nothing.
        return self._state({SEPARATOR: self._state({**self._steps[state], SEPARATOR: len(self._steps)})})

    def _state(self, steps: dict[int, int]) -> int:
        key = tuple(sorted(steps.items()))
        if key not in self._states:
            self._states[key] = len(self._steps)
            self._steps.append(steps)
        return self._states[key]


def _year_last(graph: _Graph, rules: DateRules, order: str, widths: Widths) -> int:
    """Returns the state before the dates of an order that ends with the year."""
    days, months = _numerals(max(_DAYS), widths[0]), _numerals(len(_DAYS), widths[1])

    @functools.cache
    def years(lowest: int, highest: int, leap: bool) -> int:
        numbers = (year for year in range(lowest, highest + 1) if isleap(year) or not leap)
        return graph.before(graph.numbers(dict.fromkeys(_years(numbers, rules, widths[2]).values(), _END)))

    def end(month: int, day: int) -> int:
        lowest = rules.after.year + ((month, day) < (rules.after.month, rules.after.day))
        highest = rules.before.year - ((month, day) > (rules.before.month, rules.before.day))
        return years(lowest, highest, (month, day) == _LEAP_DAY)

    ends: dict[str, dict[str, int]] = {}
    for day, day_text in days.items():
        for month, month_text in months.items():
            if day <= _DAYS[month - 1]:
                first, second = (day_text, month_text) if order == "dmy" else (month_text, day_text)
                ends.setdefault(first, {})[second] = end(month, day)
    return graph.numbers({first: graph.before(graph.numbers(rest)) for first, rest in ends.items()})


def _year_first(graph: _Graph, rules: DateRules, order: str, widths: Widths) -> int:
    """Returns the state before the dates of an order that begins with the year, then the month."""
    days, months = _numerals(max(_DAYS), widths[0]), _numerals(len(_DAYS), widths[1])

    @functools.cache
    def rest(lowest: tuple[int, int], highest: tuple[int, int], leap: bool) -> int:
        ends: dict[str, int] = {}
        for month, month_text in months.items():
            numbers = {
                text: _END
                for day, text in days.items()
                if day <= _DAYS[month - 1]
                and lowest <= (month, day) <= highest
                and (leap or (month, day) != _LEAP_DAY)
            }
            ends[month_text] = graph.before(graph.numbers(numbers))
        return graph.before(graph.numbers(ends))

    after, before = rules.after, rules.before
    return graph.numbers(
        {
            text: rest(
                (after.month, after.day) if year == after.year else (1, 1),
                (before.month, before.day) if year == before.year else (len(_DAYS), max(_DAYS)),
                isleap(year),
            )
            for year, text in _years(range(after.year, before.year + 1), rules, widths[2]).items()
        }
    )


def _years(years: Iterable[int], rules: DateRules, width: int) -> dict[int, str]:
    """Returns how years are written; in two digits only those of the hundred that two can mean."""
    if width == len("yyyy"):
        return {year: str(year) for year in years}
    return {year: f"{year % 100:02}" for year in years if rules.century - 100 < year <= rules.century}


def _numerals(last: int, width: int) -> dict[int, str]:
    """Returns how the numbers from 1 to the last are written in so many digits."""
    return {number: f"{number:0{width}}" for number in range(1, min(last, 10**width - 1) + 1)}


@functools.cache
def _arranged(widths: Widths, order: str) -> Widths:
    """Returns the widths of day, month and year in a date's order."""
    first, second, third = (widths["dmy".index(part)] for part in order)
    return first, second, third
