"""What is counted of a check, and the labels' own forms of dates and amounts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks import checks
from pipeline.data.labeled_checks import LabeledCheck
from serving.recognition.check import CheckAmount, CheckDate, CheckFields, CheckLine, CheckPrediction

BOXES = {"amount": (100.0, 50.0, 200.0, 80.0), "micr": (20.0, 150.0, 300.0, 170.0)}
LABEL = {"amount": "42.00", "date": "5-6-2019", "micr": "A021000021A 12C", "check_number": "7"}
CHECK = LabeledCheck(Path("check.png"), np.zeros((4, 2)), {}, BOXES, LABEL)
READ = {
    "score": 0.9,
    "confidence": 0.99,
    "accepted": True,
    "reason": None,
    "max_error": 0.05,
    "applied_max_error": 0.05,
}
AMOUNT = CheckAmount(
    box=(98, 52, 100, 26), text="42", raw="42", amount="42", digits=[], alternatives=[], **READ
)
DATE = CheckDate(
    box=(0, 0, 9, 9), text="05062019", raw="5-6-2019", date="2019-05-06", digits=[], alternatives=[], **READ
)
LINE = CheckLine(
    box=(15, 145, 290, 30),
    text="A021000021A12C",
    symbols="",
    country="us",
    fields={},
    check_digit=None,
    boxes=[],
    **READ,
)


def prediction(**fields: object) -> CheckPrediction:
    parts = {"amount": AMOUNT, "date": DATE, "micr": LINE, **fields}
    return CheckPrediction(1, [], None, CheckFields(**parts), 0.1, 0.1, True, [])


def test_everything_right() -> None:
    """A whole amount may stand without its cents; blanks of the line do not count."""
    table = checks.outcomes(CHECK, prediction())
    for name in (
        "found amount",
        "found micr",
        "read amount",
        "amount right",
        "read date",
        "read micr",
        "accepted check",
    ):
        assert table[name], name
    assert not any(table[name] for name in ("wrong amount", "wrong micr", "wrong check"))
    assert "read check_number" not in table  # the label has no box of it


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [({"amount": "4200", "text": "4200"}, True), ({"amount": None, "accepted": False}, False)],
)
def test_a_wrong_amount(changes: dict[str, object], wrong: bool) -> None:
    """4200 for 42.00 has the right digits and is wrong; without a value nothing is."""
    table = checks.outcomes(CHECK, prediction(amount=msgspec.structs.replace(AMOUNT, **changes)))
    assert table["read amount"]
    assert not table["amount right"]
    assert (table["wrong amount"], table["wrong check"]) == (wrong, True)


def test_what_was_not_found() -> None:
    table = checks.outcomes(CHECK, prediction(amount=None, date=None, micr=None))
    assert not any(table[name] for name in table if name.startswith(("found", "read")))


def test_a_date_that_no_label_has() -> None:
    with pytest.raises(ValueError, match=r"date '6\. Mai' of a label: expected one as"):
        checks.outcomes(
            LabeledCheck(Path("check.png"), np.zeros((4, 2)), {}, {}, {**LABEL, "date": "6. Mai"}),
            prediction(),
        )
