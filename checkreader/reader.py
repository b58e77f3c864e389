"""The Python interface: a thin layer over the modules that serve."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, overload

from checkreader.pictures import Picture, encoded
from checkreader.results import Amount, Digit, Model, Number
from serving.cli.renamed import check_variables
from serving.decoding.field_string import field_format
from serving.decoding.thresholds import OperatingPoint, point_of
from serving.errors import CheckreaderError
from serving.images.pages import split
from serving.recognition import digits, fields
from serving.recognition.fields import FieldPrediction, FieldRecognizer
from serving.repository.golden import LoadedModel
from serving.repository.store import Repository

__all__ = ["Picture", "Reader", "open"]

Crop: TypeAlias = tuple[int, int, int, int]
Result = TypeVar("Result")
Pictures = TypeVar("Pictures", bound=Picture)  # what a list of pictures holds

_FIELD = "lenet5-field"


class Reader:
    """Reads digits, amounts and numbers; made by `open`, safe to share between threads.

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

    def __repr__(self) -> str:
        return f"checkreader.Reader({str(self._repository.folder)!r})"

    @overload
    def digit(
        self,
        picture: Picture,
        *,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str | None = ...,
    ) -> Digit: ...

    @overload
    def digit(
        self,
        picture: list[Pictures] | tuple[Pictures, ...],
        *,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str | None = ...,
    ) -> list[Digit]: ...

    def digit(
        self,
        picture: Picture | list[Pictures] | tuple[Pictures, ...],
        *,
        max_error: float | None = None,
        crop: Crop | None = None,
        model: str | None = None,
    ) -> Digit | list[Digit]:
        """Reads a single digit.

        Args:
            picture: a path, encoded bytes, a NumPy array or a PIL image; or a list of these, of which every page
                is read.
            max_error: the tolerated share of wrong digits among the accepted; None = 1 %, else the smallest that the
                model certifies above that, up to 5 %. With a smaller one than it certifies nothing is accepted.
            crop: x, y, width and height of the part to read, in pixels, in every page alike.
            model: another digit model than the release's default.

        Returns:
            A `Digit`; of a list, a list in its order, with one for each page of each picture.

        Raises:
            checkreader.Error: a picture, the bound or the model cannot be used; the message says why.
        """
        name = model or self._repository.manifest.default
        digits.require_digits(name, self._repository.model(name))
        loaded = self._load(name)
        point = point_of(loaded.model, max_error)
        about = Model(loaded.name, loaded.model.version)
        recognize = digits.digit_recognizer(loaded.network, point, crop)

        def read(pictures: list[bytes]) -> list[Digit]:
            return [
                Digit(
                    about,
                    prediction.page,
                    prediction.confidence,
                    prediction.accepted,
                    prediction.reason,
                    point.max_error,
                    point.applied_max_error,
                    prediction.digit,
                    tuple(prediction.top),
                )
                for prediction in recognize(pictures)
            ]

        return _each(picture, read, "digit")

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
        recognizer, about = self._fields("amount", None, None, locale, max_error, crop, model)

        def read(pictures: list[bytes]) -> list[Amount]:
            return [
                Amount(**_number(prediction, about, recognizer.point), amount=_decimal(prediction.amount))
                for prediction in recognizer(pictures)
            ]

        return _each(picture, read, "amount")

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
        recognizer, about = self._fields("number", scheme, length, None, max_error, crop, model)

        def read(pictures: list[bytes]) -> list[Number]:
            return [
                Number(**_number(prediction, about, recognizer.point)) for prediction in recognizer(pictures)
            ]

        return _each(picture, read, "number")

    def _fields(
        self,
        kind: str,
        scheme: str | None,
        length: int | None,
        locale: str | None,
        max_error: float | None,
        crop: Crop | None,
        name: str,
    ) -> tuple[FieldRecognizer, Model]:
        expected = field_format(kind, scheme, length, locale)
        loaded = self._load(name)
        recognizer = fields.field_recognizer(name, loaded.model, loaded.network, expected, max_error, crop)
        return recognizer, Model(name, loaded.model.version)

    def _load(self, name: str) -> LoadedModel:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._repository.load(name, self._runtime)
            return self._loaded[name]


def open(models: str | Path | None = None, *, runtime: str = "auto") -> Reader:
    """Opens a models folder.

    Args:
        models: the folder; None = $CHECKREADER_MODELS, else the released models that came with this package.
        runtime: "onnxruntime", "litert", or "auto": the first that is installed.

    Raises:
        checkreader.Error: there are no models in the folder, their manifest is garbled, or an environment variable
            of the old name is set; the message names the new one.
    """
    check_variables(os.environ)
    return Reader(Repository.open(models), runtime)


def _each(
    picture: Picture | list[Pictures] | tuple[Pictures, ...],
    read: Callable[[list[bytes]], list[Result]],
    method: str,
) -> Result | list[Result]:
    """Reads one picture of one page, or every page of several in one batch; `method` is the caller's name."""
    if not isinstance(picture, list | tuple):
        content = _encoded(picture, "")
        count = len(split(content))
        if count > 1:
            name = os.fspath(picture) if isinstance(picture, str | os.PathLike) else "the picture"
            raise CheckreaderError(
                f"{name} has {count} pages: pass a list, reader.{method}([…]), to read them all"
            )
        (result,) = read([content])
        return result
    if not picture:
        return []
    count = len(picture)
    return read([_encoded(entry, f"picture {i} of {count}: ") for i, entry in enumerate(picture, 1)])


def _encoded(picture: Picture, where: str) -> bytes:
    try:
        return encoded(picture)
    except CheckreaderError as error:
        raise CheckreaderError(f"{where}{error}") from None


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
