"""A field's probabilities as strings, confidence and amount."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.decoding import ctc
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet, without_marks
from serving.decoding.check_digits import satisfies
from serving.decoding.field_string import FieldFormat, confidence, decode, field_format, logit, raw_text
from serving.errors import CheckreaderError
from serving.manifest import Confidence

ALPHABET = Alphabet(DIGITS + EITHER)
BLANK = ALPHABET.blank


def steps_of(text: str, certainty: float = 0.99) -> np.ndarray:
    """Two steps for each symbol, the blank and it, in one view; float32 [1, T, 12]."""
    labels = [label for symbol in text for label in (BLANK, "0123456789.".index(symbol))]
    rows = np.full((1, len(labels) + 1, 12), (1 - certainty) / 11, np.float32)
    rows[0, np.arange(len(labels) + 1), [*labels, BLANK]] = certainty
    return rows


def shared(rows: np.ndarray, step: int, **probabilities: float) -> np.ndarray:
    """`shared(rows, 3, d7=0.6, d1=0.4)`: one step's probabilities replaced."""
    rows[0, step] = 0
    for name, probability in probabilities.items():
        rows[0, step, {"point": 10, "blank": BLANK}.get(name) or int(name[1:])] = probability
    return rows


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 100), st.floats(-100, 100))
def test_confidence_rises_with_the_probability(
    first: float, second: float, scale: float, offset: float
) -> None:
    low, high = sorted((first, second))
    fitted = Confidence(scale, offset)
    assert 0 <= confidence(low, fitted) <= confidence(high, fitted) <= 1
    assert math.isfinite(logit(low))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "word"}, "kind must be one of amount, number, date, got 'word'"),
        ({"scheme": "isbn"}, "scheme must be one of"),
        ({"locale": "xx"}, "locale must be one of"),
        ({"length": 0}, "length must be between 1 and"),
        ({"scheme": "aba", "length": 8}, "no number of 8 digits"),
        ({"kind": "amount", "scheme": "aba"}, "an amount has no check digit"),
        ({"kind": "number", "locale": "de"}, "a number has no decimal point"),
        ({"kind": "date", "scheme": "aba"}, "scheme 'aba' is for kind number: a date has no check digit"),
        ({"kind": "date", "locale": "de"}, "locale 'de' is for kind amount: a date has no decimal point"),
        ({"kind": "date", "length": 8}, "length 8 is for kind number: a date has the lengths of its order"),
        (
            {"kind": "date", "order": "mon"},
            "order must be one of dmy, mdy, ymd, got 'mon': months are read as",
        ),
        ({"kind": "date", "after": "2019-02-29"}, "after must be a date"),
        ({"kind": "date", "after": "2019-01-02", "before": "2019-01-01"}, "no date is within"),
        ({"order": "dmy"}, "order 'dmy' is for kind date, and this is an amount"),
        (
            {"kind": "number", "after": "2019-01-01"},
            "after '2019-01-01' is for kind date, and this is a number",
        ),
        (
            {"scheme": "aba", "before": "2019-01-01"},
            "before '2019-01-01' is for kind date, and this is a number",
        ),
    ],
)
def test_field_format_refuses(options: dict, message: str) -> None:
    with pytest.raises(CheckreaderError) as raised:
        field_format(**options)
    assert message in str(raised.value)


def test_kind_follows_the_scheme() -> None:
    assert field_format() == FieldFormat("amount")
    assert field_format(scheme="luhn") == FieldFormat("number", "luhn")
    assert field_format("number", length=4).length == 4


def test_automaton() -> None:
    assert field_format("number").automaton is None
    automaton = field_format(scheme="aba", length=9).automaton
    assert automaton is not None
    assert satisfies("021000021", automaton)
    assert not satisfies("021000022", automaton)


def test_an_amount() -> None:
    decoded = decode(steps_of("12.50"), field_format(), ALPHABET)
    assert raw_text(decoded.labels, ALPHABET) == "12.50"
    assert decoded.amount is not None
    assert decoded.amount.amount == "12.50"
    assert (decoded.valid, decoded.exact) == (True, True)
    assert decoded.best[0].labels == decoded.labels


