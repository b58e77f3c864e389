import datetime
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.synthesis import amount_text
from pipeline.synthesis.amount_text import FRACTION_BAR, STYLES, UNDERLINE, AmountText, Place, label

SYMBOLS = set("0123456789.,/-x")
SEEDS = st.integers(0, 2**32 - 1)


def amounts(name: str, count: int = 1500) -> list[AmountText]:
    rng = np.random.default_rng(0)
    return [amount_text.amount(STYLES[name], rng) for _ in range(count)]


def share(texts: list[AmountText], pattern: str) -> float:
    """Of texts whose characters have the pattern in them."""
    return float(np.mean([bool(re.search(pattern, text.chars)) for text in texts]))


@given(SEEDS)
def test_every_character_has_a_place_and_is_read_in_symbols(seed: int) -> None:
    text = amount_text.random_text(np.random.default_rng(seed))
    assert len(text.chars) == len(text.reads) == len(text.places)
    assert set(text.text()) <= SYMBOLS
    for char, symbols in zip(text.chars, text.reads, strict=True):
        assert (symbols == char) == (char in SYMBOLS)
    assert any(map(str.isdigit, text.text()))


@pytest.mark.parametrize(
    ("chars", "read"),
    [
        ("1.234.-", "1.234.-"),
        ("12,50=", "12,50--"),
        ("**77**", "77"),
        ("5 000.", "5000."),
        ("1'250.—", "1,250.-"),
        ("₹1,25,000/-", "1,25,000/-"),
        ("₨ 50~", "50-"),
        ("$125 xx/100", "125xx/100"),
        ("70:=", "70.--"),
        ("#12; €", "12,"),
    ],
)
def test_what_is_read(chars: str, read: str) -> None:
    assert label(chars).text() == read


@pytest.mark.parametrize(
    ("kind", "read", "places"),
    [
        ("level", "50/100", [Place.LINE] * 6),
        ("slanted", "50/100", [Place.RAISED] * 2 + [Place.LINE] + [Place.LOWERED] * 3),
        ("over hundred", "50/100", [Place.RAISED] * 2 + [Place.BAR] + [Place.BELOW] * 3),
        ("over crosses", "50/xx", [Place.RAISED] * 2 + [Place.BAR] + [Place.BELOW] * 2),
    ],
)
def test_a_fraction_is_read_in_writing_order(kind: str, read: str, places: list[Place]) -> None:
    fraction = amount_text.fraction(kind, "50")
    assert fraction.text() == read
    assert list(fraction.places) == places


@given(SEEDS, st.sampled_from(["raised", "underlined"]))
def test_raised_cents_are_the_last_two_digits_and_the_line_below_is_not_read(seed: int, kind: str) -> None:
    cents = amount_text.hundredths(kind, np.random.default_rng(seed))
    raised = [char for char, place in zip(cents.chars, cents.places, strict=True) if place is Place.RAISED]
    assert re.fullmatch("[0-9]{2}", "".join(raised))
    assert (cents.chars[-1] == UNDERLINE) == (kind == "underlined")
    assert re.fullmatch("[.,]?[0-9]{2}", cents.text())


def test_indian_amounts() -> None:
    texts = amounts("in")
    assert 0.4 < share(texts, "/[-=—]?$") < 0.6
    assert 0.2 < share(texts, "^[₹₨]") < 0.35
    grouped = [re.sub("[^0-9,]", "", text.chars) for text in texts if text.chars.count(",") > 1]
    lakhs = [bool(re.fullmatch("[0-9]{1,2}(,[0-9]{2})+,[0-9]{3}.*", chars)) for chars in grouped]
    assert 0.75 < np.mean(lakhs) < 0.95
    assert all(
        re.fullmatch("[0-9]{1,3}(,[0-9]{3})+.*|[0-9]{1,2}(,[0-9]{2})+,[0-9]{3}.*", chars) for chars in grouped
    )


def test_american_amounts() -> None:
    texts = amounts("us")
    assert 0.25 < share(texts, r"^\$") < 0.4
    assert share(texts, f"[0-9x—-][/{FRACTION_BAR}](100|xx)") > 0.2
    assert share(texts, f"xx[/{FRACTION_BAR}]100") > 0.03
    assert share(texts, "00/100") > 0.01
    assert share(texts, UNDERLINE) > 0.08
    assert 0.3 < share(texts, r"[0-9]\.[0-9]{2}") < 0.5


def test_chilean_amounts() -> None:
    texts = amounts("cl")
    long = [text for text in texts if sum(map(str.isdigit, text.chars)) > 3]
    assert 0.35 < share(long, r"[0-9]\.[0-9]{3}") < 0.55
    assert 0.25 < share(texts, "[^0-9]$") < 0.45


@pytest.mark.parametrize(
    ("name", "patterns"),
    [
        ("de", [r"[0-9]\.[0-9]{3},[0-9]{2}", r"[0-9],--$", "[0-9]-$", "€"]),
        ("fr", ["[0-9] [0-9]{3}", ",[0-9]{2}", "€$"]),
        ("ch", [r"[0-9]'[0-9]{3}", r"\.-$", r"\.[0-9]{2}$", "^₣"]),
    ],
)
def test_european_amounts(name: str, patterns: list[str]) -> None:
    texts = amounts(name)
    assert all(share(texts, pattern) > 0.02 for pattern in patterns)


@pytest.mark.parametrize("name", STYLES)
def test_no_sign_groups_and_points_and_no_currency_stands_twice(name: str) -> None:
    for text in amounts(name):
        line = "".join(char for char, place in zip(text.chars, text.places, strict=True) if not place)
        pointed = re.search("[0-9]([.,])[0-9]{2}(?![0-9.,])", line)
        assert not pointed or not re.search(rf"[0-9][{pointed[1]}][0-9]{{3}}(?![0-9])", line)
        assert len(re.findall("[€£]", text.chars)) < 2


@given(SEEDS)
def test_dates_are_valid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    day, month, year = map(int, amount_text.date("{d}/{m}/{y}", rng).split("/"))
    datetime.date(year, month, day)
    assert re.fullmatch("[0-9]{8}", amount_text.date("{d:02}{m:02}{y}", rng))
    assert re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2}", amount_text.date("{d}.{m}.{s:02}", rng))


def test_mix() -> None:
    rng = np.random.default_rng(0)
    texts = [amount_text.random_text(rng) for _ in range(4000)]
    lengths = [sum(map(str.isdigit, text.text())) for text in texts]
    assert set(range(1, 13)) <= set(lengths)
    assert 0.5 < np.mean([3 <= length <= 6 for length in lengths]) < 0.85
    assert np.mean(["00" in text.chars for text in texts]) > 0.2
    assert set("".join(text.text() for text in texts)) == SYMBOLS
    assert 0.02 < share(texts, r"[0-9][/.-][0-9]{1,2}[/.-][0-9]") < 0.12
