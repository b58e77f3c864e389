"""Fields by the Python interface: dates, and what the kinds have in common."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

import checkreader
from checkreader.reader import Reader
from tests.support.tiny import amount, tiff


@pytest.fixture(scope="module")
def reader(models: Path) -> Reader:
    """The tests' models, whose field network reads printed digits and points."""
    return checkreader.open(models)


def test_a_date(reader: Reader) -> None:
    result = reader.date(amount("24.11.2019"), order="dmy", max_error=0.1)
    assert isinstance(result, checkreader.Date)
    assert (result.text, result.raw) == ("24112019", "24.11.2019")
    assert (result.date, result.accepted) == (datetime.date(2019, 11, 24), True)
    assert len(result.digits) == 8
    assert not hasattr(result, "amount")


def test_a_date_in_doubt_is_none(reader: Reader) -> None:
    result = reader.date(amount("03.04.2019"), max_error=0.1)
    assert (result.date, result.accepted) == (None, False)
    assert str(result.reason).startswith("unclear date")


@pytest.mark.parametrize("day", ["2019-03-20", datetime.date(2019, 3, 20)])
def test_the_window_is_text_or_dates(reader: Reader, day: datetime.date | str) -> None:
    picture = amount("03.04.2019")
    assert reader.date(picture, after=day).date == datetime.date(2019, 4, 3)
    assert reader.date(picture, before=day).date == datetime.date(2019, 3, 4)


def test_a_list_has_a_result_for_each_page(reader: Reader) -> None:
    scan = tiff(amount("24.11.2019"), amount("5.1.2019"))
    results = reader.date([scan, amount("05012019")], order="dmy")
    assert [(result.page, str(result.date)) for result in results] == [
        (1, "2019-11-24"),
        (2, "2019-01-05"),
        (1, "2019-01-05"),
    ]
    assert reader.date([], order="ymd") == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "mon"}, "order must be one of dmy, mdy, ymd, got 'mon': months are read as numbers"),
        ({"after": "yesterday"}, "after must be a date from 1900-01-01"),
        ({"after": datetime.datetime(2019, 1, 1, 12)}, "after must be a date"),
        ({"after": "2019-01-02", "before": datetime.date(2019, 1, 1)}, "no date is within"),
        ({"model": "lenet5"}, "does not read fields"),
    ],
)
def test_mistakes(reader: Reader, options: dict, message: str) -> None:
    with pytest.raises(checkreader.Error, match=message):
        reader.date(amount("24.11.2019"), **options)


def test_other_kinds(reader: Reader) -> None:
    assert reader.number(amount("4258"), length=4).text == "4258"
    assert str(reader.amount(amount("12.50"), locale="en").amount) == "12.50"