def test_a_number_keeps_its_separators_in_labels_alone() -> None:
    decoded = decode(steps_of("12.50"), field_format("number"), ALPHABET)
    assert raw_text(decoded.labels, ALPHABET) == "12.50"
    assert decoded.best[0].labels == (1, 2, 5, 0)
    assert decoded.amount is None
    merged = without_marks(steps_of("12.50")[0], ALPHABET)
    assert decoded.best[0].probability == pytest.approx(ctc.probability(merged, (1, 2, 5, 0)))


def test_equal_amounts_count_together() -> None:
    rows = shared(steps_of("1.250", 1.0), 3, point=0.6, blank=0.4)  # 1250 is the same amount
    decoded = decode(rows, field_format(), ALPHABET)
    assert decoded.amount is not None
    assert decoded.amount.amount == "1250"
    assert decoded.best[0].probability == pytest.approx(1.0)


@pytest.mark.parametrize(("share", "clear"), [(0.004, True), (0.02, False)])
def test_rivals_that_the_search_does_not_list_count(share: float, clear: bool) -> None:
    """Two separators that no amount has are likelier, and are all that the search lists."""
    rows = steps_of("12345678", 1.0)
    for step in (2, 4):
        shared(rows, step, blank=0.9, point=0.1)
    shared(rows, 12, blank=1 - share, point=share)  # before the last two digits
    decoded = decode(rows, field_format(), ALPHABET)
    assert decoded.amount is not None
    assert decoded.amount.amount == ("12345678" if clear else None)
    assert clear or "12345678 may be 123456.78, probability 0.02" in str(decoded.amount.doubt)


def test_the_likeliest_amount_is_taken_instead_of_a_likelier_string_that_is_none() -> None:
    """A comma's tail that is rather read as a 1."""
    rows = shared(steps_of("1.2507", 1.0), 11, d7=0.6, blank=0.4)
    decoded = decode(rows, field_format(), ALPHABET)
    assert raw_text(decoded.labels, ALPHABET) == "1.250"
    assert decoded.amount is not None
    assert decoded.amount.amount == "1250"
    assert decoded.best[0].probability == pytest.approx(0.4)
    assert decoded.exact


def test_an_unlikely_amount_is_not_taken_for_what_is_written() -> None:
    rows = shared(steps_of("1.2507", 1.0), 11, d7=0.85, blank=0.15)
    decoded = decode(rows, field_format(), ALPHABET)
    assert raw_text(decoded.labels, ALPHABET) == "1.2507"
    assert decoded.amount is not None
    assert "groups of 1-4 digits" in str(decoded.amount.doubt)


def test_the_likeliest_amount_has_the_length() -> None:
    rows = shared(shared(steps_of("1.2507", 1.0), 11, d7=0.6, blank=0.4), 3, point=0.7, blank=0.3)
    decoded = decode(rows, field_format(length=5), ALPHABET)
    assert raw_text(decoded.labels, ALPHABET) == "12507"
    assert decoded.amount is not None
    assert decoded.amount.amount == "12507"


def test_the_locale_decides_what_an_amount_is() -> None:
    """Lakh are none in the US: with a separator less, which is about as likely, it is one."""
    rows = shared(steps_of("1.50.000", 1.0), 3, point=0.6, blank=0.4)
    for locale, raw in ((None, "1.50.000"), ("in", "1.50.000"), ("us", "150.000")):
        assert raw_text(decode(rows, field_format(locale=locale), ALPHABET).labels, ALPHABET) == raw


def test_a_network_with_more_marks() -> None:
    """No digit of a denominator is one of the value."""
    alphabet = Alphabet(f"{DIGITS}.,/-x")
    symbols = "12xx/100"
    rows = np.zeros((1, 2 * len(symbols) + 1, 16), np.float32)
    rows[0, ::2, 15] = 1
    rows[0, np.arange(len(symbols)) * 2 + 1, [alphabet.symbols.index(symbol) for symbol in symbols]] = 1
    decoded = decode(rows, field_format(), alphabet)
    assert alphabet.text(decoded.labels) == symbols
    assert decoded.amount is not None
    assert (decoded.amount.amount, decoded.amount.digits) == ("12", (0, 1))


