"""The search against a list of all alignments, and what its answers promise."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from serving.decoding import ctc
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet, without_marks
from serving.decoding.automata import Automaton, build
from serving.decoding.check_digits import length, luhn, parse, satisfies

ALPHABET = Alphabet(DIGITS + EITHER)
SEPARATOR, BLANK = 10, 11
Strings = dict[tuple[int, ...], float]


def collapse(alignment: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(alignment) if symbol != blank)


def alignments(rows: np.ndarray) -> list[tuple[tuple[int, ...], float]]:
    return [
        (alignment, math.prod(rows[step, symbol] for step, symbol in enumerate(alignment)))
        for alignment in itertools.product(range(rows.shape[1]), repeat=len(rows))
    ]


def every_string(rows: np.ndarray) -> Strings:
    """By brute force: each string and its total over all alignments."""
    strings: Strings = defaultdict(float)
    for alignment, share in alignments(rows):
        strings[collapse(alignment, rows.shape[1] - 1)] += share
    return strings


def accepted(strings: Strings, automaton: Automaton) -> Strings:
    def digits(labels: tuple[int, ...]) -> str:
        return "".join(str(label) for label in labels if label != SEPARATOR)

    return {labels: share for labels, share in strings.items() if satisfies(digits(labels), automaton)}


def shares(steps: tuple[int, int], symbols: tuple[int, int]) -> st.SearchStrategy[np.ndarray]:
    """Rows that sum to 1: flat, peaked, with exact zeros and with very small shares."""
    values = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 1e-5, 1e-12, 1e-40]))
    shapes = st.tuples(st.integers(*steps), st.integers(*symbols))
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=values)).map(normalized)


def normalized(rows: np.ndarray) -> np.ndarray:
    rows = np.where(rows.sum(1, keepdims=True) > 0, rows, 1.0)
    return rows / rows.sum(1, keepdims=True)


def check(outcome: ctc.Search, expected: Strings, count: int) -> None:
    """`found` are the best of `wanted`, in order; equals may come in any order."""
    assert outcome.exact
    assert outcome.proven == len(outcome.best)
    assert outcome.total == pytest.approx(sum(expected.values()), rel=1e-9, abs=0)
    best = sorted((share for share in expected.values() if share > 0), reverse=True)[:count]
    assert [hypothesis.probability for hypothesis in outcome.best] == pytest.approx(best, rel=1e-9, abs=0)
    assert len({hypothesis.labels for hypothesis in outcome.best}) == len(outcome.best)
    for hypothesis in outcome.best:
        assert hypothesis.probability == pytest.approx(expected[hypothesis.labels], rel=1e-9, abs=0)


@settings(deadline=None)
@given(shares((0, 5), (2, 4)))
def test_likeliest_is_the_first_that_a_search_finds(rows: np.ndarray) -> None:
    check(ctc.likeliest(rows), every_string(rows), 1)


def test_likeliest_of_sure_steps_takes_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels far apart, equal ones and ones side by side; a step in between is in doubt."""
    sure = [3, 0, 0, 3, 0, 1, 1, 2, 3, 3, 3, 3, 2] + [3] * 30 + [1]
    rows = np.full((len(sure), 4), 0.002)
    rows[np.arange(len(sure)), sure] = 0.994
    rows[6] = [0.1, 0.6, 0.1, 0.2]
    expected = ctc.search(rows, count=1).best[0]
    monkeypatch.delattr(ctc, "search_lattice")
    outcome = ctc.likeliest(rows)
    assert outcome.exact
    assert outcome.best[0].labels == expected.labels == (0, 0, 1, 2, 2, 1)
    assert outcome.best[0].probability == pytest.approx(expected.probability, rel=1e-9)


def test_likeliest_in_doubt_is_searched() -> None:
    """The likeliest alignment is all blank, the likeliest string is not empty."""
    rows = np.array([[0.4, 0.6], [0.4, 0.6]])
    outcome = ctc.likeliest(rows)
    assert outcome.best[0].labels == (0,)
    assert outcome.best[0].probability == pytest.approx(0.64)


def test_likeliest_of_noise_ends_with_its_budget() -> None:
    rows = np.random.default_rng(4).dirichlet(np.full(15, 0.5), 120)
    outcome = ctc.likeliest(rows, budget=20)
    assert not outcome.exact
    assert len(outcome.best) == 1


TABLES = st.lists(st.lists(st.integers(-1, 2), min_size=10, max_size=10), min_size=3, max_size=3)


@settings(deadline=None)
@given(shares((0, 5), (2, 4)), st.integers(1, 6))
def test_free(rows: np.ndarray, count: int) -> None:
    check(ctc.search(rows, count=count), every_string(rows), count)


