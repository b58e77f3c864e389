"""Builds finite automata from regular expressions that are put together in Python.

    hours = symbols([1]) + symbols(range(10)) | symbols([2]) + symbols(range(4))
    automaton = hours.automaton(labels=10)

An expression becomes a nondeterministic automaton (Thompson 1968), that one a deterministic one by sets of its
states (Rabin and Scott 1959), and `automata.build` makes it minimal.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from serving.decoding.automata import Automaton, build


@dataclass
class _Graph:
    """A nondeterministic automaton: for each state, where each label and where no label at all leads."""

    moves: list[dict[int, int]] = field(default_factory=list)
    jumps: list[list[int]] = field(default_factory=list)

    def state(self) -> int:
        """Adds a state."""
        self.moves.append({})
        self.jumps.append([])
        return len(self.moves) - 1

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        """Returns the states and all that are reached from them without a label."""
        reached = set(states)
        stack = list(reached)
        while stack:
            for state in self.jumps[stack.pop()]:
                if state not in reached:
                    reached.add(state)
                    stack.append(state)
        return frozenset(reached)


@dataclass(frozen=True)
class Expression:
    """A regular expression over labels; `+` joins two, `|` leaves a choice.

    Attributes:
        draw: adds the expression's states to a graph, behind a state; returns the one that follows them.
    """

    draw: Callable[[_Graph, int], int]

    def __add__(self, other: Expression) -> Expression:
        return Expression(lambda graph, start: other.draw(graph, self.draw(graph, start)))

    def __or__(self, other: Expression) -> Expression:
        def draw(graph: _Graph, start: int) -> int:
            end = graph.state()
            for branch in (self, other):
                first = graph.state()
                graph.jumps[start].append(first)
                graph.jumps[branch.draw(graph, first)].append(end)
            return end

        return Expression(draw)

    def repeated(self, least: int = 0, most: int | None = None) -> Expression:
        """Returns the expression so many times in a row; `most` is None for any number of times."""
        required = [self] * least
        if most is not None:
            return _joined([*required, *[self | _EMPTY] * (most - least)])

        def draw(graph: _Graph, start: int) -> int:
            first = graph.state()
            graph.jumps[start].append(first)
            graph.jumps[self.draw(graph, first)].append(first)
            return first

        return _joined([*required, Expression(draw)])

    def automaton(self, labels: int) -> Automaton:
        """Builds the minimal automaton over labels 0 … `labels` − 1."""
        graph = _Graph()
        start = graph.state()
        end = self.draw(graph, start)

        def step(states: frozenset[int], label: int) -> frozenset[int] | None:
            after = [graph.moves[state][label] for state in states if label in graph.moves[state]]
            return graph.closure(after) if after else None

        return build(graph.closure([start]), step, lambda states: end in states, labels)


def symbols(labels: Iterable[int]) -> Expression:
    """Returns the expression of any one of the labels; of none, nothing matches it."""
    labels = tuple(labels)

    def draw(graph: _Graph, start: int) -> int:
        # A state of its own: others may leave `start` by the same label.
        first, end = graph.state(), graph.state()
        graph.jumps[start].append(first)
        graph.moves[first].update(dict.fromkeys(labels, end))
        return end

    return Expression(draw)


def _joined(parts: Iterable[Expression]) -> Expression:
    return functools.reduce(operator.add, parts, _EMPTY)


_EMPTY = Expression(lambda graph, start: start)
