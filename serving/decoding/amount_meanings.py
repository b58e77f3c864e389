"""Weighs what a field's digits can mean as an amount: a factor of 100 lies between two forms of the same digits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serving.decoding import amount_grammar
from serving.decoding.alphabet import DIGITS, Alphabet
from serving.decoding.amount_grammar import Form
from serving.decoding.automata import DEAD, Automaton
from serving.decoding.lattice import accepted_mass
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
    forms = [form for form in Form if not form.denominator or digits.endswith("100")]
    automata = [amount_grammar.automaton(alphabet.symbols, locale, form) for form in forms]
    product, accepting = _product(automata, alphabet.labels(digits))
    masses = accepted_mass(views, product, accepting)
    return {
        form: float(mass) for form, mass, ends in zip(forms, masses, accepting, strict=True) if ends.any()
    }


def amount(digits: str, form: Form) -> str:
    """Returns the amount that digits mean in a form: "12550" with cents is "125.50"."""
    value = digits[:-3] if form.denominator else digits
    return f"{value[:-2]}.{value[-2:]}" if form.cents else value


def _product(automata: list[Automaton], digits: tuple[int, ...]) -> tuple[Automaton, npt.NDArray[np.bool_]]:
    """Returns an automaton of the strings with these digits that one of the automata may accept, and where each does.

    Its own `accepting` is where any does.
    """
    tables = [automaton.rows for automaton in automata]
    labels = len(tables[0][0])
    marks = range(len(DIGITS), labels)
    start = (0, *(automaton.start for automaton in automata))
    number = {start: 0}
    states = [start]
    rows = []
    for position, *nodes in states:  # grows as it goes
        row = [DEAD] * labels
        for label in (*digits[position : position + 1], *marks):
            after = [
                DEAD if node == DEAD else table[node][label]
                for table, node in zip(tables, nodes, strict=True)
            ]
            if any(node != DEAD for node in after):
                key = (position + (label < len(DIGITS)), *after)
                if key not in number:
                    number[key] = len(states)
                    states.append(key)
                row[label] = number[key]
        rows.append(row)
    step = np.array(rows, np.int32)
    accepting = np.array(
        [
            [
                state[0] == len(digits)
                and state[1 + index] != DEAD
                and bool(automaton.accepting[state[1 + index]])
                for state in states
            ]
            for index, automaton in enumerate(automata)
        ]
    )
    ends = np.asarray(accepting.any(0))
    step[~_leads_to(step, ends)[step]] = DEAD
    return Automaton(0, step, ends), accepting


def _leads_to(step: npt.NDArray[np.int32], ends: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Returns from which states one of the ends is reached; the entry for `DEAD`, the last, is False."""
    live = np.append(ends, False)
    while True:
        longer = live.copy()
        longer[:-1] |= live[step].any(1)
        if (longer == live).all():
            return live
        live = longer
