"""What whole checks print, and how plain their data are."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import checkreader
from checkreader import Check, CheckAmount, CheckDate, CheckFields, CheckLine, CheckNumber, Model

BOX = (1, 2, 3, 4)
SURE = {"confidence": 0.9987, "accepted": True, "reason": None, "max_error": 0.01, "applied_max_error": 0.01}
UNSURE = SURE | {"confidence": 0.5, "accepted": False, "reason": "unsure"}
PLACE = {"box": BOX, "score": None}
WRITTEN = {"digits": (), "alternatives": ()}
AMOUNT = CheckAmount(**PLACE, **SURE, **WRITTEN, text="1250", raw="12.50", amount=Decimal("12.50"))
LINE = CheckLine(
    **PLACE,
    **UNSURE,
    text="A021000021A",
    symbols="⑆021000021⑆",
    country="us",
    fields={},
    check_digit=None,
    boxes=(),
)
CHECK = Check(
    models=(Model("lenet5-field", "1"),),
    page=1,
    corners=((0.0, 0.0), (9.0, 0.0), (9.0, 4.0), (0.0, 4.0)),
    quality=None,
    fields=CheckFields(AMOUNT, None, LINE, None, None),
    max_error=0.02,
    applied_max_error=0.02,
    accepted=False,
    reasons=("MICR line: unsure",),
)


def test_fields_print_as_one_line() -> None:
    assert str(AMOUNT) == "12.50 (confidence 0.999, accepted)"
    assert str(LINE) == "⑆021000021⑆ (confidence 0.500, unsure)"
    number = CheckNumber(**PLACE, **UNSURE, **WRITTEN, text="", raw="")
    assert str(number) == "nothing (confidence 0.500, unsure)"
    assert str(CheckDate(**PLACE, **SURE, **WRITTEN, text="1", raw="1", date=None)).startswith("1 (")


def test_checks_print_as_one_line() -> None:
    assert str(CHECK) == "12.50, ⑆021000021⑆ (MICR line: unsure)"
    accepted = dataclasses.replace(CHECK, accepted=True, reasons=())
    assert str(accepted) == "12.50, ⑆021000021⑆ (accepted)"
    empty = dataclasses.replace(CHECK, fields=CheckFields(None, None, None, None, None))
    assert str(empty) == "no amount, no MICR line (MICR line: unsure)"


def test_fields_are_at_hand() -> None:
    assert (CHECK.amount, CHECK.date, CHECK.micr, CHECK.check_number) == (AMOUNT, None, LINE, None)


def test_plain_data() -> None:
    plain = CHECK.to_dict()
    assert plain["fields"]["amount"]["amount"] == "12.50"
    assert plain["fields"]["amount"]["box"] == [1, 2, 3, 4]
    assert plain["fields"]["date"] is None
    assert plain["models"] == [{"name": "lenet5-field", "version": "1"}]


def test_names_are_public() -> None:
    for name in ("Check", "CheckAmount", "CheckFields", "CheckLine", "Place", "Quality"):
        assert getattr(checkreader, name).__name__ == name
