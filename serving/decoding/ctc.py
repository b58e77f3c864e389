"""Searches the likeliest strings of a network's steps, exactly, by connectionist temporal classification.

An alignment gives every step one symbol, a label or the blank; its string is
what is left when repeats are merged and blanks dropped, and a string's
probability is the sum over its alignments (Graves, Fernández, Gomez and
Schmidhuber 2006, ICML). `search` is their prefix search as a best-first search
with an exact bound, so that what it returns first *is* the likeliest string;
with an automaton (`serving.decoding.automata`) it is the likeliest *accepted* string.
Everywhere the last symbol is the blank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heappushpop
from operator import mul
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from serving.decoding.automata import DEAD, Automaton
from serving.decoding.lattice import Lattice, Matrix, Prefix, normalized_rows

BUDGET = 2000
_ROUNDING: Final = 1e-12
_MOST: Final = 0.501  # of all strings' probability, in one that is certainly the likeliest
_LOST: Final = 1e-12  # probability that is not followed up

# First and last step of a label, and the probability that its stretch reads as it.
Place: TypeAlias = tuple[int, int, float]


@dataclass(frozen=True)
class Hypothesis:
    """A string as labels and its probability, the total over all its alignments."""

    labels: tuple[int, ...]
    probability: float


@dataclass(frozen=True)
class Search:
    """The outcome of `search`.

    Attributes:
        best: the likeliest strings, best first; none of probability 0.
        exact: whether `best[0]` is proven to be the likeliest (or that there is none).
        total: probability of all accepted strings together, the divisor for P(string | accepted);
            1 where all are accepted.
        proven: how many of `best`, from the first, are proven to be the next likeliest; all of them
            unless the budget ran out.
    """

    best: list[Hypothesis]
    exact: bool
    total: float
    proven: int


def search(
    probabilities: npt.NDArray[np.floating[Any]],
    accepts: Automaton | None = None,
    count: int = 3,
    budget: int = BUDGET,
) -> Search:
    """Finds the likeliest strings, or the likeliest that an automaton accepts.

    Args:
        probabilities: float [T, K], a row for each step that sums to 1 (rows are
            normalized again); index K − 1 is the blank. T may be 0: the empty string.
        accepts: the automaton that the string must satisfy.
        count: how many strings to find; fewer come back where fewer have a probability.
        budget: prefixes that may be expanded. Readable pictures take some tens; noise may take
            any number. When the budget runs out, strings that were reached by then fill up the rest.

    Raises:
        ValueError: NaN, a wrong shape, or rows that do not sum to 1 within 1e-3.
    """
    return search_lattice(Lattice(normalized_rows(probabilities), accepts), count, budget)


def likeliest(probabilities: npt.NDArray[np.floating[Any]], budget: int = BUDGET) -> Search:
    """Does as `search` for one string and without an automaton, several times as fast where nothing is in doubt.

    The string of the likeliest alignment is the likeliest of all where it has more than half of the probability.

    Args:
        probabilities, budget: as for `search`; errors too.
    """
    rows = normalized_rows(probabilities)
    labels = tuple(label for label, _, _ in _path(rows))
    probable = _forward(rows, labels)
    if probable > _MOST:
        return Search([Hypothesis(labels, probable)], True, 1.0, 1)
    return search_lattice(Lattice(rows, None), 1, budget)


def search_lattice(lattice: Lattice, count: int = 3, budget: int = BUDGET) -> Search:
    """Finds the likeliest strings of a lattice that is made already; arguments and errors as `search`."""
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    best: list[Hypothesis] = []
    reached: list[float] = []  # probabilities of the `count` best complete strings so far, the least first
    serial = 0
    expanded = 0
    # (−bound, 0 for a string and 1 for a prefix, serial, the prefix or its parent, label)
    heap: list[tuple[float, int, int, Prefix, int]] = [(-lattice.total, 1, 0, lattice.root(), DEAD)]
    while heap and len(best) < count:
        negative, kind, _, prefix, label = heappop(heap)
        if kind == 0:
            best.append(Hypothesis(prefix.labels, -negative))
            continue
        if expanded == budget:
            heappush(heap, (negative, kind, 0, prefix, label))
            break
        expanded += 1
        if label != DEAD:
            prefix = lattice.extend(prefix, label)
        complete = lattice.string_probability(prefix)
        if complete > 0:
            serial += 1
            heappush(heap, (-complete, 0, serial, prefix, DEAD))
            if len(reached) < count:
                heappush(reached, complete)
            else:
                heappushpop(reached, complete)
        least = reached[0] if len(reached) == count else 0.0
        # The strings that go on from the prefix have together what is left of its probability.
        if -negative - complete < least - _ROUNDING:
            continue
        for label, bound in enumerate(lattice.bounds(prefix)):
            if bound > least:
                serial += 1
                heappush(heap, (-bound, 1, serial, prefix, label))
    proven = len(best)
    if len(best) == count or not heap:
        return Search(best, True, lattice.total, proven)
    # The strings reached so far, and those on the way down from the likeliest prefix: there is always an answer.
    strings = {prefix.labels: -negative for negative, kind, _, prefix, _ in heap if kind == 0}
    strings.update(_descend(lattice, *heap[0][3:]))
    ranked = sorted(strings, key=lambda labels: -strings[labels])
    best += [Hypothesis(labels, strings[labels]) for labels in ranked[: count - len(best)]]
    return Search(best, proven > 0, lattice.total, proven)


def probability(probabilities: npt.NDArray[np.floating[Any]], labels: Sequence[int]) -> float:
    """Returns the total probability of one string over all its alignments; arguments and errors as `search`."""
    lattice = Lattice(normalized_rows(probabilities), None)
    prefix = lattice.root()
    for label in labels:
        prefix = lattice.extend(prefix, label)
    return prefix.ends[-1]


def places(probabilities: npt.NDArray[np.floating[Any]], labels: Sequence[int]) -> list[Place]:
    """Finds the steps of each label of a string in the likeliest single alignment (Viterbi 1967).

    Args:
        probabilities: as for `search`.
        labels: the string; those that `search` returned always have places.

    Returns:
        Per label its first and last step, and the probability that its stretch reads as it:
        the steps from halfway through the blanks before it to halfway through those after it,
        taken alone, give this label, neither another, nor two, nor none.

    Raises:
        ValueError: as `search`, or no alignment of a probability above 0 gives the string.
    """
    rows = normalized_rows(probabilities)
    if not labels:
        return []
    spans = _greedy(rows, labels) or _viterbi(rows, labels)
    *columns, pauses = rows[:, [*labels, -1]].T.tolist()
    stretches = []
    begin = 0
    for index, (first, last) in enumerate(spans):
        # Steps of blank between this label and the next are shared.
        end = (last + 1 + spans[index + 1][0]) // 2 if index + 1 < len(spans) else len(rows)
        stretches.append((first, last, _alone(columns[index][begin:end], pauses[begin:end])))
        begin = end
    return stretches


def _descend(lattice: Lattice, prefix: Prefix, label: int) -> dict[tuple[int, ...], float]:
    """Returns the accepted strings on the way down from a prefix, always by the likeliest label."""
    strings = {}
    while True:
        if label != DEAD:
            prefix = lattice.extend(prefix, label)
        complete = lattice.string_probability(prefix)
        if complete > 0:
            strings[prefix.labels] = complete
        bounds = lattice.bounds(prefix)
        best = max(bounds)
        if best <= complete:
            return strings
        label = bounds.index(best)


def _greedy(rows: Matrix, labels: Sequence[int]) -> list[tuple[int, int]] | None:
    """Does as `_viterbi` where the likeliest alignment of all gives these labels; else returns None."""
    runs = _path(rows)
    if [label for label, _, _ in runs] != list(labels):
        return None
    return [(start, stop - 1) for _, start, stop in runs]


def _path(rows: Matrix) -> list[tuple[int, int, int]]:
    """Returns the labels of the likeliest alignment, each with its first step and the one past its last."""
    path = rows.argmax(1)
    edges = np.flatnonzero(path[1:] != path[:-1]) + 1
    starts = [0, *edges.tolist()] if len(path) else []
    stops = [*starts[1:], len(path)]
    blank = rows.shape[1] - 1
    return [run for run in zip(path[starts].tolist(), starts, stops, strict=False) if run[0] != blank]


def _forward(rows: Matrix, labels: Sequence[int]) -> float:
    """Returns the total probability of a string as `Lattice.extend` does, but for what is less than `_LOST`.

    It is computed at the steps alone at which the string so far is likely to end.
    """
    columns: list[list[float]] = rows.T.tolist()
    pauses, steps = columns[-1], len(rows)
    start, before, previous = 0, [1.0], -1
    for pause in pauses:
        if before[-1] < _LOST:
            break
        before.append(before[-1] * pause)
    for label in labels:
        if label == previous:
            # After the same label only a blank makes it a new one.
            before = list(map(mul, pauses[start:], before))
            start += 1
        here, in_label, end, ends = columns[label], 0.0, 0.0, []
        for probability, pause, entering in zip(here[start:], pauses[start:], before, strict=False):
            in_label = probability * (in_label + entering)
            end = pause * end + in_label
            ends.append(end)
        for step in range(start + len(before), steps):
            if end < _LOST:
                break
            in_label *= here[step]
            end = pauses[step] * end + in_label
            ends.append(end)
        first = next((place for place, share in enumerate(ends) if share >= _LOST), len(ends))
        start, before, previous = start + 1 + first, ends[first:], label
    return before[-1] if before and start + len(before) == steps + 1 else 0.0


def _viterbi(rows: Matrix, labels: Sequence[int]) -> list[tuple[int, int]]:
    """Finds the first and last step of each label in the likeliest alignment."""
    with np.errstate(divide="ignore"):
        columns: list[list[float]] = np.log(rows).T.tolist()
    pauses = columns[-1]
    never = -math.inf
    entering = [0.0]
    for pause in pauses:
        entering.append(entering[-1] + pause)
    only_blank = entering
    # Per label, after t steps: the best alignment that ends in it, in the blank after it, and before it.
    tables: list[tuple[list[float], list[float], list[float]]] = []
    for index, label in enumerate(labels):
        if index and labels[index - 1] == label:
            entering = only_blank
        in_label, in_blank = [never], [never]
        for here, pause, before in zip(columns[label], pauses, entering, strict=False):
            in_blank.append(pause + max(in_blank[-1], in_label[-1]))
            in_label.append(here + max(in_label[-1], before))
        tables.append((in_label, in_blank, entering))
        only_blank = in_blank
        entering = list(map(max, in_label, in_blank))
    if entering[-1] == never:
        raise ValueError(f"no alignment of {len(rows)} steps gives these {len(labels)} labels")
    spans: list[tuple[int, int]] = []
    step = len(rows)
    for index in range(len(labels) - 1, -1, -1):
        in_label, in_blank, before_it = tables[index]
        if spans and labels[index + 1] == labels[index]:
            step -= 1  # the blank between two equal labels
        while step and in_blank[step] > in_label[step]:
            step -= 1
        last = step - 1
        while in_label[step - 1] > before_it[step - 1]:
            step -= 1
        step -= 1
        spans.append((step, last))
    return spans[::-1]


def _alone(column: list[float], pauses: list[float]) -> float:
    """Returns the probability that steps give a label once and nothing else, by its and the blank's at each."""
    none, in_label, in_blank = 1.0, 0.0, 0.0
    for here, pause in zip(column, pauses, strict=True):
        in_blank = pause * (in_blank + in_label)
        in_label = here * (in_label + none)
        none *= pause
    return in_label + in_blank
