"""A factor of 100 must not happen."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decoding import ctc
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet, without_marks
from serving.decoding.amounts import Amount, interpret, predict_amount
from serving.decoding.ctc import Hypothesis
from serving.errors import CheckreaderError

ALPHABET = Alphabet(DIGITS + EITHER)

CLEAR = [
    ("1250", "1250"),
    ("0", "0"),
    ("7", "7"),
    ("16·228", "16228"),
    ("1·250", "1250"),
    ("1·250·000", "1250000"),
    ("12·50", "12.50"),
    ("1250·50", "1250.50"),
    ("1·250·50", "1250.50"),
    ("1·000·000·00", "1000000.00"),
    ("0·50", "0.50"),
    ("0·00", "0.00"),
    ("0·07", "0.07"),
    ("100000·00", "100000.00"),
    ("123456789012345", "123456789012345"),
    # Known characters, no locale.
    ("16.228", "16228"),
    ("16,228", "16228"),
    ("1.250,50", "1250.50"),
    ("1,250.50", "1250.50"),
    ("12.50", "12.50"),
    ("12,50", "12.50"),
    ("1.250·50", "1250.50"),
    ("1·250,50", "1250.50"),
]


@pytest.mark.parametrize(("raw", "amount"), CLEAR)
def test_clear(raw: str, amount: str) -> None:
    assert interpret(raw) == Amount(amount, None)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("12·5", "groups of 2-1 digits"),
        ("1·2345", "groups of 1-4 digits"),
        ("1·25·50", "groups of 1-2-2 digits"),
        ("1·25·500", "groups of 1-2-3 digits"),
        ("1·250·5", "groups of 1-3-1 digits"),
        ("1·250·5000", "groups of 1-3-4 digits"),
        ("1250·000", "4 digits before"),
        ("1250·000·00", "4 digits before"),
        ("·50", "without digits on both sides"),
        ("·500", "without digits on both sides"),
        ("12·", "without digits on both sides"),
        ("1·250·", "without digits on both sides"),
        ("12··50", "without digits on both sides"),
        ("007", "begins with a zero"),
        ("050", "begins with a zero"),
        ("00", "begins with a zero"),
        ("00·50", "begins with a zero"),
        ("012·50", "begins with a zero"),
        ("0·500", "begins with a zero"),
        ("0·500·00", "begins with a zero"),
        ("", "no digits"),
        ("·", "no digits"),
        ("1234567890123456", "16 digits"),
        ("1.250.50", "the same character"),
        ("1,250,50", "the same character"),
        ("1.250,500", "a point and by a comma"),
        ("1,250.500,00", "a point and by a comma"),
    ],
)
def test_doubt(raw: str, why: str) -> None:
    interpretation = interpret(raw)
    assert interpretation.amount is None
    assert interpretation.doubt is not None
    assert interpretation.doubt.startswith("unclear amount: ")
    assert why in interpretation.doubt


@pytest.mark.parametrize(
    ("raw", "locale", "amount"),
    [
        ("1,250", "en", "1250"),
        ("1,250.50", "en", "1250.50"),
        ("12.50", "en", "12.50"),
        ("1.250", "en", None),
        ("12,50", "en", None),
        ("1.250,50", "en", None),
        ("1·250.50", "en", "1250.50"),
        ("1·250,50", "en", None),
        ("1.250", "de", "1250"),
        ("1.250,50", "de", "1250.50"),
        ("12,50", "de", "12.50"),
        ("1,250", "de", None),
        ("12.50", "de", None),
        ("1,250.50", "de", None),
        ("16.228", "es", "16228"),
        ("12.50", "es", None),
        ("1·250·50", "de", "1250.50"),
        ("1250", "en", "1250"),
    ],
)
def test_locale(raw: str, locale: str, amount: str | None) -> None:
    interpretation = interpret(raw, locale)
    assert interpretation.amount == amount
    assert (interpretation.doubt is None) is (amount is not None)
    if amount is None:
        assert f"locale '{locale}'" in str(interpretation.doubt)


def test_unknown_locale() -> None:
    with pytest.raises(CheckreaderError, match="'en-US': the known ones are en, de, es"):
        interpret("1", "en-US")


@pytest.mark.parametrize("raw", ["1 250", "-1", "1'250", "$5", "١٢", "1\n"])
def test_other_characters(raw: str) -> None:
    with pytest.raises(ValueError, match="digits and separators only"):
        interpret(raw)


@settings(deadline=None)
@given(st.text("0123456789.,·", max_size=12), st.sampled_from([None, "en", "de", "es"]))
def test_an_amount_or_a_doubt(raw: str, locale: str | None) -> None:
    """And an amount has the digits as written, cents only where two stand behind the last separator."""
    interpretation = interpret(raw, locale)
    assert (interpretation.amount is None) is (interpretation.doubt is not None)
    if interpretation.amount is not None:
        assert re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]{2})?", interpretation.amount)
        assert interpretation.amount.replace(".", "") == re.sub("[.,·]", "", raw)
        assert ("." in interpretation.amount) is bool(re.search("[.,·][0-9][0-9]$", raw))


@settings(deadline=None)
@given(st.text("0123456789.,·", max_size=12), st.sampled_from(["en", "de", "es"]))
def test_knowing_more_only_adds_doubt(raw: str, locale: str) -> None:
    """Of a character or of the locale: it can take an amount away, not change it."""
    least = interpret(re.sub("[.,]", EITHER, raw))
    for interpretation in (interpret(raw), interpret(raw, locale)):
        assert interpretation.amount in (None, least.amount)


@settings(deadline=None)
@given(st.integers(0, 10**13 - 1), st.booleans(), st.sampled_from([("en", ",", "."), ("de", ".", ",")]))
def test_every_amount_that_is_written_properly(
    cents: int, fractions: bool, style: tuple[str, str, str]
) -> None:
    locale, thousands, decimal = style
    value = Decimal(cents) / 100 if fractions else Decimal(cents // 100)
    raw = f"{value:,.2f}" if fractions else f"{value:,f}"
    raw = raw.translate({ord(","): thousands, ord("."): decimal})
    for text in (raw, re.sub("[.,]", EITHER, raw)):
        interpretation = interpret(text, locale).amount
        assert interpretation is not None
        assert Decimal(interpretation) == value


def string(raw: str, probability: float) -> Hypothesis:
    return Hypothesis(ALPHABET.labels(raw), probability)


def test_equal_meanings_add_up() -> None:
    prediction = predict_amount([string("1250", 0.35), string("1750", 0.4), string("1·250", 0.2)], ALPHABET)
    assert (prediction.raw, prediction.text, prediction.amount) == ("1250", "1250", Amount("1250", None))
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
    assert predict_amount([string("12·50", 0.6), string("12·60", 0.3)], ALPHABET).amount == Amount(
        "12.50", None
    )


def test_rivals_without_an_amount_count() -> None:
    assert predict_amount([string("1250", 0.6), string("1250·", 0.3)], ALPHABET).amount.amount is None


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

    def of_text(digits: tuple[int, ...]) -> float:
        return ctc.probability(without_marks(rows, ALPHABET), digits)

    for count in (1, 3):
        prediction = predict_amount(ctc.search(rows, count=count).best, ALPHABET, of_text=of_text)
        assert prediction.text == "1250"
        assert prediction.amount.amount == ("12.50" if sure == 0.9999 else None)
