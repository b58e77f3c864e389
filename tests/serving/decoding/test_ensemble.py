import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decoding import check_digits, ctc, ensemble

BLANK = 11
LUHN = check_digits.parse("luhn", None)


def random_views(seed: int, count: int, steps: int, sharp: float) -> np.ndarray:
    """Random looks at the same string, so that they agree about as often as not."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(steps, BLANK + 1))
    logits = sharp * (common + rng.normal(size=(count, steps, BLANK + 1)))
    logits[..., 4:BLANK] = -40  # few labels, so that brute force ends
    return (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).astype(np.float32)


def brute(views: np.ndarray) -> dict[tuple[int, ...], float]:
    steps = views.shape[1]
    strings = itertools.chain.from_iterable(
        itertools.product(range(4), repeat=length) for length in range(steps + 1)
    )
    return {labels: ensemble.probability(views, labels) for labels in strings}


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 4), st.floats(0.3, 3))
def test_what_is_called_exact_is_the_likeliest(seed: int, count: int, steps: int, sharp: float) -> None:
    views = random_views(seed, count, steps, sharp)
    every = brute(views)
    answer = ensemble.search(views)
    for hypothesis in answer.best:
        assert hypothesis.probability == pytest.approx(every[hypothesis.labels], rel=1e-6, abs=1e-12)
    assert [hypothesis.probability for hypothesis in answer.best] == sorted(
        (hypothesis.probability for hypothesis in answer.best), reverse=True
    )
    ranked = sorted(every.values(), reverse=True)
    if answer.exact:
        assert answer.best[0].probability == pytest.approx(ranked[0], rel=1e-6)
    expected = ranked[: answer.proven]
    assert [hypothesis.probability for hypothesis in answer.best[: answer.proven]] == pytest.approx(
        expected, rel=1e-6
    )
    assert answer.total == pytest.approx(1)


def test_sure_looks_are_exact() -> None:
    assert ensemble.search(random_views(3, 3, 4, 6.0)).exact


def test_looks_that_each_miss_the_likeliest_say_so() -> None:
    """Each look has a favorite of its own, four others before the string that all of them hold possible."""
    views = np.full((2, 1, 12), 1e-9, np.float32)
    views[0, 0, :5] = 0.3, 0.25, 0.24, 0.0, 0.2
    views[1, 0, 4:9] = 0.2, 0.3, 0.25, 0.24, 0.0
    views /= views.sum(-1, keepdims=True)
    assert ensemble.probability(views, (4,)) > max(ensemble.probability(views, (i,)) for i in range(4))
    answer = ensemble.search(views, count=3)
    assert (4,) not in [hypothesis.labels for hypothesis in answer.best]
    assert not answer.exact
    assert ensemble.search(views, count=5).best[0].labels == (4,)


def test_one_look_is_the_search_itself() -> None:
    views = random_views(5, 1, 4, 1.0)
    assert ensemble.search(views) == ctc.search(views[0])
    assert ensemble.clearest_view(views, (1,)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_an_automaton_is_kept(seed: int) -> None:
    views = random_views(seed, 3, 6, 1.0)
    every = {labels: chance for labels, chance in brute(views).items() if labels and satisfies_luhn(labels)}
    answer = ensemble.search(views, LUHN, count=8)
    assert answer.best[0].labels in every
    if answer.exact:
        assert answer.best[0].probability == pytest.approx(max(every.values()), rel=1e-6)
    assert answer.total == pytest.approx(sum(every.values()), rel=1e-4)


@functools.cache  # views of one size have the same strings
def satisfies_luhn(labels: tuple[int, ...]) -> bool:
    """As `ctc.search` sees it: that string is accepted which a sure network would be read as."""
    sure = np.full((2 * len(labels), 12), 1e-9, np.float32)
    for i, label in enumerate(labels):
        sure[2 * i, label] = sure[2 * i + 1, BLANK] = 1
    outcome = ctc.search(sure / sure.sum(-1, keepdims=True), LUHN, 1)
    return bool(outcome.best) and outcome.best[0].labels == labels


def test_nothing_that_fits() -> None:
    sure = np.zeros((2, 1, 12), np.float32)
    sure[..., BLANK] = 1
    answer = ensemble.search(sure, check_digits.parse(None, 3))
    assert (answer.best, answer.exact, answer.total) == ([], True, 0)


def test_the_clear_look() -> None:
    views = np.zeros((3, 1, 12), np.float32)
    views[0, 0, [1, BLANK]] = 0.3, 0.7
    views[1, 0, [1, BLANK]] = 0.6, 0.4
    views[2, 0, [1, BLANK]] = 0.9, 0.1
    assert ensemble.clearest_view(views, (1,)) == 1
    views[1:, 0] = views[0, 0]
    views[2, 0, [1, BLANK]] = 0.4, 0.6
    assert ensemble.clearest_view(views, (1,)) == 2


def test_what_is_unlikely_as_a_whole_is_not_searched_for() -> None:
    views = np.full((2, 3, 12), 1 / 12)
    outcome = ensemble.search(views, check_digits.length(2))
    assert ensemble.search(views, check_digits.length(2), least=outcome.total) == outcome
    assert ensemble.search(views, check_digits.length(2), least=outcome.total * 1.01) == ctc.Search(
        [], True, outcome.total, 0
    )
