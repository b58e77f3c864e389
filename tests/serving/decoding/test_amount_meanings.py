"""What the same digits may mean, against sums over all strings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from serving.decoding import amount_meanings, ctc
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet
from serving.decoding.amount_grammar import Form
from serving.decoding.amounts import digits_of, interpret

NEXT = Alphabet(f"{DIGITS}.,/-x")
TODAY = Alphabet(DIGITS + EITHER)


def by_amount(views: np.ndarray, digits: str, alphabet: Alphabet, locale: str | None) -> dict[str, float]:
    """Sums the probabilities of all strings with these digits."""
    sums: dict[str, float] = {}
    gaps = range(len(digits) + 1)
    for count in range(views.shape[1] - len(digits) + 1):
        for places in itertools.combinations_with_replacement(gaps, count):
            for marks in itertools.product(alphabet.marks, repeat=count):
                inserted = ["".join(itertools.compress(marks, map(gap.__eq__, places))) for gap in gaps]
                raw = inserted[0] + "".join(map(str.__add__, digits, inserted[1:]))
                amount = interpret(raw, locale).amount
                if amount is not None:
                    total = np.mean([ctc.probability(view, alphabet.labels(raw)) for view in views])
                    sums[amount] = sums.get(amount, 0.0) + float(total)
    return sums


@pytest.mark.parametrize(
    ("alphabet", "digits", "steps"), [(TODAY, "1250", 7), (TODAY, "100", 5), (NEXT, "110", 5)]
)
@pytest.mark.parametrize("locale", [None, "de"])
def test_the_sums_over_all_strings(alphabet: Alphabet, digits: str, steps: int, locale: str | None) -> None:
    rng = np.random.default_rng(3)
    views = rng.random((2, steps, len(alphabet.symbols) + 1)) ** 2
    views /= views.sum(-1, keepdims=True)
    meanings = amount_meanings.probabilities(views, digits, alphabet, locale)
    sums = by_amount(views, digits, alphabet, locale)
    weighed = {amount_meanings.amount(digits, form): weight for form, weight in meanings.items()}
    assert weighed == pytest.approx(sums, rel=1e-9)


def test_a_denominator_is_no_part_of_the_value() -> None:
    rows = np.full((1, 10, 16), 1e-6)
    for step, symbol in enumerate("12xx/100"):
        rows[0, step, NEXT.symbols.index(symbol)] = 1
    rows[0, 8:, 15] = 1
    rows[0, 2, 15] = 1  # a blank between the crosses
    rows[0, 3, 15] = 0
    rows /= rows.sum(-1, keepdims=True)
    meanings = amount_meanings.probabilities(rows, "12100", NEXT)
    likeliest = max(meanings, key=lambda form: meanings[form])
    assert likeliest is Form.CROSSES
    assert amount_meanings.amount("12100", likeliest) == "12"


@pytest.mark.parametrize("raw", ["12550/100", "125xx/100", "1250", "12.50", "1,250.50"])
def test_amount_is_what_interpret_gives(raw: str) -> None:
    assert interpret(raw).amount in {amount_meanings.amount(digits_of(raw), form) for form in Form}


@pytest.mark.parametrize(
    ("digits", "others"), [("1250", "9730"), ("2250", "8870"), ("3505", "9205"), ("12100", "87100")]
)
def test_digits_of_one_pattern_share_their_strings(digits: str, others: str) -> None:
    """Nothing depends on which digits were weighed before."""
    views = np.random.default_rng(7).random((1, 12, 16)) ** 2
    views /= views.sum(-1, keepdims=True)
    renamed = views.copy()
    labels = NEXT.labels(digits), NEXT.labels(others)
    renamed[:, :, labels[1]] = views[:, :, labels[0]]
    assert amount_meanings.probabilities(renamed, others, NEXT) == pytest.approx(
        amount_meanings.probabilities(views, digits, NEXT), rel=1e-12
    )
