"""Recognizes single digits: encoded bytes become normalized pixels, probabilities become predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serving.decoding.thresholds import DigitPrediction, OperatingPoint, digit_predictions
from serving.errors import CheckreaderError
from serving.images.codec import Frame
from serving.images.crop import Crop, PageLimit, normalize_each
from serving.images.digit import normalize, tensor
from serving.manifest import Model
from serving.runtime.network import Floats, Network


@dataclass(frozen=True)
class NormalizedDigits:
    """Pictures as the network sees them, uint8 [N, 28, 28], 255 = ink, and the page that each was of its picture."""

    pixels: npt.NDArray[np.uint8]
    pages: Sequence[int]


def normalize_pictures(
    pictures: Sequence[bytes], crop: Crop | None = None, limit: PageLimit | None = None
) -> NormalizedDigits:
    """Decodes and normalizes pictures, every page of each.

    Args:
        pictures: encoded, as `codec.decode` takes them; at least one.
        crop: x, y, width and height of the part to read, in every page alike.
        limit: as for `normalize_each`.

    Raises:
        CheckreaderError: as `normalize_each`.
    """

    def normalize_page(part: Frame, page: int) -> tuple[npt.NDArray[np.uint8], int]:
        return normalize(part.square()), page

    pixels, pages = zip(*normalize_each(pictures, crop, normalize_page, limit), strict=True)
    return NormalizedDigits(np.stack(pixels), pages)


def require_digits(name: str, model: Model) -> None:
    """Raises CheckreaderError if the model does not read digits."""
    if model.task != "digit":
        raise CheckreaderError(f"model {name!r} does not read digits")


def recognize(
    source: NormalizedDigits, probabilities: Floats, point: OperatingPoint
) -> list[DigitPrediction]:
    """Predicts digits.

    Args:
        source: the normalized pictures.
        probabilities: float32 [N, 10], the network's for their pixels.
        point: what is accepted.
    """
    return digit_predictions(probabilities, source.pixels.max(axis=(1, 2)) == 0, point, source.pages)


def digit_recognizer(
    network: Network, point: OperatingPoint, crop: Crop | None = None
) -> Callable[[Sequence[bytes]], list[DigitPrediction]]:
    """Makes a function that recognizes every page of encoded pictures.

    Args:
        network: the loaded model.
        point: what is accepted.
        crop: x, y, width and height of the part to read, in every page alike.
    """

    def recognize_pictures(pictures: Sequence[bytes]) -> list[DigitPrediction]:
        source = normalize_pictures(pictures, crop)
        return recognize(source, network.infer(tensor(source.pixels)), point)

    return recognize_pictures
