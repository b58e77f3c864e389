"""A factor of 100 must not happen."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decoding.alphabet import EITHER
from serving.decoding.amount_grammar import LOCALES
from serving.decoding.amounts import digits_of, interpret, raised_cents
from serving.errors import CheckreaderError
from tests.support.paths import ROOT

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
    # Lakh and crore.
    ("1,50,000", "150000"),
    ("2·14·00·000", "21400000"),
    ("150,00,000", "15000000"),
    ("52,00,00,000.50", "520000000.50"),
    ("1·25·500", "125500"),
    # Filling in front, closings behind.
    ("12·", "12"),
    ("1·250·", "1250"),
    ("1.250,", "1250"),
    ("--1250", "1250"),
    ("1250-", "1250"),
    ("1250/-", "1250"),
    ("1250/--", "1250"),
    ("1250.-", "1250"),
    ("1.250,--", "1250"),
    ("12.50--", "12.50"),
    ("12.50/-", "12.50"),
    # Hundredths, if any.
    ("12500/100", "125.00"),
    ("125.50/100", "125.50"),
    ("1,250-50/100", "1250.50"),
    ("1,25050/100--", "1250.50"),
    ("050/100", "0.50"),
    ("125xx/100", "125"),
    ("125-x/100", "125"),
    ("125.--/100", "125"),
    ("125xx/xx", "125"),
    ("12550/xx", "125.50"),
    ("125.50/x--", "125.50"),
    # A stroke whose dash was cut off.
    ("1,50,000/", "150000"),
    ("12.50/", "12.50"),
]


@pytest.mark.parametrize(("raw", "amount"), CLEAR)
def test_clear(raw: str, amount: str) -> None:
    interpretation = interpret(raw)
    assert (interpretation.amount, interpretation.doubt) == (amount, None)
    assert "".join(raw[place] for place in interpretation.digits) == amount.replace(".", "")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("12·5", "groups of 2-1 digits"),
        ("1·2345", "groups of 1-4 digits"),
        ("1·25·50", "groups of 1-2-2 digits"),
        ("1.25.500", "groups of 1-2-3 digits"),
        ("1·250·25·000", "groups of 1-3-2-3 digits"),
        ("1·250·5", "groups of 1-3-1 digits"),
        ("1·250·5000", "groups of 1-3-4 digits"),
        ("1250·000", "4 digits before"),
        ("1250·000·00", "4 digits before"),
        ("·50", "without digits on both sides"),
        ("·500", "without digits on both sides"),
        ("12··", "without digits on both sides"),
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
        ("12-50", "a mark stands where no amount has it"),
        ("50/100", "a mark stands where no amount has it"),
        ("12550/10", "a mark stands where no amount has it"),
        ("5xx/100x", "a mark stands where no amount has it"),
        ("125//", "a mark stands where no amount has it"),
        ("12550/xxx", "a mark stands where no amount has it"),
        ("12.50.", "a mark stands where no amount has it"),
        ("12.50,-", "a mark stands where no amount has it"),
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
        ("1·250.50", "us", "1250.50"),
        ("1·250,50", "us", None),
        ("1·250·50", "de", "1250.50"),
        ("1·50·000", "in", "150000"),
        ("1·50·000", "us", None),
        ("125,50/100", "de", "125.50"),
        ("125.50/100", "de", None),
        ("12.50", "es", None),
        ("1250/", "us", None),
        ("1250/", "in", "1250"),
        ("12.50", "en", "12.50"),
        ("1,250.50", "ch", "1250.50"),
        ("1.250,50", "fr", "1250.50"),
    ],
)
def test_locale(raw: str, locale: str, amount: str | None) -> None:
    interpretation = interpret(raw, locale)
    assert interpretation.amount == amount
    assert (interpretation.doubt is None) is (amount is not None)
    if amount is None:
        assert f"locale '{locale}'" in str(interpretation.doubt)


def documented() -> list[tuple[str, str, str | None]]:
    """Returns each string, locale and amount of the table in the documentation."""
    text = (ROOT / "docs/reading.md").read_text()
    header, _, *rows = re.findall(r"^\| `raw` \| `auto` .*\n(?:\|.*\n)+", text, re.M)[0].splitlines()
    columns = [re.findall("`([a-z]+)`", cell) for cell in header.split("|")[2:6]]
    cases = []
    for row in rows:
        raw, *cells = [cell.strip(" `") for cell in row.split("|")[1:6]]
        for locales, cell in zip(columns, cells, strict=True):
            cases += [(raw, locale, None if cell == "doubt" else cell) for locale in locales]
    return cases


def test_the_documented_table() -> None:
    cases = documented()
    assert {locale for _, locale, _ in cases} == {*LOCALES} - {"en", "es"}
    assert len(cases) > 200
    assert [(raw, locale, interpret(raw, locale).amount) for raw, locale, _ in cases] == cases


def test_unknown_locale() -> None:
    with pytest.raises(
        CheckreaderError, match="'en-US': the known ones are us, in, cl, de, fr, ch, en, es, auto"
    ):
        interpret("1", "en-US")


@pytest.mark.parametrize("raw", ["1 250", "+1", "1'250", "$5", "١٢", "1\n"])
def test_other_characters(raw: str) -> None:
    with pytest.raises(ValueError, match="an amount has digits and the marks"):
        interpret(raw)


@settings(deadline=None)
@given(st.text("0123456789.,·/-x", max_size=12), st.sampled_from([None, *LOCALES]))
def test_an_amount_or_a_doubt(raw: str, locale: str | None) -> None:
    """And an amount has the digits that are named as the value's, in the order as written."""
    interpretation = interpret(raw, locale)
    assert (interpretation.amount is None) is (interpretation.doubt is not None)
    digits = "".join(raw[place] for place in interpretation.digits)
    assert digits.isdigit() or not digits
    if interpretation.amount is None:
        assert digits == digits_of(raw)
    else:
        assert re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]{2})?", interpretation.amount)
        assert interpretation.amount.replace(".", "") == digits


