"""Fields by the Python interface: amounts, numbers and dates."""

from __future__ import annotations

import datetime
import threading
from decimal import Decimal
from typing import Any, TypeAlias, overload

from checkreader.pictures import Picture, Pictures, each
from checkreader.results import Amount, Date, Model, Number
from serving.decoding.field_string import FieldFormat, field_format
from serving.decoding.thresholds import OperatingPoint
from serving.recognition.field_recognizer import FieldRecognizer, field_recognizer
from serving.recognition.fields import FieldPrediction
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository

Crop: TypeAlias = tuple[int, int, int, int]
Day: TypeAlias = datetime.date | str

_FIELD = "lenet5-field"


class FieldReader:
    """Reads amounts, numbers and dates; the part of a `Reader` that does not read single digits.

    A model is loaded, and checked against its golden answers, when it is first asked for.

    Args:
        repository: the models.
        runtime: "auto", "onnxruntime" or "litert".
    """

    def __init__(self, repository: Repository, runtime: str = "auto") -> None:
        self._repository = repository
        self._runtime = runtime
        self._loaded: dict[str, LoadedModel] = {}
        self._lock = threading.Lock()

    @overload
    def amount(
        self,
        picture: Picture,
        *,
        locale: str | None = ...,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str = ...,
    ) -> Amount: ...

    @overload
    def amount(
        self,
        picture: list[Pictures] | tuple[Pictures, ...],
        *,
        locale: str | None = ...,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str = ...,
    ) -> list[Amount]: ...

    def amount(
        self,
        picture: Picture | list[Pictures] | tuple[Pictures, ...],
        *,
        locale: str | None = None,
        max_error: float | None = None,
        crop: Crop | None = None,
        model: str = _FIELD,
    ) -> Amount | list[Amount]:
        """Reads an amount.

        Args:
            picture: a path, encoded bytes, a NumPy array or a PIL image; or a list of these, of which every page
                is read.
            locale: how the amount is written, `en`, `de`, …; None = any.
            max_error: the tolerated share of wrong amounts among the accepted; None = 1 %, else the smallest that the
                model certifies above that, up to 5 %. With a smaller one than it certifies nothing is accepted.
            crop: x, y, width and height of the part to read, in pixels, in every page alike.
            model: another field model than the released one.

        Returns:
            An `Amount`; of a list, a list in its order, with one for each page of each picture.

        Raises:
            checkreader.Error: a picture, the bound, the locale or the model cannot be used; the message says why.
        """
        recognizer, about = self._recognizer(field_format("amount", locale=locale), max_error, crop, model)

        def read(pictures: list[bytes]) -> list[Amount]:
            return [
                Amount(**_number(prediction, about, recognizer.point), amount=_decimal(prediction.amount))
                for prediction in recognizer(pictures)
            ]

        return each(picture, read, "amount")

    @overload
    def number(
        self,
        picture: Picture,
        *,
        scheme: str | None = ...,
        length: int | None = ...,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str = ...,
    ) -> Number: ...

    @overload
    def number(
        self,
        picture: list[Pictures] | tuple[Pictures, ...],
        *,
        scheme: str | None = ...,
        length: int | None = ...,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str = ...,
    ) -> list[Number]: ...

    def number(
        self,
        picture: Picture | list[Pictures] | tuple[Pictures, ...],
        *,
        scheme: str | None = None,
        length: int | None = None,
        max_error: float | None = None,
        crop: Crop | None = None,
        model: str = _FIELD,
    ) -> Number | list[Number]:
        """Reads a number.

        Args:
            picture: a path, encoded bytes, a NumPy array or a PIL image; or a list of these, of which every page
                is read.
            scheme: the check digit that the number satisfies, `aba`, `luhn` or `mod97`; None = any number.
            length: how many digits it has; None = any.
            max_error: as in `amount`.
            crop: x, y, width and height of the part to read, in pixels, in every page alike.
            model: another field model than the released one.

        Returns:
            A `Number`; of a list, a list in its order, with one for each page of each picture.

        Raises:
            checkreader.Error: a picture, the bound, the scheme or the model cannot be used; the message says why.
        """
        recognizer, about = self._recognizer(field_format("number", scheme, length), max_error, crop, model)

        def read(pictures: list[bytes]) -> list[Number]:
            return [
                Number(**_number(prediction, about, recognizer.point)) for prediction in recognizer(pictures)
            ]

        return each(picture, read, "number")

    @overload
    def date(
        self,
        picture: Picture,
        *,
        order: str | None = ...,
        after: Day | None = ...,
        before: Day | None = ...,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str = ...,
    ) -> Date: ...

    @overload
    def date(
        self,
        picture: list[Pictures] | tuple[Pictures, ...],
        *,
        order: str | None = ...,
        after: Day | None = ...,
        before: Day | None = ...,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str = ...,
    ) -> list[Date]: ...

    def date(
        self,
        picture: Picture | list[Pictures] | tuple[Pictures, ...],
        *,
        order: str | None = None,
        after: Day | None = None,
        before: Day | None = None,
        max_error: float | None = None,
        crop: Crop | None = None,
        model: str = _FIELD,
    ) -> Date | list[Date]:
        """Reads a date.

        Args:
            picture: a path, encoded bytes, a NumPy array or a PIL image; or a list of these, of which every page
                is read.
            order: how day, month and year follow each other, `dmy`, `mdy` or `ymd`; None = any, and a date that two
                orders read differently is in doubt.
            after: the first day that the date may be, a `datetime.date` or as "2024-02-29"; None = 1900-01-01.
            before: the last one; None = 2099-12-31.
            max_error: as in `amount`.
            crop: x, y, width and height of the part to read, in pixels, in every page alike.
            model: another field model than the released one.

        Returns:
            A `Date`; of a list, a list in its order, with one for each page of each picture.

        Raises:
            checkreader.Error: a picture, the bound, the order, a day or the model cannot be used; the message says why.
        """
        expected = field_format("date", order=order, after=iso(after), before=iso(before))
        recognizer, about = self._recognizer(expected, max_error, crop, model)

        def read(pictures: list[bytes]) -> list[Date]:
            return [
                Date(
                    **_number(prediction, about, recognizer.point),
                    date=datetime.date.fromisoformat(prediction.date) if prediction.date else None,
                )
                for prediction in recognizer(pictures)
            ]

        return each(picture, read, "date")

    def _recognizer(
        self, expected: FieldFormat, max_error: float | None, crop: Crop | None, name: str
    ) -> tuple[FieldRecognizer, Model]:
        loaded = self._load(name)
        recognizer = field_recognizer(name, loaded.model, loaded.network, expected, max_error, crop)
        return recognizer, Model(name, loaded.model.version)

    def _load(self, name: str) -> LoadedModel:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._repository.load(name, self._runtime)
            return self._loaded[name]


def _number(prediction: FieldPrediction, about: Model, point: OperatingPoint) -> dict[str, Any]:
    return {
        "model": about,
        "page": prediction.page,
        "confidence": prediction.confidence,
        "accepted": prediction.accepted,
        "reason": prediction.reason,
        **point.bounds,
        "text": prediction.text,
        "raw": prediction.raw,
        "digits": tuple(prediction.digits),
        "check_digit": prediction.check_digit,
        "alternatives": tuple(prediction.alternatives),
    }


def _decimal(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def iso(day: Day | None) -> str | None:
    """Returns a day as "2024-02-29"."""
    return day.isoformat() if isinstance(day, datetime.date) else day
