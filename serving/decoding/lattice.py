"""Holds the steps of one picture as a lattice: forward and backward variables of prefixes.

Alignments, strings and their probabilities are those of connectionist temporal
classification (Graves, Fernández, Gomez and Schmidhuber 2006, ICML); `serving.decoding.ctc`
searches here.
"""

from __future__ import annotations

from dataclasses import dataclass
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

    def __init__(
        self, rows: Matrix, automaton: Automaton | None, backward: tuple[Matrix, float] | None = None
    ) -> None:
        """Prepares a search.

        Args:
            rows: float64 [T, K].
            automaton: that strings must satisfy; None = any string.
            backward: the automaton's backward variables, [T, S, K − 1], and its accepted mass; None = to be computed.
        """
        self.columns: list[list[float]] = rows.T.tolist()
        self.automaton = automaton
        if automaton is not None and backward is None:
            (backward,) = _backward(rows[None], automaton)
        self._all, self.total = (rows[:, None, :-1], 1.0) if backward is None else backward
        self._pauses = rows[:-1, -1:]
        self._gains: dict[int, Matrix] = {}

    def gains(self, state: int) -> Matrix:
        """Returns the backward probabilities at a state after t steps with a label next, [T, 2 · labels].

        The first half is P(label at step t) · P(the rest leads to an accepted string), the second
        half the same for a label that a blank at step t has to precede.
        """
        gains = self._gains.get(state)
        if gains is None:
            here = self._all[:, state]
            steps, labels = here.shape
            gains = self._gains[state] = np.zeros((steps, 2 * labels))
            gains[:, :labels] = here
            np.multiply(self._pauses, here[1:], out=gains[:-1, labels:])
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
        gains = self.gains(prefix.state)
        values: list[float] = np.fromiter(prefix.ends, np.float64, len(gains)).dot(gains).tolist()
        labels = len(values) // 2
        if prefix.labels:
            last = prefix.labels[-1]
            values[last] = values[labels + last]
        return values[:labels]


@dataclass(frozen=True, eq=False)
class Flow:
    """How the probability of strings flows through an automaton, from step to step.

    The forward variables are the automaton's arrows, and after them its states with a blank since: few of each, as in
    an automaton of strings with the same digits, make one product of matrices for each step.

    Attributes:
        labels: int64 [N], the label that a step emits where the mass is at the variable; -1 for the blank.
        start: the variable that holds all mass before the first step.
        matrix: bool [N, N], from which variable the mass flows to which.
        ends: bool [F, N], for each of F sets of states, where a string may end.
    """

    labels: npt.NDArray[np.int64]
    start: int
    matrix: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.bool_]

    @staticmethod
    def of(automaton: Automaton, accepting: npt.NDArray[np.bool_]) -> Flow:
        """Prepares an automaton.

        Args:
            automaton: over K − 1 labels.
            accepting: bool [F, S]; for each of F, the states in which a string may end.
        """
        source, label = np.nonzero(automaton.step != DEAD)
        used, renumbered = np.unique(
            np.concatenate([[automaton.start], source, automaton.step[source, label]]), return_inverse=True
        )
        start, source, target = int(renumbered[0]), *np.split(renumbered[1:], 2)
        arrows, states = len(source), len(used)
        # A blank has to stand between equal labels.
        matrix = np.eye(arrows + states, dtype=np.bool_)
        matrix[:arrows, :arrows] |= (target[:, None] == source) & (label[:, None] != label)
        matrix[np.arange(arrows), arrows + target] = True
        matrix[arrows + source, np.arange(arrows)] = True
        ends = accepting[:, used][:, np.append(target, np.arange(states))]
        return Flow(np.append(label, np.full(states, -1)), arrows + start, matrix, ends)

    def accepted_mass(
        self, views: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.int64] | None = None
    ) -> Matrix:
        """Computes how likely the strings are that end in each of the sets of states, without listing any.

        Args:
            views: float [V, T, K], rows that sum to 1; the last of K is the blank.
            labels: int64 [N], others than the automaton's; of neighbors, equal ones have to be where they are there.

        Returns:
            float64 [F]: the mean over the views.
        """
        flow = self.matrix.astype(np.float64)
        emitted = views[:, :, self.labels if labels is None else labels].swapaxes(0, 1).astype(np.float64)
        mass = np.zeros((len(views), len(flow)))
        mass[:, self.start] = 1
        for emission in emitted:
            mass = mass @ flow
            mass *= emission
        ended: Matrix = mass @ self.ends.T
        return np.asarray(ended.mean(0))


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


def lattices(views: npt.NDArray[np.floating[Any]], automaton: Automaton | None) -> list[Lattice]:
    """Makes the lattices of several views, [V, T, K], their backward variables in one pass; errors as `normalized_rows`."""
    rows = [normalized_rows(view) for view in views]
    if automaton is None:
        return [Lattice(view, None) for view in rows]
    return [
        Lattice(view, automaton, backward)
        for view, backward in zip(rows, _backward(np.stack(rows), automaton), strict=True)
    ]


def _backward(rows: Matrix, automaton: Automaton) -> list[tuple[Matrix, float]]:
    """Computes the backward variables over (step, last symbol, state) of several views.

    An alignment determines its string and so the state it ends in; the accepted
    mass is thus a sum over alignments, and no string is ever listed.

    Args:
        rows: float64 [V, T, K].
        automaton: of at most K − 1 labels.

    Returns:
        For each view [T, S, K − 1]: P(label at step t) · P(the steps after t complete an accepted string,
        given that the label led from the state to its successor at t); and the accepted mass.
    """
    views, steps, symbols = rows.shape
    states, moving = automaton.step.shape
    moving = min(moving, symbols - 1)
    after = np.repeat(np.arange(states)[:, None], symbols, axis=1)
    after[:, :moving] = np.where(automaton.step[:, :moving] == DEAD, states, automaton.step[:, :moving])
    # Places in `rest`, whose last state is the dead one.
    index = after * symbols + np.arange(symbols) + np.arange(views)[:, None, None] * (states + 1) * symbols
    others = 1.0 - np.eye(symbols)  # sums without subtracting: nothing cancels
    others[-1, -1] = 1.0  # after a blank anything goes on, the blank too
    gains = np.empty((steps, views, states, symbols))
    # P(the steps after t complete an accepted string), given the state and the last symbol at t.
    rest = np.zeros((views, states + 1, symbols))
    rest[:, :-1] = automaton.accepting[:, None]
    same = np.array(rows)
    same[..., -1] = 0.0
    for step in range(steps - 1, -1, -1):
        gain = gains[step]
        np.multiply(rest.take(index), rows[:, step, None], out=gain)
        live = rest[:, :-1]
        live *= same[:, step, None]
        live += gain @ others
    return [(gains[:, view, :, :-1], float(rest[view, automaton.start, -1])) for view in range(views)]
