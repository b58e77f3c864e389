"""The decision on a check, from readings that are given."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from serving.decoding.thresholds import operating_point
from serving.manifest import Threshold
from serving.recognition.check import (
    CheckAmount,
    CheckDate,
    CheckFields,
    CheckLine,
    CheckNumber,
    CheckPrediction,
    doubts,
    predict,
    without_paper,
)
from serving.recognition.check_format import CheckFormat, CheckPoint
from serving.recognition.micr import MicrField

POINT = CheckPoint(*(operating_point([Threshold(0.02, 0.9, 0.0, 0.0, 0.02, 0.5, 100)], 0.02),) * 2)
GOOD = SimpleNamespace(problems=())
BOX = (1, 2, 3, 4)
UNSURE = "unsure: confidence 0.5 is below 0.9"


def verdict(accepted: bool = True, reason: str | None = UNSURE) -> dict:
    return {
        "box": BOX,
        "score": None,
        "confidence": 0.95 if accepted else 0.5,
        "accepted": accepted,
        "reason": None if accepted else reason,
        "max_error": 0.02,
        "applied_max_error": 0.02,
    }


def amount(text: str = "12.50", **options) -> CheckAmount:
    return CheckAmount(text=text, raw=text, amount=text, digits=[], alternatives=[], **verdict(**options))


def date(raw: str = "24/11/2019", day: str | None = "2019-11-24", **options) -> CheckDate:
    return CheckDate(text=raw, raw=raw, date=day, digits=[], alternatives=[], **verdict(**options))


def number(text: str = "1025", **options) -> CheckNumber:
    return CheckNumber(text=text, raw=text, digits=[], alternatives=[], **verdict(**options))


def line(text: str = "A021000021A", **options) -> CheckLine:
    fields = {name: options.pop(name) for name in ("amount", "serial") if name in options}
    return CheckLine(
        text=text,
        symbols=text,
        country="us",
        fields={name: MicrField(digits, 0.9) for name, digits in fields.items()},
        check_digit=None,
        boxes=[],
        **verdict(**options),
    )


def decided(
    expected: CheckFormat = CheckFormat(), problem: str | None = None, quality=GOOD, **fields
) -> CheckPrediction:
    fields = {"amount": amount(), "micr": line()} | fields
    corners = [(0.0, 0.0), (9.0, 0.0), (9.0, 4.0), (0.0, 4.0)]
    return predict(2, corners, quality, CheckFields(**fields), problem, expected, POINT)


def test_accepted_with_amount_and_line() -> None:
    check = decided()
    assert (check.page, check.accepted, check.reasons) == (2, True, [])
    assert (check.max_error, check.applied_max_error) == (0.04, 0.04)


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({"amount": None}, ["amount: not found"]),
        ({"amount": amount(accepted=False)}, [f"amount: {UNSURE}"]),
        ({"micr": None}, ["no MICR line found, as on the back of a check"]),
        (
            {"micr": line("", accepted=False, reason="blank: no ink found")},
            ["no MICR line found, as on the back of a check: blank: no ink found"],
        ),
        ({"micr": line(accepted=False)}, [f"MICR line: {UNSURE}"]),
        (
            {"amount": None, "micr": None},
            ["amount: not found", "no MICR line found, as on the back of a check"],
        ),
        (
            {"micr": line(amount="0000125000")},
            ["amounts differ: 12.50 is written, and the MICR line says 1250.00"],
        ),
        ({"micr": line(amount="0000001250")}, []),
        (
            {"micr": line(serial="001026"), "check_number": number()},
            ["check numbers differ: 1025 is printed, and the MICR line says 001026"],
        ),
        ({"micr": line(serial="001025"), "check_number": number()}, []),
        ({"micr": line(), "check_number": number()}, []),
        # One that may be misread speaks against nothing.
        ({"micr": line(serial="001026"), "check_number": number(accepted=False)}, []),
    ],
)
def test_what_speaks_against_it(fields: dict, reasons: list[str]) -> None:
    check = decided(**fields)
    assert check.reasons == reasons
    assert check.accepted is not bool(reasons)


@pytest.mark.parametrize(
    ("read", "reasons"),
    [
        (None, []),
        (date(), []),
        (date(accepted=False), []),
        (date("Nov 24", None, accepted=False), []),
        (date("31/02/2019", None, accepted=False), []),  # it may be misread
    ],
)
def test_a_date_does_not_matter_where_no_day_is_named(read: CheckDate | None, reasons: list[str]) -> None:
    assert decided(date=read).reasons == reasons


def test_a_day_that_there_is_not() -> None:
    impossible = date("31/02/2019", None)
    reason = "no date that fits keeps the form of a date"
    impossible = type(impossible)(
        **{name: getattr(impossible, name) for name in impossible.__struct_fields__}
        | {"accepted": False, "reason": reason}
    )
    assert decided(date=impossible).reasons == [f"date: {reason}"]


@pytest.mark.parametrize(
    ("read", "reasons"),
    [
        (date(), []),
        (None, ["date: not found"]),
        (date(accepted=False), [f"date: {UNSURE}"]),
    ],
)
def test_with_a_named_day_the_date_has_to_be_sure(read: CheckDate | None, reasons: list[str]) -> None:
    for known in ({"after": "2019-01-01"}, {"before": "2019-12-31"}):
        assert decided(CheckFormat(**known), date=read).reasons == reasons


def test_what_is_wrong_with_the_picture() -> None:
    poor = SimpleNamespace(problems=("blurred", "dark"))
    assert decided(quality=poor).reasons == []
    assert decided(quality=poor, amount=None).reasons == ["amount: not found", "picture: blurred, dark"]
    assert decided(problem="the check is cut off").reasons == ["the check is cut off"]


def test_without_paper_there_are_no_fields() -> None:
    check = without_paper(3, "two checks in one picture", POINT)
    assert (check.page, check.corners, check.quality, check.fields) == (3, None, None, CheckFields())
    assert (check.accepted, check.reasons) == (False, ["two checks in one picture"])
    assert check.applied_max_error == 0.04


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"amount": amount(accepted=False)}, {"amount": UNSURE}),
        ({"amount": None, "date": date()}, {"amount": "not found"}),
        (
            {"amount": amount(accepted=False), "date": date(accepted=False)},
            {"amount": UNSURE, "date": UNSURE},
        ),
        ({"date": date(accepted=False)}, {}),  # the check is accepted
        ({"micr": line(accepted=False)}, {"micr": UNSURE}),
        ({"micr": None}, {"micr": "no MICR line found, as on the back of a check"}),
        (
            {"micr": line(amount="0000125000")},
            dict.fromkeys(
                ("amount", "micr"), "amounts differ: 12.50 is written, and the MICR line says 1250.00"
            ),
        ),
    ],
)
def test_what_a_person_has_to_look_at(fields: dict, expected: dict[str, str]) -> None:
    assert doubts(decided(**fields)) == expected


def test_a_doubt_about_the_paper_is_one_about_amount_and_line() -> None:
    blurred = SimpleNamespace(problems=("blurred",))
    reason = "the check is cut off"
    assert doubts(decided(problem=reason, quality=blurred)) == {"amount": reason, "micr": reason}
    check = decided(problem=reason, quality=blurred, amount=amount(accepted=False))
    assert doubts(check) == {"amount": UNSURE, "micr": reason}


def test_without_paper_there_is_nothing_to_look_at() -> None:
    assert doubts(without_paper(1, "blank page", POINT)) == {}
