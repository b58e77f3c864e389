"""The likeliest valid date of a field, for a network with one separator and for one with several marks."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decoding import ensemble
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet, without_marks
from serving.decoding.date_prediction import DatePrediction, predict_date
from serving.decoding.dates import SEPARATORS, DateRules, parse

ALPHABETS = (Alphabet(DIGITS + EITHER), Alphabet(DIGITS + ".,/-x"))
SEVERAL = ALPHABETS[1]


def steps_of(text: str, alphabet: Alphabet = SEVERAL, certainty: float = 1.0, views: int = 1) -> np.ndarray:
    """Two steps for each symbol, the blank and it; float32 [views, T, K]."""
    if EITHER in alphabet.symbols:
        text = "".join(EITHER if symbol in SEPARATORS else symbol for symbol in text)
    labels = [label for symbol in text for label in (alphabet.blank, *alphabet.labels(symbol))]
    rows = np.full((views, len(labels) + 1, alphabet.blank + 1), (1 - certainty) / alphabet.blank, np.float32)
    rows[:, np.arange(len(labels) + 1), [*labels, alphabet.blank]] = certainty
    return rows


def shared(rows: np.ndarray, place: int, alphabet: Alphabet = SEVERAL, **shares: float) -> np.ndarray:
    """`shared(rows, 3, d7=0.6, blank=0.4)`: the probabilities of the string's symbol 3 replaced."""
    names = {"blank": alphabet.blank, "slash": alphabet.symbols.find("/"), "x": alphabet.symbols.find("x")}
    rows[:, 2 * place + 1] = 0
    for name, share in shares.items():
        rows[:, 2 * place + 1, names[name] if name in names else int(name[1:])] = share
    return rows


def predict(
    rows: np.ndarray, rules: DateRules | str | None = "dmy", alphabet: Alphabet = SEVERAL
) -> DatePrediction:
    rules = rules if isinstance(rules, DateRules) else parse(rules)
    prediction = predict_date(rows, rules, alphabet, 3, 300)
    assert prediction is not None
    return prediction


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("certainty", [0.98, 1.0])
@pytest.mark.parametrize(
    ("written", "order", "expected", "text"),
    [
        ("24112019", "dmy", "2019-11-24", "24112019"),
        ("241119", "dmy", "2019-11-24", "241119"),
        ("24/11/2019", "dmy", "2019-11-24", "24112019"),
        ("24.11.19", "dmy", "2019-11-24", "241119"),
        ("5/1/2019", "dmy", "2019-01-05", "512019"),
        ("5-11-19", "dmy", "2019-11-05", "51119"),
        ("1/2/2019", "mdy", "2019-01-02", "122019"),
        ("2019-1-25", "ymd", "2019-01-25", "2019125"),
        ("24/11/2019", None, "2019-11-24", "24112019"),
        ("2.4.1.1.2.0.1.9", "dmy", "2019-11-24", "24112019"),  # the lines of a comb
    ],
)
def test_what_is_written(
    alphabet: Alphabet, certainty: float, written: str, order: str | None, expected: str, text: str
) -> None:
    prediction = predict(steps_of(written, alphabet, certainty, 3), order, alphabet)
    assert (str(prediction.meaning), prediction.doubt, prediction.exact) == (expected, None, True)
    assert "".join(filter(str.isdigit, alphabet.text(prediction.best[0].labels))) == text
    assert prediction.best[0].probability <= prediction.total + 1e-6


def test_the_likeliest_valid_date_is_read() -> None:
    rows = shared(steps_of("31042019"), 1, d1=0.6, d0=0.4)
    prediction = predict(rows)
    assert (str(prediction.meaning), prediction.best[0].probability) == ("2019-04-30", pytest.approx(0.4))
    assert prediction.total == pytest.approx(0.4)


def test_the_window_chooses() -> None:
    rows = shared(steps_of("24112019"), 7, d9=0.6, d6=0.4)
    assert str(predict(rows).meaning) == "2019-11-24"
    assert str(predict(rows, parse("dmy", before="2019-11-23")).meaning) == "2016-11-24"
    assert str(predict(rows, parse("dmy", after="2019-11-24")).meaning) == "2019-11-24"


def test_no_date_at_all() -> None:
    assert predict_date(steps_of("47"), parse("dmy"), SEVERAL, 3, 300) is None


