"""The bound of a prefix is exact: what all accepted strings that begin with it have together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decoding.automata import Automaton
from serving.decoding.check_digits import length, luhn
from serving.decoding.lattice import Flow, Lattice, lattices, normalized_rows
from tests.serving.decoding.test_ctc import accepted, every_string, shares


@settings(deadline=None)
@given(
    shares((1, 5), (3, 4)),
    st.lists(st.integers(0, 1), max_size=4),
    st.sampled_from([None, luhn(), length(2)]),
)
def test_bounds(rows: np.ndarray, labels: list[int], automaton: Automaton | None) -> None:
    expected = every_string(rows)
    if automaton is not None:
        expected = accepted(expected, automaton)
    lattice = Lattice(normalized_rows(rows), automaton)
    assert lattice.total == pytest.approx(sum(expected.values()), rel=1e-9, abs=0)
    prefix = lattice.root()
    for label in labels:
        prefix = lattice.extend(prefix, label)
        if prefix.state < 0:  # nothing accepted begins so
            return
    assert lattice.string_probability(prefix) == pytest.approx(
        expected.get(prefix.labels, 0), rel=1e-9, abs=1e-300
    )
    for label, bound in enumerate(lattice.bounds(prefix)):
        begin = (*prefix.labels, label)
        all_of_them = sum(share for string, share in expected.items() if string[: len(begin)] == begin)
        assert bound == pytest.approx(all_of_them, rel=1e-9, abs=1e-300)


@given(shares((2, 6), (3, 12)), st.sampled_from([None, luhn(), length(2)]))
def test_several_views_are_as_each_alone(rows: np.ndarray, automaton: Automaton | None) -> None:
    views = np.stack([rows, rows[::-1], np.roll(rows, 1, axis=1)])
    for lattice, view in zip(lattices(views, automaton), views, strict=True):
        alone = Lattice(normalized_rows(view), automaton)
        assert lattice.total == pytest.approx(alone.total, rel=1e-12)
        state = automaton.start if automaton else 0
        np.testing.assert_allclose(lattice.gains(state), alone.gains(state), rtol=1e-12)
        assert lattice.columns == alone.columns


@settings(deadline=None)
@given(st.data(), st.sampled_from([luhn(), length(2)]))
def test_accepted_mass(data: st.DataObject, automaton: Automaton) -> None:
    """Of all strings that end in each state; together they have what the search calls the total."""
    first = data.draw(shares((1, 5), (11, 11)))
    views = np.stack([first, np.roll(first, 1, 1)])
    ends = np.vstack([automaton.accepting, np.eye(len(automaton.step), dtype=bool)])
    masses = Flow.of(automaton, ends).accepted_mass(views)
    totals = [Lattice(view, automaton).total for view in views]
    assert masses[0] == pytest.approx(np.mean(totals), rel=1e-9, abs=1e-300)
    assert masses[0] == pytest.approx(masses[1:][automaton.accepting].sum(), rel=1e-9, abs=1e-300)
