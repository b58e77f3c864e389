"""Recognizes single digits: encoded bytes become normalized pixels, probabilities become predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serving.decoding.thresholds import DigitPrediction, digit_predictions
from serving.images.crop import Crop, normalize_each
from serving.images.digit import normalize
from serving.manifest import Threshold
from serving.runtime.network import Floats


def normalize_pictures(pictures: Sequence[bytes], crop: Crop | None = None) -> npt.NDArray[np.uint8]:
    """Decodes and normalizes pictures.

    Args:
        pictures: encoded, as `codec.decode` takes them; at least one.
        crop: x, y, width and height of the part to read, in every picture alike.

    Returns:
        uint8 [N, 28, 28], 255 = ink.

    Raises:
        CheckreaderError: a picture cannot be read, or the crop lies outside it.
    """
    return np.stack(normalize_each(pictures, crop, lambda part: normalize(part.square())))


def recognize(
    pixels: npt.NDArray[np.uint8], probabilities: Floats, threshold: Threshold
) -> list[DigitPrediction]:
    """Predicts digits.

    Args:
        pixels: uint8 [N, 28, 28], normalized.
        probabilities: float32 [N, 10], the network's for these pixels.
        threshold: as `choose_threshold` gives it.
    """
    return digit_predictions(probabilities, pixels.max(axis=(1, 2)) == 0, threshold)