def test_strings_of_one_date_add_up() -> None:
    rows = shared(steps_of("05/01/2019"), 0, d0=0.5, blank=0.5)  # 05/01/2019 and 5/01/2019
    rows = shared(rows, 3, d0=0.5, d1=0.5)  # 01 and 11
    rows = shared(rows, 9, d9=0.9, d8=0.1)
    prediction = predict(rows, parse("dmy", "2019-01-01", "2019-12-31"))
    assert prediction.meaning in (date(2019, 1, 5), date(2019, 11, 5))
    assert prediction.best[0].probability == pytest.approx(0.45)


def test_a_rival_of_one_spelling_is_less_than_two() -> None:
    """`05/01/2019` is the likeliest string, the 6th in its two spellings the likeliest date."""
    alphabet = ALPHABETS[0]
    views = [
        steps_of("05/01/2019", alphabet),
        *[shared(steps_of("06/01/2019", alphabet), 0, alphabet, d0=0.5, blank=0.5)] * 2,
    ]
    rows = np.concatenate([np.concatenate(views[:1]), *views[1:]])
    prediction = predict(rows, "dmy", alphabet)
    assert prediction.meaning == date(2019, 1, 6)
    assert prediction.best[0].probability == pytest.approx(2 / 3)
    assert alphabet.text(prediction.best[0].labels).replace(EITHER, "") in ("6012019", "06012019")


@pytest.mark.parametrize(
    ("written", "order", "doubt"),
    [
        (
            "03042019",
            None,
            "unclear date: it may be 2019-03-04 or 2019-04-03, as the order of day, month and year is",
        ),
        ("3/4/2019", None, "unclear date: it may be 2019-03-04 or 2019-04-03"),
        ("010203", None, "2001-02-03 or 2003-01-02 or 2003-02-01"),
        ("122019", "mdy", "unclear date: it may be 2019-01-02 or 2019-12-20, as its separators stand"),
        ("201123", "ymd", "unclear date: it may be 2011-02-03 or 2020-11-23"),
    ],
)
def test_a_doubt_is_no_date(written: str, order: str | None, doubt: str) -> None:
    prediction = predict(steps_of(written), order)
    assert prediction.meaning is None
    assert doubt in str(prediction.doubt)
    digits = written.replace("/", "")
    assert SEVERAL.text(prediction.best[0].labels).replace("/", "") == digits


def test_separators_that_are_clear_leave_no_doubt() -> None:
    assert predict(steps_of("12/20/19"), "mdy").meaning == date(2019, 12, 20)
    assert predict(steps_of("1/2/2019"), "mdy").meaning == date(2019, 1, 2)
    assert predict(steps_of("1/11/2019")).meaning == date(2019, 11, 1)


@pytest.mark.parametrize(("share", "clear"), [(0.95, True), (0.8, False)])
def test_separators_that_may_be_missed_are_a_doubt(share: float, clear: bool) -> None:
    """Without its slashes `1/2/2019` is `12/20/19` without these."""
    for written in ("1/2/2019", "12/20/19"):
        rows = steps_of(written)
        for place in (place for place, symbol in enumerate(written) if symbol == "/"):
            shared(rows, place, slash=share, blank=1 - share)
        prediction = predict(rows, "mdy")
        assert (prediction.doubt is None) == (prediction.meaning is not None) == clear


def test_separators_that_no_date_can_miss_leave_no_doubt() -> None:
    for written in ("25/1/2019", "1/11/2019"):  # 1112019 alone is no date
        assert predict(shared(steps_of(written), written.find("/"), slash=0.6, blank=0.4)).doubt is None


def test_six_digits_with_marks_elsewhere_are_no_date() -> None:
    """`2011/1/2`, which has the year first, is not 20/11/12."""
    assert predict(steps_of("2011/1/2", certainty=0.99)).best[0].probability < 0.01
    assert predict(steps_of("2011/1/2"), None).meaning == date(2011, 1, 2)
    for written in ("20/11/12", "201112"):
        prediction = predict(steps_of(written))
        assert prediction.meaning == date(2012, 11, 20)
        assert prediction.best[0].probability == pytest.approx(1.0)


