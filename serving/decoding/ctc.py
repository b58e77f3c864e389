"""Network steps → strings: exact search over what connectionist temporal classification can mean.

An alignment gives every step one symbol, a label or the blank; its string is
what is left when repeats are merged and blanks dropped, and a string's
probability is the sum over its alignments (Graves, Fernández, Gomez and
Schmidhuber 2006, ICML). `search` is their prefix search as a best-first search
with an exact bound, so that what it returns first *is* the likeliest string;
with an automaton (`serving.decoding.check_digits`) it is the likeliest *accepted* string.
Everywhere the last symbol is the blank; labels 0–9 are digits, 10 is the
separator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heappushpop
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from serving.decoding.check_digits import DEAD, Automaton
from serving.decoding.lattice import Lattice, Matrix, Prefix, normalized_rows

SEPARATOR = 10
BUDGET = 2000

# First and last step of a label, and the probability that its stretch reads as it.
Place: TypeAlias = tuple[int, int, float]


@dataclass(frozen=True)
class Hypothesis:
    """A string as labels and its probability, the total over all its alignments."""

    labels: tuple[int, ...]
    probability: float


@dataclass(frozen=True)
class Search:
    """What `search` found.

    Attributes:
        best: the likeliest strings, best first; none of probability 0.
        exact: whether `best[0]` is proven to be the likeliest (or that there is none).
        total: probability of all accepted strings together: 1 where all are, and what to divide
            by for P(string | accepted).
        proven: so many of `best`, from the first, are proven to be the next likeliest; all of them
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
    """The likeliest strings, or the likeliest that an automaton accepts.

    Args:
        probabilities: float [T, K], a row for each step that sums to 1 (rows are
            normalized again); index K − 1 is the blank. T may be 0: the empty string.
        accepts: the automaton that the digits must satisfy; separators do not move it.
        count: how many strings are wanted; fewer come back where fewer have a probability.
        budget: prefixes that may be expanded. Readable pictures take some tens; noise may take
            any number. When the budget runs out, what is missing is filled with strings that were met.

    Raises:
        ValueError: NaN, a wrong shape, or rows that do not sum to 1 within 1e-3.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    lattice = Lattice(normalized_rows(probabilities), accepts)
    found: list[Hypothesis] = []
    met: list[float] = []  # probabilities of the `count` best complete strings met, the least first
    serial = 0
    expanded = 0
    # (−bound, 0 for a string and 1 for a prefix, serial, the prefix or its parent, label)
    heap: list[tuple[float, int, int, Prefix, int]] = [(-lattice.total, 1, 0, lattice.root(), DEAD)]
    while heap and len(found) < count:
        value, kind, _, prefix, label = heappop(heap)
        if kind == 0:
            found.append(Hypothesis(prefix.labels, -value))
            continue
        if expanded == budget:
            heappush(heap, (value, kind, 0, prefix, label))
            break
        expanded += 1
        if label != DEAD:
            prefix = lattice.extend(prefix, label)
        own = lattice.string_probability(prefix)
        if own > 0:
            serial += 1
            heappush(heap, (-own, 0, serial, prefix, DEAD))
            if len(met) < count:
                heappush(met, own)
            else:
                heappushpop(met, own)
        least = met[0] if len(met) == count else 0.0
        for label, bound in enumerate(lattice.bounds(prefix)):
            if bound > least:
                serial += 1
                heappush(heap, (-bound, 1, serial, prefix, label))
    proven = len(found)
    if len(found) == count or not heap:
        return Search(found, True, lattice.total, proven)
    # Among what was met, the way down from the likeliest prefix, so that there is always an answer.
    strings = {prefix.labels: -value for value, kind, _, prefix, _ in heap if kind == 0}
    strings.update(_dive(lattice, *heap[0][3:]))
    ranked = sorted(strings.items(), key=lambda item: -item[1])
    found += [Hypothesis(labels, probability) for labels, probability in ranked[: count - len(found)]]
    return Search(found, proven > 0, lattice.total, proven)


def probability(probabilities: npt.NDArray[np.floating[Any]], labels: Sequence[int]) -> float:
    """The total probability of one string over all its alignments; arguments and errors as `search`."""
    lattice = Lattice(normalized_rows(probabilities), None)
    prefix = lattice.root()
    for label in labels:
        prefix = lattice.extend(prefix, label)
    return prefix.ends[-1]


def without_separators(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """[…, T, 12] with the separator's share given to the blank.

    A string's probability is then exactly the total of all strings that differ
    from it in separators alone.
    """
    merged = probabilities.copy()
    merged[..., -1] += merged[..., SEPARATOR]
    merged[..., SEPARATOR] = 0
    return merged


def places(probabilities: npt.NDArray[np.floating[Any]], labels: Sequence[int]) -> list[Place]:
    """Where each label of a string stands: its steps in the likeliest single alignment (Viterbi 1967).

    Args:
        probabilities: as for `search`.
        labels: the string; what `search` returned always has a place.

    Returns:
        Per label its first and last step, and the probability that its stretch reads as it:
        the steps from halfway through the blanks before it to halfway through those behind it,
        taken alone, give this label, neither another, nor two, nor none.

    Raises:
        ValueError: as `search`, or no alignment of a probability above 0 gives the string.
    """
    rows = normalized_rows(probabilities)
    if not labels:
        return []
    spans = _greedy(rows, labels) or _viterbi(rows, labels)
    result = []
    begin = 0
    for index, (first, last) in enumerate(spans):
        # Steps of blank between this label and the next are shared.
        end = (last + 1 + spans[index + 1][0]) // 2 if index + 1 < len(spans) else len(rows)
        result.append((first, last, _alone(rows[begin:end, [labels[index], -1]].tolist())))
        begin = end
    return result


def _dive(lattice: Lattice, prefix: Prefix, label: int) -> dict[tuple[int, ...], float]:
    """The accepted strings on the way down from a prefix, always by the likeliest label."""
    met = {}
    while True:
        if label != DEAD:
            prefix = lattice.extend(prefix, label)
        own = lattice.string_probability(prefix)
        if own > 0:
            met[prefix.labels] = own
        bounds = lattice.bounds(prefix)
        best = max(bounds)
        if best <= own:
            return met
        label = bounds.index(best)


def _greedy(rows: Matrix, labels: Sequence[int]) -> list[tuple[int, int]] | None:
    """As `_viterbi`, where the likeliest alignment of all gives these labels; None where it does not."""
    path = rows.argmax(1)
    edges = np.flatnonzero(path[1:] != path[:-1]) + 1
    starts = [0, *edges.tolist()]
    stops = [*starts[1:], len(path)]
    blank = rows.shape[1] - 1
    runs = [run for run in zip(path[starts].tolist(), starts, stops, strict=True) if run[0] != blank]
    if [label for label, _, _ in runs] != list(labels):
        return None
    return [(start, stop - 1) for _, start, stop in runs]


def _viterbi(rows: Matrix, labels: Sequence[int]) -> list[tuple[int, int]]:
    """First and last step of each label in the likeliest alignment."""
    with np.errstate(divide="ignore"):
        columns: list[list[float]] = np.log(rows).T.tolist()
    pauses = columns[-1]
    never = -math.inf
    entering = [0.0]
    for pause in pauses:
        entering.append(entering[-1] + pause)
    only_blank = entering
    # Per label, after t steps: the best alignment that ends in it, in the blank behind it, and before it.
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


def _alone(steps: list[list[float]]) -> float:
    """Probability that steps of (label, blank) give the label once and nothing else."""
    none, in_label, in_blank = 1.0, 0.0, 0.0
    for here, pause in steps:
        in_blank = pause * (in_blank + in_label)
        in_label = here * (in_label + none)
        none *= pause
    return in_label + in_blank
