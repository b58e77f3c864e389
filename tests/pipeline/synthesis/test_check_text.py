"""What stands on a check agrees with itself and follows its country's rules."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.synthesis.check_layouts import COUNT, FORMS, layout
from pipeline.synthesis.check_text import (
    check_text,
    grouped_by_lakhs,
    micr_line,
    printed_amount,
    words,
    written_amount,
)
from serving.decoding.amounts import interpret
from serving.images import e13b

OF_FORM = {name: next(layout(n) for n in range(1, COUNT + 1) if layout(n).form == name) for name in FORMS}


@pytest.mark.parametrize("name", FORMS)
def test_written_and_printed_amounts_have_their_value(name: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        value, text = written_amount(OF_FORM[name], rng)
        figures = re.sub(r"\D", "", text.text().partition("/1")[0].partition("/-")[0].partition("-xx")[0])
        assert figures.startswith(str(int(value)))
        value, line = printed_amount(OF_FORM[name], rng)
        assert Decimal(line.strip("*$").replace(",", "")) == value


def test_american_amounts_are_read_as_their_value() -> None:
    """Those that the grammar of amounts takes for one value have that value."""
    rng = np.random.default_rng(5)
    right = 0
    for _ in range(200):
        value, text = written_amount(OF_FORM["us personal"], rng)
        amount = interpret(text.text(), "us").amount
        right += amount is not None and Decimal(amount) == value
    assert right > 150


@pytest.mark.parametrize("name", FORMS)
def test_micr_lines_hold_the_number_and_fit(name: str) -> None:
    rng, form = np.random.default_rng(1), OF_FORM[name]
    encoded = 0
    for _ in range(40):
        text = micr_line(form, "4711", Decimal("12.34"), rng)
        assert set(text) <= set(e13b.GLYPHS) | {" "}
        assert len(text) * 0.125 < form.size[0]
        if form.serial != "none":
            assert re.search(r"(?<!\d)0*4711(?!\d)", text)
        encoded += text.endswith("B0000001234B")
        if form.country == "us":
            digits = re.search(r"A(\d{9})A", text).group(1)
            assert sum(w * int(d) for w, d in zip((3, 7, 1) * 3, digits, strict=True)) % 10 == 0
    assert encoded < 40
    assert encoded or name == "us template"  # too long a line for six inches


@pytest.mark.parametrize("machine", [False, True])
@pytest.mark.parametrize("name", FORMS)
def test_a_check_agrees_with_itself(name: str, machine: bool) -> None:
    rng, form = np.random.default_rng(2), OF_FORM[name]
    for _ in range(20):
        text = check_text(form, machine, rng)
        assert (text.amount_text is None) == machine == (text.amount_printed is not None)
        assert re.fullmatch(r"[0-9.,/x-]+", text.amount_written)
        digits = "".join(char for char in text.date_written if char.isdigit())
        assert str(text.date.day) in digits
        assert str(text.date.year % 100) in digits
        if form.date_cells:
            assert len(text.date_written) == 8
        if form.serial != "none":
            assert text.number.lstrip("0") in text.micr


@pytest.mark.parametrize(
    ("amount", "country", "text"),
    [
        ("1250.50", "us", "One thousand two hundred fifty and 50/100"),
        ("1250000", "in", "Twelve lakh fifty thousand only"),
        ("21.05", "gb", "Twenty-one pounds 05p"),
        ("30000000", "in", "Three crore only"),
    ],
)
def test_words(amount: str, country: str, text: str) -> None:
    assert words(Decimal(amount), country, np.random.default_rng(0)) == text


@given(st.integers(0, 10**10))
def test_lakhs_keep_the_digits(units: int) -> None:
    grouped = grouped_by_lakhs(units)
    assert grouped.replace(",", "") == str(units)
    assert re.fullmatch(r"\d{1,3}|\d{1,2}(,\d\d)*,\d{3}", grouped)