@pytest.mark.parametrize(("share", "clear"), [(0.97, True), (0.8, False)])
def test_a_separator_in_either_of_two_places_is_a_doubt(share: float, clear: bool) -> None:
    """`1/11/2019`, or less likely `11/1/2019`."""
    rows = shared(steps_of("1/1/1/2019"), 1, slash=share, blank=1 - share)
    prediction = predict(shared(rows, 3, slash=1 - share, blank=share))
    assert prediction.total == pytest.approx(share**2 + (1 - share) ** 2)
    assert prediction.meaning == (date(2019, 11, 1) if clear else None)
    assert (prediction.doubt is None) == clear


def test_the_order_may_be_known_from_the_window() -> None:
    assert predict(steps_of("03042019"), parse(None, "2019-03-20", "2019-04-20")).meaning == date(2019, 4, 3)


def test_separators_are_written_as_they_are() -> None:
    assert SEVERAL.text(predict(steps_of("5.1-2019")).best[0].labels) == "5.1-2019"
    assert SEVERAL.text(predict(steps_of("5/1,19")).best[0].labels) == "5/1,19"
    assert SEVERAL.text(predict(steps_of("24/11/2019")).best[0].labels) == "24112019"  # the digits are enough


def test_another_mark_is_no_separator() -> None:
    rows = shared(steps_of("5/1/2019"), 1, x=0.9, slash=0.1)
    assert predict(rows).total == pytest.approx(0.1)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(ALPHABETS),
    st.sampled_from(["dmy", "mdy", "ymd"]),
    st.dates(date(2000, 1, 1), date(2067, 12, 1)),
    st.sampled_from([0.3, 0.6, 0.9]),
)
def test_it_is_the_likeliest_of_all_spellings(
    seed: int, alphabet: Alphabet, order: str, first: date, certainty: float
) -> None:
    """Every string of every day of a small window, one by one."""
    rng = np.random.default_rng(seed)
    rules = parse(order, str(first), str(first + timedelta(3)))
    day = first + timedelta(int(rng.integers(0, 4)))
    written = str(rng.choice(sorted(strings_of(day, order))))
    rows = steps_of(written, alphabet, views=2)
    rows = certainty * rows + (1 - certainty) * rng.dirichlet(
        np.full(alphabet.blank + 1, 0.3), rows.shape[:2]
    )
    prediction = predict_date(rows.astype(np.float32), rules, alphabet, 3, 2000)
    assert prediction is not None
    totals = totals_of(rows, rules, alphabet)
    if prediction.meaning is None or not prediction.exact:
        return
    assert totals[prediction.meaning] >= max(totals.values()) * (1 - 1e-5)
    # What is not searched for, and separators twice in a row, are little.
    assert prediction.best[0].probability == pytest.approx(totals[prediction.meaning], rel=0.3, abs=0.05)


def strings_of(day: date, order: str) -> set[str]:
    """Writes a day with `/`, in two digits a part also without."""
    strings = set()
    for day_text in (f"{day.day}", f"{day.day:02}"):
        for month_text in (f"{day.month}", f"{day.month:02}"):
            for year_text in (f"{day.year}", f"{day.year % 100:02}"):
                parts = {"d": day_text, "m": month_text, "y": year_text}
                bare = len(day_text) == len(month_text) == 2
                strings.add(("" if bare else "/").join(parts[part] for part in order))
    return strings


def totals_of(rows: np.ndarray, rules: DateRules, alphabet: Alphabet) -> dict[date, float]:
    """Returns each day's probability, the sum over its strings; bare ones whatever marks are between."""
    digits = without_marks(rows, alphabet)
    separators = [label for label, mark in enumerate(alphabet.symbols) if mark in SEPARATORS]
    others = [label for label, mark in enumerate(alphabet.symbols) if mark not in DIGITS + SEPARATORS]
    written = np.concatenate(
        [
            rows[..., :10],
            rows[..., separators].sum(-1, keepdims=True),
            rows[..., others].sum(-1, keepdims=True),
            rows[..., -1:],
        ],
        -1,
    )
    totals: Counter[date] = Counter()
    for number in range((rules.before - rules.after).days + 1):
        day = rules.after + timedelta(number)
        for string in strings_of(day, rules.orders[0]):
            labels = ["0123456789/".index(symbol) for symbol in string]
            totals[day] += ensemble.probability(written if "/" in string else digits, labels)
    return totals
