"""Recognizes whole checks: the fields that were cut out are read, and their readings are put together.

checks = locate_pictures(pictures, locate)
readings = start(checks, models, expected)
predictions = combine(checks, FieldPredictions(finish(readings.amounts, infer).predictions, …), models, expected)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from serving.decoding.amount_grammar import canonical
from serving.decoding.amounts import raised_cents
from serving.recognition import field_recognizer, micr_recognizer
from serving.recognition.check import (
    CheckAmount,
    CheckDate,
    CheckFields,
    CheckLine,
    CheckNumber,
    CheckPrediction,
    Place,
    predict,
    without_paper,
)
from serving.recognition.check_format import CheckFormat, CheckModels
from serving.recognition.check_locator import locate
from serving.recognition.field_recognizer import FieldReading
from serving.recognition.fields import FieldPrediction, LocatedField
from serving.recognition.located_check import Locate, LocatedCheck, by_layout, locate_pictures
from serving.recognition.micr import MicrPrediction
from serving.recognition.micr_recognizer import MicrReading
from serving.recognition.reading import finish
from serving.runtime.network import Floats, Network

_NO_CENTS: Final = "unclear amount: no sign tells its cents, it may be "
_CROP: Final = ": pass crop="  # before advice that a whole check has no use for

F = TypeVar("F", CheckAmount, CheckDate, CheckNumber, CheckLine)


class CheckReadings(NamedTuple):
    """The fields of several checks, as far as they are read; those of one kind together."""

    amounts: FieldReading
    dates: FieldReading
    numbers: FieldReading
    lines: MicrReading


class FieldPredictions(NamedTuple):
    """What was read of `CheckReadings`."""

    amounts: Sequence[FieldPrediction]
    dates: Sequence[FieldPrediction]
    numbers: Sequence[FieldPrediction]
    lines: Sequence[MicrPrediction]


def locator(expected: CheckFormat, infer: Callable[[Floats], Floats] | None) -> Locate:
    """Returns what finds the fields on a flat check: the layout where one is named, else a network.

    Args:
        expected: what is known of the checks.
        infer: the network's; None where a layout is named.
    """
    if expected.layout is not None:
        return by_layout(expected.places)
    assert infer is not None
    return lambda flat: locate(flat, infer)


def start(checks: Sequence[LocatedCheck], models: CheckModels, expected: CheckFormat) -> CheckReadings:
    """Prepares the fields of checks for the networks.

    Args:
        checks: from `locate_pictures`.
        models: what reads them.
        expected: what is known of them.
    """

    def sources(name: str) -> list[LocatedField]:
        return [check.fields[name] for check in checks if name in check.fields]

    field, line, point = models.field.model, models.line.model, models.point
    return CheckReadings(
        field_recognizer.start(sources("amount"), field, expected.amount, point.field),
        field_recognizer.start(sources("date"), field, expected.date, point.field),
        field_recognizer.start(sources("check_number"), field, expected.number, point.field),
        micr_recognizer.start(sources("micr"), line, expected.country, point.line),
    )


def combine(
    checks: Sequence[LocatedCheck], readings: FieldPredictions, models: CheckModels, expected: CheckFormat
) -> list[CheckPrediction]:
    """Puts the readings of the fields together, one prediction for each check.

    Args:
        checks, models, expected: as for `start`.
        readings: what was read of the fields.
    """
    amounts = (_doubt_missing_cents(amount, expected.locale) for amount in readings.amounts)
    dates, numbers, lines = iter(readings.dates), iter(readings.numbers), iter(readings.lines)
    point = models.point
    predictions = []
    for check in checks:
        if check.quality is None:
            predictions.append(without_paper(check.page, check.problem or "", point))
            continue
        fields = CheckFields(
            _field(check, "amount", amounts, CheckAmount, point.field.bounds),
            _field(check, "date", dates, CheckDate, point.field.bounds),
            _field(check, "micr", lines, CheckLine, point.line.bounds),
            _field(check, "check_number", numbers, CheckNumber, point.field.bounds),
            Place(**_place(check, "words")) if "words" in check.boxes else None,
        )
        predictions.append(
            predict(check.page, check.corners, check.quality, fields, check.problem, expected, point)
        )
    return predictions


@dataclass(frozen=True)
class CheckRecognizer:
    """Loaded models with what is known of the checks; made by `check_recognizer`."""

    models: CheckModels
    expected: CheckFormat
    locate: Locate
    read_fields: Callable[[Floats], Floats]
    read_lines: Callable[[Floats], Floats]

    def __call__(self, pictures: Sequence[bytes]) -> list[CheckPrediction]:
        """Recognizes every page of encoded pictures; raises CheckreaderError as `locate_pictures` does."""
        return self.read(locate_pictures(pictures, self.locate))

    def read(self, checks: Sequence[LocatedCheck]) -> list[CheckPrediction]:
        """Reads checks that `locate_pictures` found."""
        readings = start(checks, self.models, self.expected)
        predictions = FieldPredictions(
            finish(readings.amounts, self.read_fields).predictions,
            finish(readings.dates, self.read_fields).predictions,
            finish(readings.numbers, self.read_fields).predictions,
            finish(readings.lines, self.read_lines).predictions,
        )
        return combine(checks, predictions, self.models, self.expected)


def check_recognizer(
    models: CheckModels, networks: Sequence[Network], expected: CheckFormat
) -> CheckRecognizer:
    """Makes a `CheckRecognizer`.

    Args:
        models: what reads.
        networks: of `models.all`, in that order.
        expected: what is known of the checks.
    """
    *first, field, line = networks
    infer = first[0].infer if first else None
    return CheckRecognizer(models, expected, locator(expected, infer), field.infer, line.infer)


def _doubt_missing_cents(amount: FieldPrediction, locale: str | None) -> FieldPrediction:
    """Returns the reading of a check's amount, not accepted where an American one has no cents and no sign behind it.

    Such amounts end in cents: they may be raised, underlined, or behind a point that is too pale to be seen.
    """
    whole = amount.accepted and amount.amount is not None and "." not in amount.amount
    if not whole or not amount.raw[-1].isdigit() or canonical(locale) != "us":
        return amount
    cents = raised_cents(amount.raw, locale)
    if cents is None:
        return amount
    return msgspec.structs.replace(amount, accepted=False, reason=f"{_NO_CENTS}{cents.amount}")


def _place(check: LocatedCheck, name: str) -> dict[str, Any]:
    """Returns the place of a field that was found, by the names of `Place`."""
    return {"box": check.in_picture(check.boxes[name]), "score": check.scores.get(name)}


def _field(
    check: LocatedCheck,
    name: str,
    predictions: Iterator[FieldPrediction | MicrPrediction],
    answer: type[F],
    bounds: dict[str, float | None],
) -> F | None:
    """Returns the answer of a field from the next prediction, with all boxes in the picture; None: it was not found."""
    if name not in check.fields:
        return None
    prediction = next(predictions)
    reason = None if prediction.reason is None else prediction.reason.partition(_CROP)[0]
    boxes: dict[str, Any] = {}
    if isinstance(prediction, FieldPrediction):
        boxes["digits"] = [
            msgspec.structs.replace(digit, box=check.in_picture(digit.box)) for digit in prediction.digits
        ]
    else:
        boxes["boxes"] = [check.in_picture(box) for box in prediction.boxes]
    content = msgspec.structs.asdict(prediction) | {"reason": reason} | boxes | bounds | _place(check, name)
    return answer(**{field: content[field] for field in answer.__struct_fields__})
