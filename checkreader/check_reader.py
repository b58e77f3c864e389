"""Whole checks by the Python interface."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, overload

import msgspec

from checkreader.check_results import Check
from checkreader.field_reader import Day, iso
from checkreader.micr_reader import MicrReader
from checkreader.pictures import Picture, Pictures, each
from checkreader.results import Model
from serving.decoding.micr import AUTO
from serving.recognition import check_layout
from serving.recognition.check_format import CheckFormat
from serving.recognition.check_recognizer import check_recognizer
from serving.repository import check_models

# A file, or for each field left, top, right and bottom as shares of the check's width and height.
Layout: TypeAlias = str | os.PathLike[str] | Mapping[str, Sequence[float]]


class CheckReader(MicrReader):
    """Reads whole checks, and what a `MicrReader` reads."""

    @overload
    def check(
        self,
        picture: Picture,
        *,
        locale: str | None = ...,
        order: str | None = ...,
        country: str = ...,
        after: Day | None = ...,
        before: Day | None = ...,
        max_error: float | None = ...,
        layout: Layout | None = ...,
    ) -> Check: ...

    @overload
    def check(
        self,
        picture: list[Pictures] | tuple[Pictures, ...],
        *,
        locale: str | None = ...,
        order: str | None = ...,
        country: str = ...,
        after: Day | None = ...,
        before: Day | None = ...,
        max_error: float | None = ...,
        layout: Layout | None = ...,
    ) -> list[Check]: ...

    def check(
        self,
        picture: Picture | list[Pictures] | tuple[Pictures, ...],
        *,
        locale: str | None = None,
        order: str | None = None,
        country: str = AUTO,
        after: Day | None = None,
        before: Day | None = None,
        max_error: float | None = None,
        layout: Layout | None = None,
    ) -> Check | list[Check]:
        """Reads a whole check: its amount, date, MICR line and number.

        Args:
            picture: a scan or a photograph of a check: a path, encoded bytes, a NumPy array or a PIL image; or a list of
                these, of which every page is read.
            locale: as in `amount`.
            order, after, before: as in `date`; where a day is named, a check is accepted only with an accepted date.
            country: as in `micr`.
            max_error: of each field, as in `amount`.
            layout: where the fields lie on checks that are all alike, a JSON file or a mapping, `{"amount": (left, top,
                right, bottom), …}` as shares of the check's width and height; None = they are found.

        Returns:
            A `Check`; of a list, a list in its order, with one for each page of each picture.

        Raises:
            checkreader.Error: a picture, the layout, an option or a model cannot be used; the message says why.
        """
        places = None if layout is None else _places(layout)
        expected = CheckFormat(locale, order, country, iso(after), iso(before), places)
        models = check_models.choose(self._repository, expected, max_error)
        networks = [self._load(entry.name).network for entry in models.all]
        recognize = check_recognizer(models, networks, expected)
        about = tuple(Model(entry.name, entry.model.version) for entry in models.all)

        def read(pictures: list[bytes]) -> list[Check]:
            return [
                msgspec.convert(
                    msgspec.structs.asdict(prediction) | {"models": about}, Check, from_attributes=True
                )
                for prediction in recognize(pictures)
            ]

        return each(picture, read, "check")


def _places(layout: Layout) -> str:
    """Returns a layout as `CheckFormat` has it."""
    if isinstance(layout, Mapping):
        return check_layout.to_text(check_layout.from_mapping(layout))
    return check_layout.to_text(check_layout.load(Path(layout)))
