"""The Python interface: a thin layer over the modules that serve."""

from __future__ import annotations

import os
from pathlib import Path
from typing import overload

from checkreader.check_reader import CheckReader
from checkreader.field_reader import Crop
from checkreader.pictures import Picture, Pictures, each
from checkreader.results import Digit, Model
from serving.cli.renamed import check_variables
from serving.decoding.thresholds import point_of
from serving.recognition import digits
from serving.repository.store import Repository

__all__ = ["Picture", "Reader", "open"]


class Reader(CheckReader):
    """Reads digits, amounts, numbers, dates, MICR lines and checks; made by `open`, safe to share between threads.

    A model is loaded, and checked against its golden answers, when it is first asked for.

    Args:
        repository: the models.
        runtime: "auto", "onnxruntime" or "litert".
    """

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

        return each(picture, read, "digit")


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
