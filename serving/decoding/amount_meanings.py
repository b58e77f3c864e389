"""Weighs what a field's digits can mean as an amount: a factor of 100 lies between two forms of the same digits."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serving.decoding import amount_grammar
from serving.decoding.alphabet import DIGITS, Alphabet
from serving.decoding.amount_grammar import Form
from serving.decoding.automata import DEAD, Automaton
from serving.decoding.lattice import Flow
from serving.runtime.network import Floats


def probabilities(
    views: Floats, digits: str, alphabet: Alphabet, locale: str | None = None
) -> dict[Form, float]:
    """Computes how likely the digits are written as an amount of each form, whatever the other marks.

    Args:
        views: float32 [V, T, K].
        digits: all that are written, a denominator's too.
        alphabet: of K − 1 symbols.
        locale: one of `amount_grammar.LOCALES`.

    Returns:
        For each form the total probability of its strings, the mean over the views; without forms in which these
        digits cannot be written.
    """
    forms = tuple(form for form in Form if not form.denominator or digits.endswith("100"))
    joint, written = _joint(alphabet.symbols, locale, forms), alphabet.labels(digits)
    flow, places = _flow(joint, _pattern(joint, written))
    masses = flow.accepted_mass(views, np.where(places < 0, flow.labels, np.array(written)[places]))
    return {
        form: float(mass) for form, mass, ends in zip(forms, masses, flow.ends, strict=True) if ends.any()
    }


def amount(digits: str, form: Form) -> str:
    """Returns the amount that digits mean in a form: "12550" with cents is "125.50"."""
    value = digits[:-3] if form.denominator else digits
    return f"{value[:-2]}.{value[-2:]}" if form.cents else value


@dataclass(frozen=True, eq=False)
class _Joint:
    """Several automata that run side by side, S states; the first is the start, and from the last nothing is accepted.

    Attributes:
        labels: how many there are, digits and marks.
        digits: int64 [10, S], the state after each digit.
        alike: for each digit, all that lead from every state to the same one.
        marks: for each state the marks that may follow, ascending, and the states after them.
        reached: bool [S, S], from which states which ones are reached by marks alone; each from itself.
        accepting: bool [F, S], in which states each of the automata accepts.
    """

    labels: int
    digits: npt.NDArray[np.int64]
    alike: list[list[int]]
    marks: list[list[tuple[int, int]]]
    reached: npt.NDArray[np.bool_]
    accepting: npt.NDArray[np.bool_]


@functools.lru_cache(maxsize=128)
def _joint(symbols: str, locale: str | None, forms: tuple[Form, ...]) -> _Joint:
    """Makes one automaton of those of some forms."""
    automata = [amount_grammar.automaton(symbols, locale, form) for form in forms]
    tables = [automaton.rows for automaton in automata]
    start = tuple(automaton.start for automaton in automata)
    number, states = {start: 0}, [start]
    rows = []
    for nodes in states:  # grows as it goes
        row = []
        for label in range(len(symbols)):
            after = tuple(
                DEAD if node == DEAD else table[node][label]
                for table, node in zip(tables, nodes, strict=True)
            )
            if after not in number and max(after) != DEAD:
                number[after] = len(states)
                states.append(after)
            row.append(number.get(after, DEAD))
        rows.append(row)
    rows.append([DEAD] * len(symbols))
    step = np.array(rows)
    step[step == DEAD] = len(states)
    reached = np.eye(len(rows), dtype=np.bool_)
    count = 0
    while count < (count := int(np.count_nonzero(reached))):
        reached |= reached[step[:, len(DIGITS) :]].any(1)
    marks = [
        [(label, row[label]) for label in range(len(DIGITS), len(symbols)) if row[label] != DEAD]
        for row in rows
    ]
    accepting = np.zeros((len(forms), len(rows)), np.bool_)
    for index, automaton in enumerate(automata):
        accepting[index, :-1] = [
            state[index] != DEAD and automaton.accepting[state[index]] for state in states
        ]
    successors = np.ascontiguousarray(step[:, : len(DIGITS)].T)
    alike = [np.flatnonzero((successors == row).all(1)).tolist() for row in successors]
    return _Joint(len(symbols), successors, alike, marks, reached, accepting)


def _pattern(joint: _Joint, digits: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the first digits that the automata treat like these, equal neighbors where these have some."""
    pattern: list[int] = []
    for place, digit in enumerate(digits):
        if place and digits[place - 1] == digit:
            pattern.append(pattern[-1])
        else:
            pattern.append(next(other for other in joint.alike[digit] if pattern[-1:] != [other]))
    return tuple(pattern)


@functools.lru_cache(maxsize=128)
def _flow(joint: _Joint, digits: tuple[int, ...]) -> tuple[Flow, npt.NDArray[np.int64]]:
    """Returns the flow through strings with these digits, and which of them each variable emits; -1 for none."""
    automaton, accepting, positions = _with_digits(joint, digits)
    flow = Flow.of(automaton, accepting)
    arrows = np.count_nonzero(flow.labels >= 0)
    places = np.full(len(flow.labels), -1)
    places[:arrows] = positions[np.nonzero(automaton.step != DEAD)[0]]
    places[flow.labels >= len(DIGITS)] = -1
    return flow, places


def _with_digits(
    joint: _Joint, digits: tuple[int, ...]
) -> tuple[Automaton, npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Returns an automaton of the strings with these digits that one of the automata accepts.

    All of its S states but the start lead to one in which it accepts.

    Returns:
        The automaton; where each of the F automata accepts, bool [F, S]; how many digits each state is past, int64 [S].
    """
    # In which states of the joint automaton the digits that are left, among marks, lead to an end.
    leading = joint.reached @ joint.accepting.any(0)
    leads: list[list[bool]] = [leading.tolist()]
    for digit in reversed(digits):
        leading = joint.reached @ leading[joint.digits[digit]]
        leads.append(leading.tolist())
    leads.reverse()
    after_digit: list[list[int]] = [joint.digits[digit].tolist() for digit in digits]
    start = (0, 0)
    number, states = {start: 0}, [start]
    arrows: list[tuple[int, int, int]] = []
    for source, (position, node) in enumerate(states):  # grows as it goes
        nexts = [(label, (position, after)) for label, after in joint.marks[node]]
        if position < len(digits):
            nexts.insert(0, (digits[position], (position + 1, after_digit[position][node])))
        for label, state in nexts:
            if leads[state[0]][state[1]]:
                if state not in number:
                    number[state] = len(states)
                    states.append(state)
                arrows.append((source, label, number[state]))
    step = np.full((len(states), joint.labels), DEAD, np.int32)
    if arrows:
        sources, labels, targets = np.array(arrows).T
        step[sources, labels] = targets
    positions, nodes = np.array(states).T
    accepting = joint.accepting[:, nodes] & (positions == len(digits))
    return Automaton(0, step, np.asarray(accepting.any(0))), accepting, positions
