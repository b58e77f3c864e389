"""What contradicts on a check, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.recognition.cross_checks import encoded_amount, is_no_day, serial


@pytest.mark.parametrize(
    ("written", "encoded", "contradicts"),
    [
        ("12.50", "0000001250", False),
        ("12.50", "00000 01250", False),
        ("1250", "0000125000", False),
        ("12.50", "0000125000", True),
        ("12.50", None, False),
        (None, "0000001250", False),
    ],
)
def test_amounts(written: str | None, encoded: str | None, contradicts: bool) -> None:
    assert (encoded_amount(written, encoded) is not None) is contradicts


def test_amounts_that_differ_are_both_named() -> None:
    reason = encoded_amount("12.50", "0000125000")
    assert reason == "amounts differ: 12.50 is written, and the MICR line says 1250.00"


@given(st.integers(0, 10**10 - 1), st.integers(0, 10**10 - 1))
def test_equal_cents_alone_do_not_contradict(cents: int, encoded: int) -> None:
    written = f"{cents // 100}.{cents % 100:02}"
    assert (encoded_amount(written, f"{encoded:010}") is None) is (cents == encoded)


@pytest.mark.parametrize(
    ("number", "encoded", "contradicts"),
    [
        ("1025", "001025", False),
        ("001025", "1025", False),
        ("1025", "10 25", False),
        ("1025", "1026", True),
        ("1025", None, False),
        ("", "1025", False),
    ],
)
def test_numbers(number: str, encoded: str | None, contradicts: bool) -> None:
    assert (serial(number, encoded) is not None) is contradicts


@pytest.mark.parametrize("raw", ["31/02/2024", "31.2.24", "2024-02-31", "31022024"])
def test_days_that_there_are_not(raw: str) -> None:
    assert is_no_day(raw, None)
    assert not is_no_day(raw, "2024-03-02")


@pytest.mark.parametrize("raw", ["", "31", "31/02", "310224", "3.102/2024", "1234567"])
def test_what_is_no_date_is_no_wrong_day(raw: str) -> None:
    assert not is_no_day(raw, None)