@settings(deadline=None)
@given(st.text("0123456789.,·", max_size=12), st.sampled_from(LOCALES))
def test_knowing_more_only_adds_doubt(raw: str, locale: str) -> None:
    """Of a character or of the locale: it can take an amount away, not change it."""
    least = interpret(re.sub("[.,]", EITHER, raw))
    for interpretation in (interpret(raw), interpret(raw, locale)):
        assert interpretation.amount in (None, least.amount)


STYLED = [("us", ",", "."), ("de", ".", ","), ("fr", "", ","), ("ch", ",", "."), (None, ".", ",")]


@settings(deadline=None)
@given(st.integers(0, 10**13 - 1), st.booleans(), st.sampled_from(STYLED))
def test_every_amount_that_is_written_properly(
    cents: int, fractions: bool, style: tuple[str | None, str, str]
) -> None:
    locale, thousands, decimal = style
    value = Decimal(cents) / 100 if fractions else Decimal(cents // 100)
    raw = f"{value:,.2f}" if fractions else f"{value:,f}"
    raw = raw.translate({ord(","): thousands, ord("."): decimal})
    for text in (raw, re.sub("[.,]", EITHER, raw)):
        interpretation = interpret(text, locale).amount
        assert interpretation is not None
        assert Decimal(interpretation) == value


@pytest.mark.parametrize(
    ("raw", "amount", "text"),
    [
        ("12550", "125.50", "12550"),
        ("1,25050", "1250.50", "125050"),
        ("--12550-", "125.50", "12550"),
        ("050", "0.50", "050"),
        ("50", None, None),
        ("12.50", None, None),
        ("1.250", None, None),
        ("12550/100", None, None),
        ("125/50", None, None),
    ],
)
def test_raised_cents(raw: str, amount: str | None, text: str | None) -> None:
    interpretation = raised_cents(raw)
    if amount is None:
        assert interpretation is None
    else:
        assert interpretation is not None
        assert interpretation.amount == amount
        assert "".join(raw[place] for place in interpretation.digits) == text
