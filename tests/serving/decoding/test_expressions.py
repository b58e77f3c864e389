"""Regular expressions become automata that accept the same strings."""

from __future__ import annotations

import itertools
import re

import pytest

from serving.decoding.automata import accepts
from serving.decoding.expressions import Expression, symbols

A, B = symbols([0]), symbols([1])


@pytest.mark.parametrize(
    ("expression", "pattern"),
    [
        (A + B, "ab"),
        (A | B, "a|b"),
        (A + B | B, "ab|b"),
        (A.repeated() + B, "a*b"),
        (A.repeated(1), "a+"),
        (A.repeated(2, 3) + B, "a{2,3}b"),
        (B.repeated(0, 1) + A, "b?a"),
        ((A | B.repeated(1)).repeated(), "(a|b+)*"),
        (A.repeated() + A.repeated() + B | A, "a*a*b|a"),
        ((A + B).repeated(1) + (A | B.repeated(2, 2)), "(ab)+(a|bb)"),
        (symbols([0, 1]) + symbols([]).repeated(), "[ab]"),
        (A | symbols([]) + B, "a"),
    ],
)
def test_the_same_strings_as_a_pattern(expression: Expression, pattern: str) -> None:
    automaton = expression.automaton(2)
    for length in range(7):
        for labels in itertools.product((0, 1), repeat=length):
            text = "".join("ab"[label] for label in labels)
            assert accepts(automaton, labels) is bool(re.fullmatch(pattern, text)), text


def test_an_expression_can_be_used_twice() -> None:
    """It is a description, not a place in one automaton."""
    pair = A.repeated(1) + B
    assert accepts((pair + pair).automaton(2), (0, 0, 1, 0, 1))
    assert not accepts((pair + pair).automaton(2), (0, 0, 1))


def test_the_automaton_is_minimal() -> None:
    assert len((A + B | B + B).automaton(2).step) == 3
    assert symbols([]).automaton(2).empty