@settings(deadline=None)
@given(shares((0, 5), (2, 4)), st.integers(1, 6), TABLES, st.sets(st.integers(0, 2)))
def test_restricted(rows: np.ndarray, count: int, table: list[list[int]], ends: set[int]) -> None:
    """By any automaton of three states."""
    automaton = build(
        0, lambda state, digit: None if table[state][digit] < 0 else table[state][digit], ends.__contains__
    )
    check(ctc.search(rows, automaton, count), accepted(every_string(rows), automaton), count)


@settings(deadline=None)
@given(shares((2, 3), (12, 12)), st.sampled_from([luhn(), length(2), parse("luhn", 2)]))
def test_restricted_with_separators(rows: np.ndarray, automaton: Automaton) -> None:
    """Separators are read and do not count."""
    check(ctc.search(rows, automaton, 5), accepted(every_string(rows), automaton), 5)


@settings(deadline=None)
@given(shares((0, 3), (12, 12)))
def test_without_separators(rows: np.ndarray) -> None:
    """A string gets the probability of all that differ from it in separators alone."""
    expected: Strings = defaultdict(float)
    for labels, share in every_string(rows).items():
        expected[tuple(label for label in labels if label != SEPARATOR)] += share
    before = rows.copy()
    check(ctc.search(without_marks(rows, ALPHABET), count=4), expected, 4)
    np.testing.assert_array_equal(rows, before)


@settings(deadline=None)
@given(shares((0, 5), (2, 4)))
def test_probability(rows: np.ndarray) -> None:
    expected = every_string(rows)
    for labels in [*expected, (0,) * 4]:
        assert ctc.probability(rows, labels) == pytest.approx(expected.get(labels, 0), rel=1e-9, abs=1e-300)


@settings(deadline=None)
@given(shares((1, 5), (3, 4)), st.integers(2, 5))
def test_more_alternatives_change_nothing(rows: np.ndarray, count: int) -> None:
    few = ctc.search(rows, count=1)
    many = ctc.search(rows, count=count)
    probabilities = [hypothesis.probability for hypothesis in many.best]
    assert probabilities[0] == few.best[0].probability
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) <= many.total + 1e-9


def written(text: str, between: int = 3, sure: float = 0.98) -> np.ndarray:
    """[T, 12]: `between` steps of blank around a step for each digit; "." is the separator."""
    rows = np.full((len(text) * (between + 1) + between, 12), (1 - sure) / 11)
    rows[:, BLANK] = sure
    for index, character in enumerate(text):
        step = index * (between + 1) + between
        label = SEPARATOR if character == "." else int(character)
        rows[step, [label, BLANK]] = rows[step, [BLANK, label]]
    return rows.astype(np.float32)


def test_repeats() -> None:
    (best,) = ctc.search(written("1100.00"), count=1).best
    assert best.labels == (1, 1, 0, 0, 10, 0, 0)


def test_a_sum_beats_the_best_alignment() -> None:
    """The case that best-path decoding gets wrong."""
    rows = np.array([[0.4, 0.6], [0.4, 0.6]])
    best = ctc.search(rows).best
    assert [hypothesis.labels for hypothesis in best] == [(0,), ()]
    assert best[0].probability == pytest.approx(0.64)


@pytest.mark.parametrize(("steps", "text"), [(300, "0123456789" * 3), (1200, "9" * 30)])
def test_long(steps: int, text: str) -> None:
    between = steps // len(text) - 1
    rows = written(text, between, 0.999)
    outcome = ctc.search(rows)
    assert outcome.exact
    assert outcome.best[0].labels == tuple(map(int, text))
    restricted = ctc.search(rows, length(30))
    assert restricted.exact
    assert restricted.best[0].labels == outcome.best[0].labels
    assert restricted.best[0].probability == pytest.approx(outcome.best[0].probability, rel=1e-9)
    assert restricted.total < 1


@pytest.mark.parametrize("steps", [1, 30, 300])
@pytest.mark.parametrize("automaton", [None, parse("aba")])
def test_noise_ends(steps: int, automaton: Automaton | None) -> None:
    """Within the budget, and what is returned is what it is said to be."""
    random = np.random.default_rng(0)
    rows = normalized(random.random((steps, 12)))
    outcome = ctc.search(rows, automaton, budget=100)
    assert outcome.exact is (steps == 1)
    assert outcome.proven == (len(outcome.best) if steps == 1 else 0)
    values = [hypothesis.probability for hypothesis in outcome.best]
    assert values == sorted(values, reverse=True)
    assert len({hypothesis.labels for hypothesis in outcome.best}) == len(outcome.best)
    for hypothesis in outcome.best:
        assert 0 < hypothesis.probability <= outcome.total
        assert math.log(hypothesis.probability) == pytest.approx(forward(rows, hypothesis.labels), rel=1e-9)
        if automaton is not None:
            assert satisfies("".join(str(label) for label in hypothesis.labels if label < 10), automaton)
    assert outcome.best or (automaton is not None and steps < 9)


