"""Automata of dates against the calendar of `datetime`."""

from __future__ import annotations

import functools
import itertools
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.decoding.automata import DEAD, Automaton, accepts
from serving.decoding.dates import FIRST, LAST, ORDERS, OTHER, SEPARATOR, parse
from serving.errors import CheckreaderError

DAYS = [FIRST + timedelta(number) for number in range((LAST - FIRST).days + 1)]
# The parts of a date by strftime; "-" leaves out a zero in front.
BARE = {"dmy": ("%d%m%Y", "%d%m%y"), "mdy": ("%m%d%Y", "%m%d%y"), "ymd": ("%Y%m%d", "%y%m%d")}


def accepted(automaton: Automaton, strings: np.ndarray) -> np.ndarray:
    """Says of each string, a row of labels, whether the automaton accepts it."""
    table = np.append(automaton.step, np.full((1, automaton.step.shape[1]), DEAD), axis=0)
    states = np.full(len(strings), automaton.start)
    for labels in strings.T:
        states = table[states, labels]
    return np.append(automaton.accepting, False)[states]


def labels_of(strings: list[str]) -> np.ndarray:
    return np.array([["0123456789/".index(symbol) for symbol in string] for string in strings])


@functools.cache
def every_string(symbols: int, length: int) -> np.ndarray:
    return np.indices((symbols,) * length, np.uint8).reshape(length, -1).T


def count(automaton: Automaton, length: int) -> int:
    """Counts the strings of a length that the automaton accepts."""
    ways = np.zeros(len(automaton.step), object)
    ways[automaton.start] = 1
    for _ in range(length):
        after = np.zeros_like(ways)
        for state, label in itertools.product(*map(range, automaton.step.shape)):
            if automaton.step[state, label] != DEAD:
                after[automaton.step[state, label]] += ways[state]
        ways = after
    return int(ways[automaton.accepting].sum())


@pytest.mark.parametrize("order", ORDERS)
def test_eight_digits_are_every_day_of_two_centuries_and_nothing_else(order: str) -> None:
    automaton = parse(order).bare
    assert accepted(automaton, labels_of([day.strftime(BARE[order][0]) for day in DAYS])).all()
    assert count(automaton, 8) == len(DAYS) == 73_049


@pytest.mark.parametrize("order", ORDERS)
def test_six_digits_are_every_day_of_a_hundred_years_and_nothing_else(order: str) -> None:
    days = [day for day in DAYS if 1969 <= day.year <= 2068]
    strings = every_string(10, 6)
    dates = {"".join(map(str, row)) for row in strings[accepted(parse(order).bare, strings)]}
    assert dates == {day.strftime(BARE[order][1]) for day in days}


@pytest.mark.parametrize("order", ORDERS)
def test_every_string_of_six_symbols_with_separators(order: str) -> None:
    rules = parse(order, "2018-12-30", "2023-02-11")
    strings = every_string(11, 6)
    hits = strings[accepted(rules.separated, strings)]
    expected = {string for string in short_strings(order, rules.after, rules.before) if len(string) == 6}
    assert {"".join("0123456789/"[label] for label in row) for row in hits} == expected


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("window", [("1996-02-28", "2004-03-01"), ("2019-05-17", "2019-06-02")])
def test_longer_strings_with_separators(order: str, window: tuple[str, str]) -> None:
    """All of these are accepted, and no more: those of each length are counted."""
    rules = parse(order, *window)
    strings = short_strings(order, rules.after, rules.before)
    for length in range(6, 12):
        same = [string for string in strings if len(string) == length]
        if same:
            assert accepted(rules.separated, labels_of(same)).all()
        # Separators more than two are at one place or at the other.
        ways = sum(length - len(string) + 1 for string in strings if len(string) <= length)
        assert count(rules.separated, length) == ways


