"""Answers of `/checks` that a test of the page gives in the service's place."""

from __future__ import annotations

from typing import Any

import msgspec

from serving.images.check_quality import Quality
from serving.protocol.checks import ChecksResponse
from serving.protocol.pictures import Model
from serving.recognition.check import CheckAmount, CheckDate, CheckFields, CheckLine, CheckPrediction, Place
from serving.recognition.fields import Alternative, FieldDigit
from serving.recognition.micr import MicrCheckDigit, MicrField

DOUBT = "unsure: confidence 0.42 is below 0.99, the threshold for max_error 0.02"
CORNERS = [(10.0, 10.0), (590.0, 10.0), (590.0, 260.0), (10.0, 260.0)]
BOXES = {
    "amount": (400, 90, 120, 30),
    "date": (400, 30, 150, 25),
    "micr": (40, 220, 400, 25),
    "words": (40, 90, 250, 30),
}


def fields() -> CheckFields:
    """Returns an accepted amount and line, a doubtful date, words, and no check number."""
    bounds = {"max_error": 0.05, "applied_max_error": 0.05}
    digits = [
        FieldDigit(digit, 0.99, (410 + 20 * index, 95, 15, 20)) for index, digit in enumerate((1, 2, 5, 0))
    ]
    amount = CheckAmount(
        box=BOXES["amount"],
        score=0.9,
        text="1250",
        raw="12.50",
        amount="12.50",
        confidence=0.995,
        accepted=True,
        reason=None,
        digits=digits,
        alternatives=[Alternative("72.50", 0.003)],
        **bounds,
    )
    date = CheckDate(
        box=BOXES["date"],
        score=0.8,
        text="241119",
        raw="24.11.19",
        date=None,
        confidence=0.42,
        accepted=False,
        reason=DOUBT,
        digits=[],
        alternatives=[],
        **bounds,
    )
    line = CheckLine(
        box=BOXES["micr"],
        score=0.9,
        text="A021000021A 1234567C",
        symbols="⑆021000021⑆ 1234567⑈",
        country="us",
        fields={"routing": MicrField("021000021", 0.999), "account": MicrField("1234567", 0.998)},
        check_digit=MicrCheckDigit("aba", True),
        confidence=0.99,
        accepted=True,
        reason=None,
        boxes=[],
        **bounds,
    )
    return CheckFields(amount, date, line, None, Place(BOXES["words"], 0.7))


def answer(*reasons: str, corners: list[tuple[float, float]] | None = CORNERS) -> dict[str, Any]:
    """Returns the answer for one check, which is not accepted for these reasons; without corners it has no fields."""
    quality = Quality(580, 0.1, 200, 0.0, 0.0, 0.0, ("blurred",))
    check = CheckPrediction(
        page=1,
        corners=corners,
        quality=quality if corners else None,
        fields=fields() if corners else CheckFields(),
        max_error=0.1,
        applied_max_error=0.1,
        accepted=not reasons,
        reasons=list(reasons),
    )
    models = [Model(name, "1") for name in ("check-fields", "lenet5-field", "lenet5-micr")]
    content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(ChecksResponse(models, [check])))
    return content
