"""A rival of the same digits with another meaning is a doubt."""

from __future__ import annotations

import numpy as np
import pytest

from serving.decoding import ctc
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet
from serving.decoding.amount_prediction import predict_amount
from serving.decoding.ctc import Hypothesis

ALPHABET = Alphabet(DIGITS + EITHER)
MARKED = Alphabet(DIGITS + ".,/-x")


def string(raw: str, probability: float) -> Hypothesis:
    return Hypothesis(ALPHABET.labels(raw), probability)


def test_equal_meanings_add_up() -> None:
    prediction = predict_amount([string("1250", 0.35), string("1750", 0.4), string("1·250", 0.2)], ALPHABET)
    assert (prediction.raw, prediction.text, prediction.amount.amount) == ("1250", "1250", "1250")
    assert prediction.labels == (1, 2, 5, 0)
    assert prediction.probability == pytest.approx(0.55)


def test_a_rival_of_the_same_digits_is_a_doubt() -> None:
    prediction = predict_amount([string("12·50", 0.9), string("1250", 0.02)], ALPHABET)
    assert (prediction.raw, prediction.text, prediction.probability) == ("12·50", "1250", 0.9)
    assert prediction.amount.amount is None
    assert "12·50 may be 1250, probability 0.022" in str(prediction.amount.doubt)


@pytest.mark.parametrize(("rival", "clear"), [(0.008, True), (0.01, False)])
def test_share(rival: float, clear: bool) -> None:
    prediction = predict_amount([string("12·50", 0.9), string("1250", rival)], ALPHABET)
    assert (prediction.amount.amount == "12.50") is clear
    assert (
        predict_amount([string("12·50", 0.9), string("1250", rival)], ALPHABET, share=0.1).amount.amount
        == "12.50"
    )


def test_other_digits_are_no_rival() -> None:
    """They lower the probability, not the meaning."""
    assert predict_amount([string("12·50", 0.6), string("12·60", 0.3)], ALPHABET).amount.amount == "12.50"


def test_strings_that_are_no_amount_are_no_rivals() -> None:
    """They have no meaning that could be confused; the probability that they take is missing from the best's."""
    prediction = predict_amount([string("1250", 0.6), string("1·2505", 0.2), string("1·2·50", 0.1)], ALPHABET)
    assert prediction.amount.amount == "1250"
    assert prediction.probability == 0.6


def test_strings_with_the_same_closing_or_another_add_up() -> None:
    prediction = predict_amount([string("12·50", 0.5), string("12·5·0", 0.3)], ALPHABET)
    assert prediction.probability == 0.5
    assert predict_amount([string("1250", 0.5), string("1250·", 0.3)], ALPHABET).probability == 0.8


def test_a_doubtful_best_stays_doubtful() -> None:
    prediction = predict_amount([string("12·5", 0.9), string("125", 0.05)], ALPHABET)
    assert prediction.raw == "12·5"
    assert "groups of 2-1" in str(prediction.amount.doubt)


def test_nothing_to_weigh() -> None:
    with pytest.raises(ValueError, match="nothing to weigh"):
        predict_amount([], ALPHABET)


@pytest.mark.parametrize("sure", [0.5, 0.9, 0.98, 0.9999])
def test_missed_separator(sure: float) -> None:
    """From steps: a faint separator is a doubt however many strings the search returns."""
    rows = np.full((17, 12), 1e-6)
    rows[:, 11] = 1
    for step, label in ((2, 1), (5, 2), (11, 5), (14, 0)):
        rows[step, [label, 11]] = 1, 1e-6
    rows[8, [10, 11]] = sure, 1 - sure
    rows /= rows.sum(1, keepdims=True)
    for count in (1, 3):
        prediction = predict_amount(ctc.search(rows, count=count).best, ALPHABET, views=rows[None])
        assert prediction.text == "1250"
        assert prediction.amount.amount == ("12.50" if sure == 0.9999 else None)
        if sure < 0.9999:
            assert "12·50 may be 1250, probability" in str(prediction.amount.doubt) or sure == 0.5


def test_strings_that_were_not_listed_count_to_their_meaning() -> None:
    """A separator at six places where it means nothing, each likelier than a rival may be."""
    rows = np.full((13, 12), 1e-9)
    rows[::2, 11] = 1
    for index, digit in enumerate((1, 2, 5, 0, 7, 3)):
        rows[2 * index + 1, digit] = 1
    rows[12, [10, 11]] = 0.4, 0.6  # a trailing one
    rows[6, [10, 11]] = 0.4, 0.6  # between groups of three
    rows /= rows.sum(1, keepdims=True)
    prediction = predict_amount(ctc.search(rows, count=1).best, ALPHABET, views=rows[None])
    assert prediction.amount.amount == "125073"
    assert prediction.probability == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("written", "stroke", "amount"),
    [
        ("12550/100", "/", "125.50"),  # else 12550100
        ("125xx/100", "x", "125"),  # else 1.25
    ],
)
def test_a_stroke_of_tall_ink_is_read(written: str, stroke: str, amount: str) -> None:
    """A string that leaves it unread is a rival only where the ink is not tall."""
    rows = np.full((2 * len(written) + 1, len(MARKED.symbols) + 1), 1e-9)
    rows[::2, -1] = 1
    for index, symbol in enumerate(written):
        faint = symbol == stroke
        rows[2 * index + 1, MARKED.symbols.index(symbol)] = 0.7 if faint else 1
        rows[2 * index + 1, -1] = 0.3 if faint else 1e-9
    views = (rows / rows.sum(1, keepdims=True))[None]
    best = ctc.search(views[0]).best
    tall, short = np.ones(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    prediction = predict_amount(best, MARKED, "us", views, inked=lambda: tall)
    assert (prediction.raw, prediction.amount.amount) == (written, amount)
    assert prediction.probability < 0.95  # no surer than the network is
    for inked in (None, lambda: short):
        doubtful = predict_amount(best, MARKED, "us", views, inked=inked)
        assert doubtful.amount.amount is None
        assert "may be" in str(doubtful.amount.doubt)


def test_a_comma_of_tall_ink_may_be_none() -> None:
    """A factor of 100 does not hang on a comma's tail."""
    rows = np.full((11, len(MARKED.symbols) + 1), 1e-9)
    rows[::2, -1] = 1
    for index, symbol in enumerate("12,50"):
        rows[2 * index + 1, MARKED.symbols.index(symbol)] = 0.7 if symbol == "," else 1
    rows[5, -1] = 0.3
    views = (rows / rows.sum(1, keepdims=True))[None]
    best = ctc.search(views[0]).best
    assert (
        predict_amount(best, MARKED, "de", views, inked=lambda: np.ones(11, np.bool_)).amount.amount is None
    )
