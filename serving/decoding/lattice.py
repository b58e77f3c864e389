"""Holds the steps of one picture as a lattice: forward and backward variables of prefixes.

Alignments, strings and their probabilities are those of connectionist temporal
classification (Graves, Fernández, Gomez and Schmidhuber 2006, ICML); `serving.decoding.ctc`
searches here.
"""

from __future__ import annotations

from operator import mul
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from serving.decoding.automata import DEAD, Automaton

_ROWS = 1e-3  # how far a row's sum may be from 1

Matrix = npt.NDArray[np.float64]


class Prefix(NamedTuple):
    """A prefix that the search has reached."""

    labels: tuple[int, ...]
    state: int
    ends: list[float]  # probability that the first t steps are exactly this prefix, t = 0 … T


class Lattice:
    """A picture's steps and, for each state, the probability that an extension by a label leads to."""

    def __init__(self, rows: Matrix, automaton: Automaton | None) -> None:
        self.columns: list[list[float]] = rows.T.tolist()
        self.automaton = automaton
        self.total = 1.0
        self._pauses = rows[:-1, -1:]
        self._all = rows[:, None, :-1]
        if automaton is not None:
            self._all, self.total = _backward(rows, automaton)
        self._gains: dict[int, Matrix] = {}

    def gains(self, state: int) -> Matrix:
        """Returns the backward probabilities at a state after t steps with a label next, [T, 2 · labels].

        The first half is P(label at step t) · P(the rest leads to an accepted string), the second
        half the same for a label that a blank at step t has to precede.
        """
        gains = self._gains.get(state)
        if gains is None:
            here = self._all[:, state]
            later = np.zeros_like(here)
            later[:-1] = self._pauses * here[1:]
            gains = self._gains[state] = np.hstack([here, later])
        return gains

    def step(self, state: int, label: int) -> int:
        """Returns the automaton's state after a label."""
        if self.automaton is None or label >= self.automaton.step.shape[1]:
            return state
        return int(self.automaton.step[state, label])

    def root(self) -> Prefix:
        """Returns the empty prefix."""
        ends = [1.0]
        for blank in self.columns[-1]:
            ends.append(ends[-1] * blank)
        return Prefix((), self.automaton.start if self.automaton else 0, ends)

    def extend(self, prefix: Prefix, label: int) -> Prefix:
        """Computes the forward variables of the prefix with one more label."""
        before = prefix.ends
        if prefix.labels[-1:] == (label,):
            # After the same label only a blank makes it a new one.
            before = [0.0, *map(mul, self.columns[-1], before)]
        in_label = end = 0.0
        ends = [0.0]
        for probability, pause, entering in zip(self.columns[label], self.columns[-1], before, strict=False):
            in_label = probability * (in_label + entering)
            end = pause * end + in_label
            ends.append(end)
        return Prefix((*prefix.labels, label), self.step(prefix.state, label), ends)

    def string_probability(self, prefix: Prefix) -> float:
        """Returns the probability of the prefix as a complete string; 0 where it is not accepted."""
        if self.automaton is not None and not self.automaton.accepting[prefix.state]:
            return 0.0
        return prefix.ends[-1]

    def bounds(self, prefix: Prefix) -> list[float]:
        """Returns for each label the probability of all accepted strings that begin with the prefix and it."""
        values: list[float] = (np.array(prefix.ends[:-1]) @ self.gains(prefix.state)).tolist()
        labels = len(values) // 2
        if prefix.labels:
            last = prefix.labels[-1]
            values[last] = values[labels + last]
        return values[:labels]


def normalized_rows(probabilities: npt.NDArray[np.floating[Any]]) -> Matrix:
    """Checks probabilities and normalizes them to float64 rows that sum to 1."""
    rows = np.asarray(probabilities, np.float64)
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise ValueError(f"probabilities must be [steps, symbols], got {list(rows.shape)}")
    sums = rows.sum(1, keepdims=True)
    # Written so that NaN fails too.
    if rows.size and not (rows.min() >= 0 and sums.min() > 1 - _ROWS and sums.max() < 1 + _ROWS):
        raise ValueError("probabilities must be rows of shares that sum to 1")
    normalized: Matrix = rows / sums
    return normalized


def _backward(rows: Matrix, automaton: Automaton) -> tuple[Matrix, float]:
    """Computes the backward variables over (step, last label, state).

    An alignment determines its string and so the state it ends in; the accepted
    mass is thus a sum over alignments, and no string is ever listed.

    Returns:
        [T, S, labels]: P(label at step t) · P(the steps after t complete an accepted string,
        given that the label led from the state to its successor at t); and the accepted mass.
    """
    steps, labels = len(rows), rows.shape[1] - 1
    states = len(automaton.step)
    after = np.repeat(np.arange(states)[:, None], labels, axis=1)
    moving = min(labels, automaton.step.shape[1])
    after[:, :moving] = np.where(automaton.step[:, :moving] == DEAD, states, automaton.step[:, :moving])
    index = after * labels + np.arange(labels)
    others = 1.0 - np.eye(labels)  # sums without subtracting: nothing cancels
    gains = np.empty((steps, states, labels))
    in_label = np.zeros((states + 1, labels))  # the last row is the dead state
    in_label[:-1] = automaton.accepting[:, None]
    in_blank = automaton.accepting.astype(np.float64)
    for step in range(steps - 1, -1, -1):
        row = rows[step, :-1]
        gain = gains[step]
        np.multiply(in_label.take(index), row, out=gain)
        pause = rows[step, -1] * in_blank
        in_blank = gain.sum(1) + pause
        live = in_label[:-1]
        live *= row
        live += gain @ others
        live += pause[:, None]
    return gains, float(in_blank[automaton.start])
