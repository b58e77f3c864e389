"""Lines of every layout are parsed by their symbols, and what fits none is a reason, never a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.synthesis.micr_text import routing_number
from serving.decoding import micr
from serving.errors import CheckreaderError

digits = st.text("0123456789", min_size=1)


def number(least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most or least)


def values(text: str, country: str = "auto") -> dict[str, str]:
    line = micr.parse(text, country)
    assert line.country is not None, line.problem
    return {field.name: field.text for field in line.fields}


@pytest.mark.parametrize(
    ("text", "country", "fields"),
    [
        (
            "A021000021A 123456789C 0101",
            "us",
            {"routing": "021000021", "account": "123456789", "serial": "0101"},
        ),
        (
            "A021000021A 0101 123456789C",
            "us",
            {"routing": "021000021", "serial": "0101", "account": "123456789"},
        ),
        (
            "C004711C A021000021A 12D3456C B0000012345B",
            "us",
            {"serial": "004711", "routing": "021000021", "account": "123456", "amount": "0000012345"},
        ),
        ("A1234D5678A 99887766C", "us", {"routing": "12345678", "account": "99887766"}),
        (
            "C123C A00011D003A 123D456D7C 45",
            "ca",
            {
                "serial": "123",
                "routing": "00011003",
                "transit": "00011",
                "institution": "003",
                "account": "1234567",
                "transaction_code": "45",
            },
        ),
        (
            "C000123C 110002003A 004567C 31",
            "in",
            {
                "serial": "000123",
                "routing": "110002003",
                "city": "110",
                "bank": "002",
                "branch": "003",
                "account": "004567",
                "transaction_code": "31",
            },
        ),
        (
            "C100001C 40D1234A 12345678C",
            "gb",
            {"serial": "100001", "routing": "401234", "account": "12345678"},
        ),
        (
            "C1234567C 054D0123A 00123456789012C 000",
            "other",
            {
                "serial": "1234567",
                "routing": "0540123",
                "bank": "054",
                "branch": "0123",
                "account": "00123456789012",
                "transaction_code": "000",
            },
        ),
    ],
)
def test_layouts(text: str, country: str, fields: dict[str, str]) -> None:
    line = micr.parse(text)
    assert line.country == country
    assert line.problem is None
    assert {field.name: field.text for field in line.fields} == fields


@given(number(4, 10), st.integers(0, 2**32 - 1), number(4, 14), st.booleans(), st.data())
def test_blanks_outside_the_on_us_field_mean_nothing(
    serial: str, seed: int, account: str, amount: bool, data: st.DataObject
) -> None:
    import numpy as np

    routing = routing_number(np.random.default_rng(seed))
    parts = [*f"C{serial}C", *f"A{routing}A", f"{account}C", *("B0000012345B" if amount else "")]
    text = "".join(part + " " * data.draw(st.integers(0, 2)) for part in parts).strip()
    fields = values(text)
    assert fields["serial"].replace(" ", "") == serial
    assert fields["routing"].replace(" ", "") == routing
    assert fields["account"].replace(" ", "") == account
    assert fields.get("amount", "").replace(" ", "") == ("0000012345" if amount else "")
    assert micr.parse(text).valid


@given(st.integers(0, 2**32 - 1), st.integers(0, 8), st.integers(1, 9))
def test_one_other_digit_in_the_routing_number_is_a_problem(seed: int, place: int, change: int) -> None:
    import numpy as np

    routing = routing_number(np.random.default_rng(seed))
    other = str((int(routing[place]) + change) % 10)
    line = micr.parse(f"A{routing[:place]}{other}{routing[place + 1 :]}A 123456C 0101")
    assert not line.valid
    assert line.problem is not None


@given(st.text("0123456789ABCD ", max_size=80), st.sampled_from(micr.COUNTRIES))
def test_any_text_gives_fields_of_its_own_symbols_or_a_problem(text: str, country: str) -> None:
    line = micr.parse(text, country)
    symbols = text.replace(" ", "")
    assert (line.country is None) == (not line.fields)
    if line.country is None:
        assert line.problem is not None
    for field in line.fields:
        assert symbols[field.start : field.stop].replace("D", "") == field.text.replace(" ", "")
        assert field.text.replace(" ", "").isdigit()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "123",
        "A021000021A",
        "A02100002A 123C 0101",
        "0A 123456789C 0101",
        "C1CC2C",
        "A021000021A 12C34C56C",
    ],
)
def test_what_fits_no_layout_is_a_problem(text: str) -> None:
    line = micr.parse(text)
    assert line.country is None
    assert line.problem


def test_more_symbols_than_a_line_holds_are_a_problem() -> None:
    assert "too many symbols: 66" in (micr.parse("0" * 66).problem or "")


def test_a_prefix_that_no_bank_has_is_a_problem() -> None:
    line = micr.parse("A540600106A 123456C 0101")
    assert line.valid == (line.problem is not None and "begins" in line.problem)


def test_a_country_that_is_named_alone_is_tried() -> None:
    assert micr.parse("C100001C 40D1234A 12345678C", "other").country == "other"
    assert micr.parse("C100001C 40D1234A 12345678C", "us").country is None
    with pytest.raises(CheckreaderError, match=r"country must be one of auto, us, ca, .*, got 'fr'"):
        micr.parse("A", "fr")


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.data())
def test_gaps_of_more_than_one_and_a_half_pitches_are_blanks(steps: list[int], data: st.DataObject) -> None:
    places, place = [0.0], 0.0
    for step in steps:
        place += step
        places.append(place + data.draw(st.floats(-0.2, 0.2)))
    symbols = "0123456789ABCD"[: len(places)].ljust(len(places), "7")
    text = micr.spaced(symbols, places, 1.0)
    assert text.replace(" ", "") == symbols
    assert text.count(" ") == sum(step > 1 for step in steps)


def test_symbols_are_those_of_unicode() -> None:
    assert "A021000021A 12D3C B".translate(micr.SYMBOLS) == "⑆021000021⑆ 12⑉3⑈ ⑇"
