"""Automata accept what their scheme says, and no request builds nonsense."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decoding import check_digits
from serving.decoding.automata import DEAD, Automaton, build, intersection
from serving.decoding.check_digits import length, parse, satisfies
from serving.errors import CheckreaderError

NUMBERS = st.text("0123456789", max_size=12)


def test_one_function_adds_a_scheme() -> None:
    """The module's own example."""
    nines = build(0, lambda total, digit: (total + digit) % 9, lambda total: total == 0)
    assert len(nines.step) == 9
    assert satisfies("45", nines)
    assert not satisfies("44", nines)


@pytest.mark.parametrize("text", ["122105155", "021000021", "011401533"])
def test_aba(text: str) -> None:
    assert satisfies(text, check_digits.aba())
    swapped = text[:2] + text[3] + text[2] + text[4:]
    assert satisfies(swapped, check_digits.aba()) is (swapped == text)


def test_nine_zeros_are_no_routing_number() -> None:
    assert not satisfies("0" * 9, check_digits.aba())


@pytest.mark.parametrize("text", ["78949", "4111111111111111", "00", "18"])
def test_luhn(text: str) -> None:
    assert satisfies(text, check_digits.luhn())


@pytest.mark.parametrize("text", ["", "0", "78941"])
def test_not_luhn(text: str) -> None:
    assert not satisfies(text, check_digits.luhn())


def test_mod97() -> None:
    assert satisfies("12320", check_digits.mod97())
    assert not satisfies("12321", check_digits.mod97())
    assert not satisfies("1", check_digits.mod97())
    assert not satisfies("98", check_digits.mod97())


@settings(deadline=None)
@given(NUMBERS, st.integers(1, 12))
def test_length(text: str, count: int) -> None:
    assert satisfies(text, length(count)) is (len(text) == count)


@pytest.mark.parametrize("text", ["-", "1 8", "1.8", "١٨", "²"])
def test_only_ascii_digits(text: str) -> None:
    assert not satisfies(text, check_digits.luhn())


@settings(deadline=None)
@given(NUMBERS, st.integers(2, 12))
def test_both(text: str, count: int) -> None:
    product = intersection(check_digits.luhn(), length(count))
    assert satisfies(text, product) is (len(text) == count and satisfies(text, check_digits.luhn()))


@pytest.mark.parametrize(
    ("automaton", "states"),
    [
        (check_digits.luhn(), 102),  # the pair of sums, and two that are too short to end
        (length(7), 8),
        (intersection(length(7), length(7)), 8),
        (intersection(length(7), length(8)), 1),
        (intersection(check_digits.aba(), length(9)), len(check_digits.aba().step)),
    ],
)
def test_minimal(automaton: Automaton, states: int) -> None:
    assert len(automaton.step) == states


@pytest.mark.parametrize(
    "automaton", [check_digits.aba(), check_digits.luhn(), check_digits.mod97(), length(30)]
)
def test_every_state_leads_to_an_accepted_number(automaton: Automaton) -> None:
    """The table is sound: no state out of range, none that is a dead end."""
    assert automaton.step.shape == (len(automaton.accepting), 10)
    assert automaton.step.min() >= DEAD
    assert automaton.step.max() < len(automaton.step)
    alive = automaton.accepting.copy()
    for _ in alive:
        alive |= (alive[automaton.step] & (automaton.step != DEAD)).any(1)
    assert alive.all()


def test_nothing_accepted_is_empty() -> None:
    empty = intersection(length(3), length(4))
    assert empty.empty
    assert not any(satisfies(text, empty) for text in ("", "123", "1234"))
    assert not length(3).empty


def test_parse() -> None:
    assert parse() is None
    assert parse(None, None) is None
    assert parse("luhn") is check_digits.luhn()
    assert satisfies("1234", parse(None, 4))
    card = parse("luhn", 16)
    assert satisfies("4111111111111111", card)
    assert not satisfies("78949", card)
    assert satisfies("122105155", parse("aba", 9))


@pytest.mark.parametrize("name", ["ABA", "", "iban", "aba "])
def test_unknown_scheme(name: str) -> None:
    with pytest.raises(CheckreaderError, match=r"the known ones are aba, luhn, mod97$"):
        parse(name)


@pytest.mark.parametrize("count", [0, -1, 31, 10**9])
def test_length_that_is_not_read(count: int) -> None:
    with pytest.raises(CheckreaderError, match=f"between 1 and 30 digits, got {count}"):
        parse(None, count)
    with pytest.raises(CheckreaderError, match="between 1 and 30 digits"):
        parse("luhn", count)


@pytest.mark.parametrize(("name", "count"), [("aba", 8), ("aba", 10), ("luhn", 1), ("mod97", 2)])
def test_pair_that_no_number_satisfies(name: str, count: int) -> None:
    with pytest.raises(CheckreaderError, match=f"no number of {count} digits satisfies the scheme '{name}'"):
        parse(name, count)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-1, 4), min_size=10, max_size=10), min_size=5, max_size=5), NUMBERS)
def test_minimizing_changes_nothing(table: list[list[int]], text: str) -> None:
    """Any automaton, minimized, accepts the same texts."""
    last = {4}
    minimal = build(
        0, lambda state, digit: None if table[state][digit] < 0 else table[state][digit], last.__contains__
    )
    state = 0
    for character in text:
        state = table[state][int(character)] if state >= 0 else -1
    assert satisfies(text, minimal) is (state in last)
    assert len(minimal.step) <= 5
    assert np.all(minimal.step < len(minimal.step))
