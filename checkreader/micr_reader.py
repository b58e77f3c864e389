"""MICR lines by the Python interface."""

from __future__ import annotations

from typing import overload

from checkreader.field_reader import Crop, FieldReader
from checkreader.pictures import Picture, Pictures, each
from checkreader.results import MicrLine, Model
from serving.decoding.micr import AUTO
from serving.recognition.micr_recognizer import micr_recognizer


class MicrReader(FieldReader):
    """Reads MICR lines, and what a `FieldReader` reads."""

    @overload
    def micr(
        self,
        picture: Picture,
        *,
        country: str = ...,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str | None = ...,
    ) -> MicrLine: ...

    @overload
    def micr(
        self,
        picture: list[Pictures] | tuple[Pictures, ...],
        *,
        country: str = ...,
        max_error: float | None = ...,
        crop: Crop | None = ...,
        model: str | None = ...,
    ) -> list[MicrLine]: ...

    def micr(
        self,
        picture: Picture | list[Pictures] | tuple[Pictures, ...],
        *,
        country: str = AUTO,
        max_error: float | None = None,
        crop: Crop | None = None,
        model: str | None = None,
    ) -> MicrLine | list[MicrLine]:
        """Reads a MICR line in E-13B.

        Args:
            picture: a strip, or the lower part of a check, upright or upside down: a path, encoded bytes, a NumPy array or
                a PIL image; or a list of these, of which every page is read.
            country: whose layout the line has, `us`, `ca`, `in`, `gb` or `other`; `auto` = tries all.
            max_error: as in `amount`.
            crop: x, y, width and height of the part to read, in pixels, in every page alike.
            model: another MICR model than the first of the release.

        Returns:
            A `MicrLine`; of a list, a list in its order, with one for each page of each picture.

        Raises:
            checkreader.Error: a picture, the country, the bound or the model cannot be used, or no model reads MICR
                lines; the message says why.
        """
        name = self._repository.first("micr", "MICR lines") if model is None else model
        loaded = self._load(name)
        recognizer = micr_recognizer(name, loaded.model, loaded.network, country, max_error, crop)
        about, point = Model(name, loaded.model.version), recognizer.point

        def read(pictures: list[bytes]) -> list[MicrLine]:
            return [
                MicrLine(
                    about,
                    prediction.page,
                    prediction.confidence,
                    prediction.accepted,
                    prediction.reason,
                    point.max_error,
                    point.applied_max_error,
                    prediction.text,
                    prediction.symbols,
                    prediction.country,
                    prediction.fields,
                    prediction.check_digit,
                    tuple(prediction.boxes),
                )
                for prediction in recognizer(pictures)
            ]

        return each(picture, read, "micr")
