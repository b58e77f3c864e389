"""Builds finite automata over a field's symbols, so that the decoder finds the likeliest string that one accepts.

The states of a description may be any hashable objects; `build` numbers, trims and minimizes them:

    def digit_sum() -> Automaton:
        '''Numbers whose digits sum to a multiple of 9.'''
        return build(0, lambda total, digit: (total + digit) % 9, lambda total: total == 0)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

DEAD: Final = -1
DIGITS: Final = 10

State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Automaton:
    """A deterministic finite automaton over labels 0 … L − 1; further labels leave the state as it is.

    Attributes:
        start: the state before the first label.
        step: int32 [S, L], the state after a label; `DEAD` where nothing accepted can follow.
        accepting: bool [S], whether a string may end in the state.
    """

    start: int
    step: npt.NDArray[np.int32]
    accepting: npt.NDArray[np.bool_]

    @functools.cached_property
    def rows(self) -> list[list[int]]:
        """`step` as lists, whose single entries are faster to read than an array's."""
        rows: list[list[int]] = self.step.tolist()
        return rows

    @property
    def empty(self) -> bool:
        """Says whether no string at all is accepted."""
        return not self.accepting.any()


def accepts(automaton: Automaton, labels: Iterable[int]) -> bool:
    """Returns whether the automaton accepts a string of its labels."""
    rows, state = automaton.rows, automaton.start
    for label in labels:
        state = rows[state][label]
        if state == DEAD:
            return False
    return bool(automaton.accepting[state])


def build(
    start: State,
    step: Callable[[State, int], State | None],
    accepting: Callable[[State], bool],
    labels: int = DIGITS,
) -> Automaton:
    """Builds the minimal automaton of a description.

    Args:
        start: any hashable state.
        step: the state after a label, None where no string goes on.
        accepting: whether a string may end in a state.
        labels: how many labels there are.

    Finitely many states must be reachable from `start`.
    """
    number: dict[State, int] = {start: 0}
    table: list[list[int]] = []
    states = [start]
    for state in states:  # grows as it goes
        row = []
        for label in range(labels):
            after = step(state, label)
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
    dead, labels = step.shape
    table = np.append(np.where(step == DEAD, dead, step), np.full((1, labels), dead), axis=0)
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
        return Automaton(0, np.full((1, labels), DEAD, np.int32), np.zeros(1, bool))
    kept, first = np.unique(classes[:dead], return_index=True)
    # Numbered in the order in which they are reached, the start first.
    order = [int(index) for index in np.sort(first) if classes[index] != classes[dead]]
    renumbered = np.full(int(kept.max()) + 2, DEAD, np.int32)
    renumbered[classes[order]] = np.arange(len(order))
    renumbered[classes[dead]] = DEAD
    return Automaton(0, renumbered[classes[table[order]]], np.append(accepting, False)[order])


def intersection(left: Automaton, right: Automaton) -> Automaton:
    """Returns the product automaton, of what both accept, over the labels of the one that has more."""

    def step(state: tuple[int, int], label: int) -> tuple[int, int] | None:
        after = _after(left, state[0], label), _after(right, state[1], label)
        return None if DEAD in after else after

    return build(
        (left.start, right.start),
        step,
        lambda state: bool(left.accepting[state[0]] & right.accepting[state[1]]),
        max(left.step.shape[1], right.step.shape[1]),
    )


def _after(automaton: Automaton, state: int, label: int) -> int:
    row = automaton.rows[state]
    return row[label] if label < len(row) else state