def short_strings(order: str, after: date, before: date) -> set[str]:
    """Writes all days of a window with a day or a month of one digit."""
    strings = set()
    for day in (day for day in DAYS if after <= day <= before):
        days, months = {f"{day.day}", f"{day.day:02}"}, {f"{day.month}", f"{day.month:02}"}
        years = {f"{day.year}", f"{day.year % 100:02}"}
        for parts in itertools.product(days, months, years):
            if min(map(len, parts)) == 1:
                strings.add("/".join(parts["dmy".index(part)] for part in order))
    return strings


@given(
    st.sampled_from([None, *ORDERS]),
    st.lists(st.dates(FIRST, LAST), min_size=2, max_size=2).map(sorted),
    st.one_of(
        st.text("0123456789/", max_size=10),
        st.tuples(
            st.dates(FIRST, LAST), st.sampled_from([form for forms in BARE.values() for form in forms])
        ).map(lambda pair: pair[0].strftime(pair[1])),
        st.tuples(
            *[st.from_regex(r"[0-3]?[0-9]", fullmatch=True)] * 2,
            st.from_regex(r"(19|20)?[0-9]{2}", fullmatch=True),
        ).map("/".join),
    ),
)
def test_automata_and_interpretation_agree(order: str | None, window: list[date], string: str) -> None:
    rules = parse(order, *map(str, window))
    dates = rules.dates(string)
    assert all(rules.after <= day <= rules.before for day in dates)
    text = string.replace("/", "")
    readings = rules.readings(text)
    assert bool(dates) <= bool(readings)
    assert all(day in rules.dates(reading) for reading, day in readings.items())
    as_written = accepts(rules.separated, labels_of([string])[0]) if string else False
    if as_written:
        assert dates
    if len(text) in (6, 8) and not as_written:
        assert accepts(rules.bare, map(int, text)) == bool(rules.dates(text))
    if "/" not in string:
        assert bool(dates) == (string.isdigit() and accepts(rules.bare, map(int, string)))


def test_any_order_is_all_of_them() -> None:
    rules = parse(after="2019-01-01", before="2026-12-31")
    strings = every_string(10, 6)
    each = [accepted(parse(order, "2019-01-01", "2026-12-31").bare, strings) for order in ORDERS]
    assert (accepted(rules.bare, strings) == np.logical_or.reduce(each)).all()
    separated = set().union(*(short_strings(order, rules.after, rules.before) for order in ORDERS))
    assert all(
        accepts(rules.separated, labels) for labels in labels_of([s for s in separated if len(s) == 8])
    )


def test_automata_are_small() -> None:
    """The search's cost grows with them."""
    for order in ORDERS:
        for window in ((None, None), ("2000-01-01", None), ("2019-03-15", "2026-11-30")):
            rules = parse(order, *window)
            assert max(len(rules.bare.step), len(rules.separated.step)) <= 50
    assert max(len(parse().bare.step), len(parse().separated.step)) <= 80


@pytest.mark.parametrize(
    ("written", "order", "expected"),
    [
        ("24112019", "dmy", ["2019-11-24"]),
        ("2·4·1·1·2·0·1·9", "dmy", ["2019-11-24"]),
        ("11242019", "mdy", ["2019-11-24"]),
        ("20191124", "ymd", ["2019-11-24"]),
        ("241119", "dmy", ["2019-11-24"]),
        ("24.11.19", "dmy", ["2019-11-24"]),
        ("24-11/2019", "dmy", ["2019-11-24"]),
        ("5,1,2019", "dmy", ["2019-01-05"]),
        ("5. 1. 2019".replace(" ", ""), "dmy", ["2019-01-05"]),
        ("05/1/19", "dmy", ["2019-01-05"]),
        ("1/2/2019", "mdy", ["2019-01-02"]),
        ("2011/1/2", "ymd", ["2011-01-02"]),
        ("2011/1/2", "dmy", []),
        ("2011/1/2", None, ["2011-01-02"]),
        ("122019", "mdy", ["2019-12-20"]),
        ("2019-1-5", "ymd", ["2019-01-05"]),
        ("31/12/69", "dmy", ["1969-12-31"]),
        ("31/12/68", "dmy", ["2068-12-31"]),
        ("29022000", "dmy", ["2000-02-29"]),
        ("29021900", "dmy", []),
        ("29022019", "dmy", []),
        ("31042019", "dmy", []),
        ("5012019", "dmy", []),
        ("5/12019", "dmy", []),
        ("1/1/1899", "dmy", []),
        ("1/1/019", "dmy", []),
        ("", "dmy", []),
        ("/", "dmy", []),
        ("03042019", None, ["2019-03-04", "2019-04-03"]),
        ("3/4/2019", None, ["2019-03-04", "2019-04-03"]),
        ("05052019", None, ["2019-05-05"]),
        ("24112019", None, ["2019-11-24"]),
    ],
)
def test_what_is_written(written: str, order: str | None, expected: list[str]) -> None:
    assert sorted(map(str, parse(order).dates(written))) == expected


