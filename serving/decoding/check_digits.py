"""Describes check digits and lengths as finite automata over the ten digits.

The decoder (`serving.decoding.ctc`) searches only among the strings that an automaton
accepts, so a scheme is an automaton. To add one, write a function that gives
`automata.build` a start, a step and a test, and list it in `SCHEMES`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from serving.decoding.alphabet import DIGITS
from serving.decoding.automata import Automaton, accepts, build, intersection
from serving.errors import CheckreaderError

MAX_LENGTH = 30  # digits; an IBAN, the longest number in use, has 34 characters with its letters


def satisfies(text: str, automaton: Automaton) -> bool:
    """Returns whether the automaton accepts `text`; anything but ASCII digits is not accepted."""
    return all(character in DIGITS for character in text) and accepts(automaton, map(int, text))


@lru_cache
def aba() -> Automaton:
    """Accepts ABA routing transit numbers: nine digits, weights 3 7 1, sum a multiple of 10.

    Nine zeros satisfy the sum and are nobody's number: they are not accepted.
    Which first two digits are in use changes, and is not checked.
    """
    weights = (3, 7, 1) * 3

    def step(state: tuple[int, int, bool], digit: int) -> tuple[int, int, bool] | None:
        position, total, zeros = state
        if position == len(weights):
            return None
        return position + 1, (total + weights[position] * digit) % 10, zeros and digit == 0

    return build((0, 0, True), step, lambda state: state == (9, 0, False))


@lru_cache
def luhn() -> Automaton:
    """Accepts numbers that satisfy Luhn's formula (ISO/IEC 7812-1 annex B), two digits or more, as on payment cards.

    The doubling counts from the right end, which is not known from the left: the
    state holds the sum for both cases, the last digit being single or doubled.
    """

    def step(state: tuple[int, int, int], digit: int) -> tuple[int, int, int]:
        length, single, doubled = state
        twice = 2 * digit - 9 * (digit > 4)
        return min(length + 1, 2), (doubled + digit) % 10, (single + twice) % 10

    return build((0, 0, 0), step, lambda state: state[:2] == (2, 0))


@lru_cache
def mod97() -> Automaton:
    """Accepts numbers by ISO 7064 mod 97-10: the number is 1 modulo 97; its last two digits are the check digits."""

    def step(state: tuple[int, int], digit: int) -> tuple[int, int]:
        return min(state[0] + 1, 3), (state[1] * 10 + digit) % 97

    return build((0, 0), step, lambda state: state == (3, 1))


@lru_cache
def length(count: int) -> Automaton:
    """Accepts numbers of exactly `count` digits.

    Raises:
        CheckreaderError: `count` is not between 1 and `MAX_LENGTH`.
    """
    if not 1 <= count <= MAX_LENGTH:
        raise CheckreaderError(f"length must be between 1 and {MAX_LENGTH} digits, got {count}")
    return build(0, lambda n, _: n + 1 if n < count else None, lambda n: n == count)


SCHEMES: dict[str, Callable[[], Automaton]] = {"aba": aba, "luhn": luhn, "mod97": mod97}


@lru_cache(maxsize=128)
def parse(scheme: str | None = None, length: int | None = None) -> Automaton | None:
    """Returns the automaton for a scheme's name, a number of digits, or both; None for neither.

    Raises:
        CheckreaderError: an unknown scheme, a length that is not read, or a pair that no number satisfies.
    """
    if scheme is not None and scheme not in SCHEMES:
        raise CheckreaderError(f"unknown scheme {scheme!r}: the known ones are {', '.join(SCHEMES)}")
    check = SCHEMES[scheme]() if scheme is not None else None
    if length is None:
        return check
    digits = _length(length)
    if check is None:
        return digits
    automaton = intersection(check, digits)
    if automaton.empty:
        raise CheckreaderError(f"no number of {length} digits satisfies the scheme {scheme!r}")
    return automaton


@lru_cache(maxsize=128)
def allows(scheme: str | None, length: int) -> bool:
    """Returns whether there are numbers of `length` digits that satisfy a scheme that is known; None = no scheme."""
    if not 1 <= length <= MAX_LENGTH:
        return False
    return scheme is None or not intersection(SCHEMES[scheme](), _length(length)).empty


_length = length  # `parse` has an argument of that name
