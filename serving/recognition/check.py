"""Puts the readings of a check's fields together: the answer, and whether the check is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import msgspec

from serving.decoding.micr import FieldName
from serving.images.check_quality import Quality
from serving.recognition import cross_checks
from serving.recognition.boxes import Box
from serving.recognition.check_format import CheckFormat, CheckPoint
from serving.recognition.fields import Alternative, FieldDigit
from serving.recognition.micr import MicrCheckDigit, MicrField

# x and y in pixels of the picture.
Corner: TypeAlias = tuple[float, float]
# A field that decides on a check, or may.
Decisive: TypeAlias = Literal["amount", "date", "micr"]

NO_LINE: Final = "no MICR line found, as on the back of a check"
_AMOUNT, _DATE, _LINE = "amount: ", "date: ", "MICR line: "  # before what is said of one field
_PICTURE: Final = "picture: "


class Place(msgspec.Struct, frozen=True):
    """Where a field lies: x, y, width and height in pixels of the picture, and the finder's score, null by a layout."""

    box: Box
    score: float | None


class CheckAmount(msgspec.Struct, frozen=True):
    """The amount: its `Place`, its reading as in `FieldPrediction`, and the wanted and the applied error bound."""

    box: Box
    score: float | None
    text: str
    raw: str
    amount: str | None
    confidence: float
    accepted: bool
    reason: str | None
    max_error: float
    applied_max_error: float | None
    digits: list[FieldDigit]
    alternatives: list[Alternative]


class CheckDate(msgspec.Struct, frozen=True):
    """The date, as `CheckAmount`."""

    box: Box
    score: float | None
    text: str
    raw: str
    date: str | None
    confidence: float
    accepted: bool
    reason: str | None
    max_error: float
    applied_max_error: float | None
    digits: list[FieldDigit]
    alternatives: list[Alternative]


class CheckNumber(msgspec.Struct, frozen=True):
    """The check's number, as `CheckAmount`."""

    box: Box
    score: float | None
    text: str
    raw: str
    confidence: float
    accepted: bool
    reason: str | None
    max_error: float
    applied_max_error: float | None
    digits: list[FieldDigit]
    alternatives: list[Alternative]


class CheckLine(msgspec.Struct, frozen=True):
    """The MICR line: its `Place`, its reading as in `MicrPrediction`, and the wanted and the applied error bound."""

    box: Box
    score: float | None
    text: str
    symbols: str
    country: str | None
    fields: dict[FieldName, MicrField]
    check_digit: MicrCheckDigit | None
    confidence: float
    accepted: bool
    reason: str | None
    max_error: float
    applied_max_error: float | None
    boxes: list[Box]


class CheckFields(msgspec.Struct, frozen=True):
    """The fields of a check; null where one was not found. `words` is the amount in words, which is not read."""

    amount: CheckAmount | None = None
    date: CheckDate | None = None
    micr: CheckLine | None = None
    check_number: CheckNumber | None = None
    words: Place | None = None


class CheckPrediction(msgspec.Struct, frozen=True):
    """A check that was read.

    `page` is the number of its page in the picture, from 1. `corners` are the paper's, x and y in pixels of the
    picture: of the check the right way up top left, top right, bottom right and bottom left. Without a paper they are
    null, and so are `quality` and all fields. `max_error` and `applied_max_error` are the sums of the amount's and the
    MICR line's bounds. `reasons` say why the check is not accepted.
    """

    page: int
    corners: list[Corner] | None
    quality: Quality | None
    fields: CheckFields
    max_error: float
    applied_max_error: float | None
    accepted: bool
    reasons: list[str]


def predict(
    page: int,
    corners: list[Corner],
    quality: Quality,
    fields: CheckFields,
    problem: str | None,
    expected: CheckFormat,
    point: CheckPoint,
) -> CheckPrediction:
    """Decides on a check from the readings of its fields.

    Args:
        page: the number of its page in the picture, from 1.
        corners: the paper's.
        quality: the picture's.
        fields: as far as they were found.
        problem: what is wrong with the paper; None: nothing.
        expected: what is known of the check.
        point: what is accepted.
    """
    doubts = (
        problem,
        _doubt(_AMOUNT, fields.amount),
        _line_doubt(fields.micr),
        *_contradictions(fields),
        _date_doubt(fields.date, expected, point),
    )
    reasons = [doubt for doubt in doubts if doubt is not None]
    if reasons and quality.problems:
        reasons.append(f"{_PICTURE}{', '.join(quality.problems)}")
    return CheckPrediction(
        page=page,
        corners=corners,
        quality=quality,
        fields=fields,
        max_error=point.max_error,
        applied_max_error=point.applied_max_error,
        accepted=not reasons,
        reasons=reasons,
    )


def without_paper(page: int, problem: str, point: CheckPoint) -> CheckPrediction:
    """Returns the prediction of a picture that shows no check, or not just one; arguments as for `predict`."""
    bounds = point.max_error, point.applied_max_error
    return CheckPrediction(page, None, None, CheckFields(), *bounds, False, [problem])


def doubts(check: CheckPrediction) -> dict[Decisive, str]:
    """Returns which fields of a check that is not accepted a person has to look at, and why.

    These are amount, date and MICR line where they are not accepted themselves, or, of amount and MICR line, not found.
    What is said of the check as a whole, as that the two contradict each other, is a doubt about both.
    """
    if check.accepted or check.quality is None:
        return {}
    fields = check.fields
    own = (_AMOUNT, _DATE, _LINE, _PICTURE, NO_LINE)
    shared = "; ".join(reason for reason in check.reasons if not reason.startswith(own)) or None
    reasons: dict[Decisive, str | None] = {
        "amount": _doubt("", fields.amount) or shared,
        "date": None if fields.date is None else _doubt("", fields.date),
        "micr": _line_doubt(fields.micr) or shared,
    }
    return {name: reason.removeprefix(_LINE) for name, reason in reasons.items() if reason is not None}


def _doubt(prefix: str, field: CheckAmount | CheckDate | None) -> str | None:
    if field is None:
        return f"{prefix}not found"
    return None if field.accepted else f"{prefix}{field.reason}"


def _line_doubt(line: CheckLine | None) -> str | None:
    if line is None or (not line.text and not line.accepted):
        return NO_LINE if line is None or line.reason is None else f"{NO_LINE}: {line.reason}"
    return None if line.accepted else f"{_LINE}{line.reason}"


def _contradictions(fields: CheckFields) -> Iterator[str | None]:
    """Yields what the MICR line and the rest of the check say differently.

    A check number that is not accepted by itself speaks against nothing: it may be misread.
    """
    line, number = fields.micr, fields.check_number
    if line is None:
        return
    encoded = {name: field.text for name, field in line.fields.items()}
    if fields.amount is not None:
        yield cross_checks.encoded_amount(fields.amount.amount, encoded.get("amount"))
    if number is not None and number.accepted:
        yield cross_checks.serial(number.text, encoded.get("serial"))


def _date_doubt(date: CheckDate | None, expected: CheckFormat, point: CheckPoint) -> str | None:
    """Returns what the date has against the check: it is surely no day, or not surely within the days that were named."""
    if expected.is_window:
        return _doubt(_DATE, date)
    threshold = point.field.threshold
    if date is None or threshold is None or date.confidence < threshold.threshold:
        return None
    return f"{_DATE}{date.reason}" if cross_checks.is_no_day(date.raw, date.date) else None