def test_closings_add_up() -> None:
    """The three likeliest strings have too little of what means 12."""
    alphabet = Alphabet(f"{DIGITS}.,/-x")
    rows = np.zeros((1, 9, 16), np.float32)
    rows[0, ::2, 15] = 1
    rows[0, [1, 3], [1, 2]] = 1
    rows[0, 5, [10, 11, 13, 15]] = 0.25
    rows[0, 7, [13, 15]] = 0.5, 0.5
    decoded = decode(rows, field_format(), alphabet)
    assert decoded.amount is not None
    assert (decoded.amount.amount, decoded.amount.digits) == ("12", (0, 1))
    assert decoded.best[0].probability == pytest.approx(1)


def test_the_length_chooses_among_strings() -> None:
    rows = shared(steps_of("471", 1.0), 3, d7=0.6, blank=0.4)
    assert decode(rows, field_format("number"), ALPHABET).best[0].labels == (4, 7, 1)
    shorter = decode(rows, field_format("number", length=2), ALPHABET)
    assert shorter.best[0].labels == (4, 1)
    assert shorter.total == pytest.approx(0.4)


def test_where_no_string_keeps_the_rules_the_likeliest_of_all_is_given() -> None:
    decoded = decode(steps_of("47"), field_format("number", length=9), ALPHABET)
    assert not decoded.valid
    assert decoded.best[0].labels == (4, 7)
    assert decoded.total == 0


def test_count() -> None:
    rows = shared(shared(steps_of("47", 1.0), 1, d4=0.8, d9=0.2), 3, d7=0.7, d1=0.3)
    best = decode(rows, field_format("number"), ALPHABET, count=4).best
    assert [hypothesis.labels for hypothesis in best] == [(4, 7), (4, 1), (9, 7), (9, 1)]
    assert len(decode(rows, field_format("number"), ALPHABET, count=2).best) == 2


def test_views_are_averaged() -> None:
    views = np.concatenate([shared(steps_of("47", 1.0), 3, d7=high, d1=1 - high) for high in (0.9, 0.2, 0.2)])
    best = decode(views, field_format("number"), ALPHABET).best
    assert [hypothesis.labels for hypothesis in best] == [(4, 1), (4, 7)]
    assert best[0].probability == pytest.approx(1.7 / 3)


def test_nothing_written() -> None:
    decoded = decode(steps_of(""), field_format(), ALPHABET)
    assert (decoded.labels, decoded.amount) == ((), None)


def test_without_calibration_the_probability_is_the_confidence() -> None:
    assert confidence(0.25, None) == 0.25
    assert confidence(0.25, Confidence(1.0, 0.0)) == pytest.approx(0.25)
    assert confidence(0.5, Confidence(3.0, 1.0)) == pytest.approx(1 / (1 + math.exp(-1)))


def test_a_date() -> None:
    rules = field_format("date", order="dmy", after="2000-01-01")
    decoded = decode(steps_of("24.11.2019"), rules, ALPHABET)
    assert (decoded.date, decoded.doubt, decoded.amount) == (date(2019, 11, 24), None, None)
    assert (decoded.valid, decoded.exact) == (True, True)
    assert raw_text(decoded.labels, ALPHABET) == "24.11.2019"
    assert decoded.best[0].labels == (2, 4, 1, 1, 2, 0, 1, 9)
    merged = without_marks(steps_of("24.11.2019")[0], ALPHABET)
    expected = ctc.probability(merged, decoded.best[0].labels)
    assert decoded.best[0].probability == pytest.approx(expected)


def test_a_date_with_one_digit() -> None:
    decoded = decode(steps_of("5.1.2019"), field_format("date", order="mdy"), ALPHABET)
    assert (decoded.date, raw_text(decoded.labels, ALPHABET)) == (date(2019, 5, 1), "5.1.2019")


def test_a_date_in_doubt() -> None:
    decoded = decode(steps_of("03.04.2019"), field_format("date"), ALPHABET)
    assert (decoded.date, decoded.valid) == (None, True)
    assert str(decoded.doubt).startswith("unclear date: it may be 2019-03-04 or 2019-04-03")


def test_no_date() -> None:
    decoded = decode(steps_of("47", 1.0), field_format("date"), ALPHABET)
    assert (decoded.date, decoded.valid, decoded.total, decoded.labels) == (None, False, 0, (4, 7))


def test_as_many_strings_of_a_date_as_are_wanted() -> None:
    rows = shared(steps_of("24112019", 0.99), 15, d9=0.5, d8=0.3, d7=0.2)
    assert len(decode(rows, field_format("date", order="dmy"), ALPHABET, count=2).best) == 2
