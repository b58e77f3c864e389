"""One frame of a picture: its gray levels and the shape of its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Gray: TypeAlias = npt.NDArray[np.uint8]

_STRIP: Final = 2**22  # pixels that are converted at a time
_LARGE: Final = 2**24  # pixels; beyond them the finer side shrinks instead


def strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Yields the first row and one past the last of strips of a few million pixels.

    Intermediates of color, depth and transparency are several times larger than the picture.
    """
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


@dataclass(frozen=True)
class Frame:
    """A decoded frame.

    Attributes:
        gray: uint8 [height, width], 0 = black, in the pixels of the file.
        aspect: the height of a pixel divided by its width; 2.08 in a fax of 204×98 dots per inch.
    """

    gray: Gray
    aspect: float = 1.0

    def square(self) -> Gray:
        """Returns the gray levels resampled so that pixels are square: more rows where they are tall, or columns."""
        if self.aspect == 1:
            return self.gray
        height, width = self.gray.shape
        if (self.aspect > 1) == (self.gray.size * max(self.aspect, 1 / self.aspect) <= _LARGE):
            height = max(1, round(height * self.aspect))
        else:
            width = max(1, round(width / self.aspect))
        return np.asarray(Image.fromarray(self.gray).resize((width, height), Image.Resampling.BILINEAR))
