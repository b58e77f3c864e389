from __future__ import annotations

import dataclasses
import datetime
import json
from decimal import Decimal

import pytest

from checkreader.results import (
    Alternative,
    Amount,
    CheckDigit,
    Choice,
    Date,
    Digit,
    FieldDigit,
    Model,
    Number,
)

MODEL = Model("lenet5", "3")
DIGIT = Digit(MODEL, 1, 0.98765, True, None, 0.01, 0.002, 7, (Choice(7, 0.98765), Choice(1, 0.01)))
NUMBER = Number(
    MODEL,
    2,
    0.5,
    False,
    "unsure: 0.500",
    0.01,
    None,
    "12",
    "1.2",
    (FieldDigit(1, 0.9, (1, 2, 3, 4)), FieldDigit(2, 0.8, (5, 6, 7, 8))),
    CheckDigit("luhn", False),
    (Alternative("1.3", 0.25),),
)
AMOUNT = Amount(MODEL, 1, 0.75, True, None, 0.05, 0.05, "1250", "12.50", (), None, (), Decimal("12.50"))

DATE = Date(
    MODEL, 1, 0.75, True, None, 0.05, 0.05, "512019", "5.1.2019", (), None, (), datetime.date(2019, 1, 5)
)


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (DIGIT, "7 (confidence 0.988, accepted)"),
        (NUMBER, "1.2 (confidence 0.500, unsure: 0.500)"),
        (AMOUNT, "12.50 (12.50, confidence 0.750, accepted)"),
        (DATE, "5.1.2019 (2019-01-05, confidence 0.750, accepted)"),
        (dataclasses.replace(DATE, date=None), "5.1.2019 (confidence 0.750, accepted)"),
        (dataclasses.replace(AMOUNT, amount=None), "12.50 (confidence 0.750, accepted)"),
        (dataclasses.replace(NUMBER, raw="", text=""), "nothing (confidence 0.500, unsure: 0.500)"),
    ],
)
def test_a_result_prints_as_one_line(result: object, line: str) -> None:
    assert str(result) == line


@pytest.mark.parametrize("result", [DIGIT, NUMBER, AMOUNT, DATE], ids=lambda result: type(result).__name__)
def test_plain_data_is_json(result: Digit | Number) -> None:
    plain = result.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert set(plain) == {field.name for field in dataclasses.fields(result)}


def test_plain_amounts_are_strings() -> None:
    """They keep their cents; a doubtful one is null."""
    assert AMOUNT.to_dict()["amount"] == "12.50"
    assert dataclasses.replace(AMOUNT, amount=None).to_dict()["amount"] is None


def test_plain_dates_are_strings() -> None:
    assert DATE.to_dict()["date"] == "2019-01-05"
    assert dataclasses.replace(DATE, date=None).to_dict()["date"] is None


def test_every_result_has_its_page() -> None:
    assert [result.to_dict()["page"] for result in (DIGIT, NUMBER, AMOUNT)] == [1, 2, 1]


def test_every_result_states_the_wanted_and_the_applied_bound() -> None:
    plain = [result.to_dict() for result in (DIGIT, NUMBER, AMOUNT)]
    assert [entry["max_error"] for entry in plain] == [0.01, 0.01, 0.05]
    assert [entry["applied_max_error"] for entry in plain] == [0.002, None, 0.05]


def test_nested_parts_are_plain() -> None:
    plain = NUMBER.to_dict()
    assert plain["digits"][1] == {"digit": 2, "probability": 0.8, "box": [5, 6, 7, 8]}
    assert plain["check_digit"] == {"scheme": "luhn", "valid": False}
    assert plain["alternatives"] == [{"raw": "1.3", "probability": 0.25}]


def test_results_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DIGIT.digit = 8  # type: ignore[misc]
