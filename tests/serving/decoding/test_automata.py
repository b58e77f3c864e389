"""Automata as their descriptions say: which strings are accepted, with how few states."""

from __future__ import annotations

import itertools

from serving.decoding.automata import Automaton, accepts, build, intersection


def multiples(modulus: int, labels: int) -> Automaton:
    """Strings whose labels sum to a multiple."""
    return build(0, lambda total, label: (total + label) % modulus, lambda total: total == 0, labels)


def short(most: int, labels: int) -> Automaton:
    return build(0, lambda n, _: n + 1 if n < most else None, lambda n: True, labels)


def strings(labels: int, longest: int = 5) -> list[tuple[int, ...]]:
    return [text for n in range(longest + 1) for text in itertools.product(range(labels), repeat=n)]


def test_accepts() -> None:
    automaton = multiples(3, 4)
    assert all(accepts(automaton, text) is (sum(text) % 3 == 0) for text in strings(4))


def test_equal_states_are_merged_and_useless_ones_left_out() -> None:
    """Modulo 6 in threes and pairs is modulo 6; a number that may not go on has no state of its own."""
    doubled = build((0, 0), lambda s, x: ((s[0] + x) % 3, (s[1] + x) % 6), lambda s: s[1] == 0, 4)
    assert len(doubled.step) == 6
    assert len(short(3, 2).step) == 4
    assert build(0, lambda n, _: n + 1 if n < 9 else None, lambda n: False).empty


def test_rows_are_the_steps() -> None:
    automaton = short(2, 3)
    assert automaton.rows == automaton.step.tolist()


def test_intersection() -> None:
    both = intersection(multiples(3, 4), short(4, 4))
    assert all(accepts(both, text) is (sum(text) % 3 == 0 and len(text) <= 4) for text in strings(4))


def test_labels_that_one_lacks_leave_its_state() -> None:
    """So a rule about digits holds for strings with marks."""
    for both in (intersection(short(2, 2), multiples(3, 4)), intersection(multiples(3, 4), short(2, 2))):
        for text in strings(4):
            assert accepts(both, text) is (sum(text) % 3 == 0 and sum(label < 2 for label in text) <= 2)