def test_digits_alone_may_be_several_dates() -> None:
    assert parse("mdy").readings("122019") == {"122019": date(2019, 12, 20), "1/2/2019": date(2019, 1, 2)}
    assert parse("dmy").readings("1112019") == {
        "1/11/2019": date(2019, 11, 1),
        "11/1/2019": date(2019, 1, 11),
    }
    assert parse("dmy").readings("122019") == {"1/2/2019": date(2019, 2, 1)}
    assert parse("dmy").readings("31042019") == {}


def test_the_window_tells_the_century_of_two_digits() -> None:
    assert parse("dmy").dates("010135") == {date(2035, 1, 1)}
    assert parse("dmy", before="1999-12-31").dates("010135") == {date(1935, 1, 1)}
    assert parse("dmy", before="2026-11-30").dates("010135") == {date(1935, 1, 1)}
    assert parse("dmy", after="2000-01-01", before="2026-11-30").dates("010135") == set()
    assert parse("dmy", before="2099-12-31").dates("010199") == {date(2099, 1, 1)}


def test_both_ends_of_the_window_are_within() -> None:
    rules = parse("dmy", "2019-11-24", "2019-11-24")
    assert accepts(rules.bare, map(int, "24112019"))
    assert count(rules.bare, 8) == count(rules.bare, 6) == 1


def test_other_marks_are_in_no_date() -> None:
    rules = parse("dmy")
    assert rules.separated.step.shape[1] == OTHER + 1
    assert (rules.separated.step[:, OTHER] == DEAD).all()
    assert rules.bare.step.shape[1] == SEPARATOR


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mon",), "order must be one of dmy, mdy, ymd, got 'mon': months are read as numbers, not by name"),
        (("",), "order must be one of dmy, mdy, ymd, got ''"),
        (("DMY",), "order must be one of dmy, mdy, ymd, got 'DMY'"),
        (
            ("dmy", "2019-02-29"),
            "after must be a date from 1900-01-01 to 2099-12-31, written so, got '2019-02-29'",
        ),
        (("dmy", "20190228"), "after must be a date"),
        (("dmy", "24.11.2019"), "after must be a date"),
        (("dmy", "1899-12-31"), "after must be a date from 1900-01-01"),
        (("dmy", None, "2100-01-01"), "before must be a date from 1900-01-01 to 2099-12-31"),
        (("dmy", None, "x" * 99), f"got '{'x' * 40}'"),
        (
            ("dmy", "2019-01-02", "2019-01-01"),
            "after 2019-01-02 is later than before 2019-01-01: no date is within",
        ),
    ],
)
def test_what_is_refused(arguments: tuple[str | None, ...], message: str) -> None:
    with pytest.raises(CheckreaderError) as raised:
        parse(*arguments)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_rules_in_words() -> None:
    assert str(parse("mdy", "2019-01-01")) == "the form of a date (mdy, 2019-01-01 to 2099-12-31)"
    assert str(parse()) == "the form of a date (dmy or mdy or ymd, 1900-01-01 to 2099-12-31)"
