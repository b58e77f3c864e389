import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decoding import check_digits, ctc, ensemble

BLANK = 11


def looks(seed: int, count: int, steps: int, sharp: float) -> np.ndarray:
    """Random looks at the same string, so that they agree about as often as not."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(steps, BLANK + 1))
    logits = sharp * (common + rng.normal(size=(count, steps, BLANK + 1)))
    logits[..., 4:BLANK] = -40  # few labels, so that brute force ends
    return (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).astype(np.float32)


def brute(found: np.ndarray) -> dict[tuple[int, ...], float]:
    steps = found.shape[1]
    strings = itertools.chain.from_iterable(
        itertools.product(range(4), repeat=length) for length in range(steps + 1)
    )
    return {labels: ensemble.probability(found, labels) for labels in strings}


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 4), st.floats(0.3, 3))
def test_what_is_called_exact_is_the_likeliest(seed: int, count: int, steps: int, sharp: float) -> None:
    found = looks(seed, count, steps, sharp)
    every = brute(found)
    answer = ensemble.search(found)
    for one in answer.best:
        assert one.probability == pytest.approx(every[one.labels], rel=1e-6, abs=1e-12)
    assert [one.probability for one in answer.best] == sorted(
        (one.probability for one in answer.best), reverse=True
    )
    ranked = sorted(every.values(), reverse=True)
    if answer.exact:
        assert answer.best[0].probability == pytest.approx(ranked[0], rel=1e-6)
    expected = ranked[: answer.proven]
    assert [one.probability for one in answer.best[: answer.proven]] == pytest.approx(expected, rel=1e-6)
    assert answer.total == pytest.approx(1)


def test_sure_looks_are_exact() -> None:
    assert ensemble.search(looks(3, 3, 4, 6.0)).exact


def test_looks_that_each_miss_the_likeliest_say_so() -> None:
    """Each look has a favorite of its own, four others before the string that all of them hold possible."""
    found = np.full((2, 1, 12), 1e-9, np.float32)
    found[0, 0, :5] = 0.3, 0.25, 0.24, 0.0, 0.2
    found[1, 0, 4:9] = 0.2, 0.3, 0.25, 0.24, 0.0
    found /= found.sum(-1, keepdims=True)
    assert ensemble.probability(found, (4,)) > max(ensemble.probability(found, (i,)) for i in range(4))
    answer = ensemble.search(found, count=3)
    assert (4,) not in [one.labels for one in answer.best]
    assert not answer.exact
    assert ensemble.search(found, count=5).best[0].labels == (4,)


def test_one_look_is_the_search_itself() -> None:
    found = looks(5, 1, 4, 1.0)
    assert ensemble.search(found) == ctc.search(found[0])
    assert ensemble.clearest_view(found, (1,)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_an_automaton_is_kept(seed: int) -> None:
    found = looks(seed, 3, 6, 1.0)
    automaton = check_digits.parse("luhn", None)
    every = {
        labels: chance
        for labels, chance in brute(found).items()
        if labels and schemes_accept(automaton, labels)
    }
    answer = ensemble.search(found, automaton, count=8)
    assert answer.best[0].labels in every
    if answer.exact:
        assert answer.best[0].probability == pytest.approx(max(every.values()), rel=1e-6)
    assert answer.total == pytest.approx(sum(every.values()), rel=1e-4)


def schemes_accept(automaton, labels: tuple[int, ...]) -> bool:
    """As `ctc.search` sees it: that string is accepted which a sure network would be read as."""
    sure = np.full((2 * len(labels), 12), 1e-9, np.float32)
    for i, label in enumerate(labels):
        sure[2 * i, label] = sure[2 * i + 1, BLANK] = 1
    found = ctc.search(sure / sure.sum(-1, keepdims=True), automaton, 1)
    return bool(found.best) and found.best[0].labels == labels


def test_nothing_that_fits() -> None:
    sure = np.zeros((2, 1, 12), np.float32)
    sure[..., BLANK] = 1
    answer = ensemble.search(sure, check_digits.parse(None, 3))
    assert (answer.best, answer.exact, answer.total) == ([], True, 0)


def test_the_clear_look() -> None:
    found = np.zeros((3, 1, 12), np.float32)
    found[0, 0, [1, BLANK]] = 0.3, 0.7
    found[1, 0, [1, BLANK]] = 0.6, 0.4
    found[2, 0, [1, BLANK]] = 0.9, 0.1
    assert ensemble.clearest_view(found, (1,)) == 1
    found[1:, 0] = found[0, 0]
    found[2, 0, [1, BLANK]] = 0.4, 0.6
    assert ensemble.clearest_view(found, (1,)) == 2
