"""Pictures of single digits: encoded bytes → pixels → readings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serving.decode import Reading, readings
from serving.errors import CheckdigitError
from serving.images import Gray, decode, normalize
from serving.manifest import Threshold
from serving.runtime import Floats

Crop = tuple[int, int, int, int]


def pixels(pictures: Sequence[bytes], crop: Crop | None = None) -> npt.NDArray[np.uint8]:
    """Pictures as the networks see them.

    Args:
        pictures: encoded, as `images.decode` takes them; at least one.
        crop: x, y, width and height of the part to read, in every picture alike.

    Returns:
        uint8 [N, 28, 28], 255 = ink.

    Raises:
        CheckdigitError: a picture cannot be read, or the crop lies outside it.
    """
    made = []
    for number, data in enumerate(pictures, 1):
        try:
            made.append(normalize(_cut(decode(data), crop)))
        except CheckdigitError as error:
            which = f"picture {number} of {len(pictures)}: " if len(pictures) > 1 else ""
            raise CheckdigitError(f"{which}{error}") from None
    return np.stack(made)


def read(pixels: npt.NDArray[np.uint8], probabilities: Floats, bar: Threshold) -> list[Reading]:
    """The readings of `pixels`, uint8 [N, 28, 28], from what the network said of them, float32 [N, 10]."""
    return readings(probabilities, pixels.max(axis=(1, 2)) == 0, bar)


def _cut(gray: Gray, crop: Crop | None) -> Gray:
    if crop is None:
        return gray
    x, y, width, height = crop
    rows, columns = gray.shape
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > columns or y + height > rows:
        raise CheckdigitError(
            f"crop {x},{y},{width},{height} does not lie inside the picture of {columns}×{rows} pixels"
        )
    return gray[y : y + height, x : x + width]
