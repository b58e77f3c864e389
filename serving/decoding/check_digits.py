"""Describes check digits and lengths as finite automata over digits.

The decoder (`serving.decoding.ctc`) searches only among the strings that an automaton
accepts, so a scheme is an automaton. To add one, write a function that gives
`build` a start, a step and a test, and list it in `SCHEMES`. The states may be
any hashable objects; `build` numbers, trims and minimizes them:

    def digit_sum() -> Automaton:
        '''Numbers whose digits sum to a multiple of 9.'''
        return build(0, lambda total, digit: (total + digit) % 9, lambda total: total == 0)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from serving.errors import CheckreaderError

DEAD = -1
MAX_LENGTH = 30  # digits; an IBAN, the longest number in use, has 34 characters with its letters
_DIGITS = 10

State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Automaton:
    """A deterministic finite automaton over the digits 0–9; separators leave the state as it is.

    Attributes:
        start: the state before the first digit.
        step: int32 [S, 10], the state after a digit; `DEAD` where nothing accepted can follow.
        accepting: bool [S], whether a number may end in the state.
    """

    start: int
    step: npt.NDArray[np.int32]
    accepting: npt.NDArray[np.bool_]

    @property
    def empty(self) -> bool:
        """Says whether no number at all is accepted."""
        return not self.accepting.any()


def accepts(automaton: Automaton, text: str) -> bool:
    """Returns whether the automaton accepts `text`; anything but ASCII digits is not accepted."""
    state = automaton.start
    for character in text:
        if character not in "0123456789":
            return False
        state = int(automaton.step[state, int(character)])
        if state == DEAD:
            return False
    return bool(automaton.accepting[state])


def build(
    start: State, step: Callable[[State, int], State | None], accepting: Callable[[State], bool]
) -> Automaton:
    """Builds the minimal automaton of a description.

    Args:
        start: any hashable state.
        step: the state after a digit, None where no number goes on.
        accepting: whether a number may end in a state.

    Finitely many states must be reachable from `start`.
    """
    number: dict[State, int] = {start: 0}
    table: list[list[int]] = []
    states = [start]
    for state in states:  # grows as it goes
        row = []
        for digit in range(_DIGITS):
            after = step(state, digit)
            if after is None:
                row.append(DEAD)
                continue
            if after not in number:
                number[after] = len(states)
                states.append(after)
            row.append(number[after])
        table.append(row)
    return _minimal(np.array(table, np.int32), np.array([accepting(state) for state in states], bool))


def _minimal(step: npt.NDArray[np.int32], accepting: npt.NDArray[np.bool_]) -> Automaton:
    """Merges states that accept the same continuations (Moore 1956); start is state 0 before and after.

    Every state from which nothing is accepted falls into the class of the added dead state.
    """
    dead = len(step)
    table = np.append(np.where(step == DEAD, dead, step), np.full((1, _DIGITS), dead), axis=0)
    classes = np.append(accepting, False).astype(np.int64)
    count = len(np.unique(classes))
    while True:
        keys = np.column_stack([classes, classes[table]])
        _, classes = np.unique(keys, axis=0, return_inverse=True)
        classes = classes.reshape(-1)
        if classes.max() + 1 == count:
            break
        count = int(classes.max()) + 1
    if classes[0] == classes[dead]:
        return Automaton(0, np.full((1, _DIGITS), DEAD, np.int32), np.zeros(1, bool))
    kept, first = np.unique(classes[:dead], return_index=True)
    # Numbered in the order in which they are reached, the start first.
    order = [int(index) for index in np.sort(first) if classes[index] != classes[dead]]
    renumbered = np.full(int(kept.max()) + 2, DEAD, np.int32)
    renumbered[classes[order]] = np.arange(len(order))
    renumbered[classes[dead]] = DEAD
    return Automaton(0, renumbered[classes[table[order]]], np.append(accepting, False)[order])


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


def intersection(left: Automaton, right: Automaton) -> Automaton:
    """Accepts the numbers that both accept (the product automaton)."""

    left_step: list[list[int]] = left.step.tolist()  # single entries are faster to read than an array's
    right_step: list[list[int]] = right.step.tolist()

    def step(state: tuple[int, int], digit: int) -> tuple[int, int] | None:
        after = left_step[state[0]][digit], right_step[state[1]][digit]
        return None if DEAD in after else after

    return build(
        (left.start, right.start),
        step,
        lambda state: bool(left.accepting[state[0]] & right.accepting[state[1]]),
    )


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


_length = length  # `parse` has an argument of that name