def forward(rows: np.ndarray, labels: tuple[int, ...]) -> float:
    """The textbook's forward pass over the string with blanks between, in logarithms."""
    blank = rows.shape[1] - 1
    extended = [blank, *itertools.chain.from_iterable((label, blank) for label in labels)]
    alpha = np.full(len(extended), -np.inf)
    alpha[0] = 0
    for step, row in enumerate(np.log(rows)):
        before = alpha if step else np.where(np.arange(len(extended)) == 0, 0.0, -np.inf)
        alpha = before.copy()
        alpha[1:] = np.logaddexp(alpha[1:], before[:-1])
        for index in range(2, len(extended)):
            if extended[index] not in (blank, extended[index - 2]):
                alpha[index] = np.logaddexp(alpha[index], before[index - 2])
        alpha += row[extended]
    return float(np.logaddexp.reduce(alpha[-2:]))


def test_budget_of_an_easy_picture() -> None:
    rows = written("1.250.50")
    whole = ctc.search(rows, budget=10**6)
    assert whole.proven == 3
    # Enough for the likeliest, which is proven, and too little for what comes behind it.
    some = ctc.search(rows, budget=20)
    assert some.exact
    assert some.proven == 1
    assert len(some.best) == 3
    assert some.best[0] == whole.best[0]
    few = ctc.search(rows, budget=5)
    assert not few.exact
    assert few.best[0] == whole.best[0]


def test_no_steps() -> None:
    rows = np.empty((0, 12), np.float32)
    assert ctc.search(rows) == ctc.Search([ctc.Hypothesis((), 1.0)], True, 1.0, 1)
    assert ctc.search(rows, length(3)) == ctc.Search([], True, 0.0, 0)
    assert ctc.places(rows, ()) == []


def test_nothing_accepted_fits() -> None:
    assert ctc.search(written("12"), length(20)) == ctc.Search([], True, 0.0, 0)


@pytest.mark.parametrize(
    "rows",
    [
        np.full((3, 12), np.nan),
        np.full((3, 12), 0.1),
        np.full((3, 12), 1 / 12) + np.eye(3, 12) * 2e-3,
        np.array([[1.5, -0.5]]),
        np.array([[np.inf, 0.0]]),
        np.full(12, 1 / 12),
        np.full((2, 3, 12), 1 / 12),
        np.ones((3, 1)),
    ],
)
def test_not_probabilities(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="probabilities must be"):
        ctc.search(rows)
    with pytest.raises(ValueError, match="probabilities must be"):
        ctc.places(rows, (1,))


def test_count_below_one() -> None:
    with pytest.raises(ValueError, match="count must be at least 1"):
        ctc.search(written("1"), count=0)


@settings(deadline=None)
@given(shares((1, 5), (2, 4)), st.data())
def test_places_are_the_likeliest_alignment(rows: np.ndarray, data: st.DataObject) -> None:
    best = ctc.search(rows, count=8).best
    labels = data.draw(st.sampled_from(best)).labels
    blank = rows.shape[1] - 1
    alignment = [blank] * len(rows)
    for label, (first, last, share) in zip(labels, ctc.places(rows, labels), strict=True):
        assert 0 <= first <= last < len(rows)
        assert 0 <= share <= 1 + 1e-9
        alignment[first : last + 1] = [label] * (last - first + 1)
    assert collapse(tuple(alignment), blank) == labels
    best = max(share for other, share in alignments(rows) if collapse(other, blank) == labels)
    reached = math.prod(rows[step, symbol] for step, symbol in enumerate(alignment))
    assert reached == pytest.approx(best, rel=1e-9, abs=0)


@settings(deadline=None)
@given(shares((1, 5), (3, 4)))
def test_a_label_alone_has_the_probability_of_its_string(rows: np.ndarray) -> None:
    expected = every_string(rows)
    for label in range(rows.shape[1] - 1):
        if expected.get((label,), 0) > 1e-200:
            ((_, _, share),) = ctc.places(rows, (label,))
            assert share == pytest.approx(expected[(label,)], rel=1e-9)


def test_stretches() -> None:
    """Each label is judged by the steps nearest to it."""
    rows = np.zeros((9, 12))
    rows[:, BLANK] = 1
    rows[2, [7, BLANK]] = 0.6, 0.4
    rows[3, [7, BLANK]] = 0.4, 0.6  # not in the likeliest alignment, and nearer to 7 than to 1
    rows[6, [1, 7, BLANK]] = 0.9, 0.1, 0
    seven, last = ctc.places(rows, (7, 1))
    assert seven == (2, 2, pytest.approx(1 - 0.4 * 0.6))
    assert last == (6, 6, pytest.approx(0.9))


def test_string_that_has_no_place() -> None:
    with pytest.raises(ValueError, match="no alignment of 3 steps gives these 2 labels"):
        ctc.places(np.eye(3, 12)[[0, 0, 0]], (0, 0))
