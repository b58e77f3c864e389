"""Corrects what was written: a digit over another one, which is no longer to be read, and blots of ink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.synthesis.pen_strokes import draw_stroke

OVERWRITTEN: Final = 0.02  # share of fields
BLOTTED: Final = 0.012
_THINNER: Final = 0.3, 0.7  # pens that the earlier digit's strokes are thinner by on either side
_BOLDER: Final = 0.3, 0.9  # and the later one's thicker

Floats = npt.NDArray[np.float32]
Write = Callable[[str], Floats]  # a digit → distances into the ink of it alone, float32 [h, w]


def correct(
    ink: Floats, boxes: Floats, text: str, pen: float, write: Write, rng: np.random.Generator
) -> None:
    """Overwrites a digit, or blots the ink, in a share of the fields.

    Args:
        ink: distances into the ink, float32 [h, w].
        boxes: of the text's symbols, float32 [n, 4]: x, y, width, height.
        text: what is to be read: the later digit.
        pen: half its width in pixels.
        write: writes another digit by the same hand.
        rng: decides everything.
    """
    chance = rng.random()
    digits = [place for place, symbol in enumerate(text) if symbol.isdigit()]
    if not digits or chance >= OVERWRITTEN + BLOTTED:
        return
    place = digits[int(rng.integers(len(digits)))]
    if chance >= OVERWRITTEN:
        blot(ink, boxes[place], pen, rng)
        return
    earlier = str(rng.choice([digit for digit in "0123456789" if digit != text[place]]))
    overwrite(ink, boxes[place], write(earlier), pen, rng)


def overwrite(ink: Floats, box: Floats, earlier: Floats, pen: float, rng: np.random.Generator) -> None:
    """Thickens the digit in a box and puts an earlier one, in a thinner line, below it."""
    x, y, width, height = box.astype(int).tolist()
    digit = ink[y : y + height, x : x + width]
    digit[digit > -1.5] += np.float32(pen * rng.uniform(*_BOLDER))
    inked = earlier > 0
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    if not len(rows):
        return
    earlier = earlier[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    earlier = earlier - np.float32(pen * rng.uniform(*_THINNER))
    left = x + (width - earlier.shape[1]) // 2 + int(rng.normal(0, 0.06) * height)
    top = y + (height - earlier.shape[0]) // 2 + int(rng.normal(0, 0.05) * height)
    part = earlier[max(-top, 0) : ink.shape[0] - top, max(-left, 0) : ink.shape[1] - left]
    y0, x0 = max(top, 0), max(left, 0)
    page = ink[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]]
    np.maximum(page, part, out=page)


def blot(ink: Floats, box: Floats, pen: float, rng: np.random.Generator) -> None:
    """Draws a blot on a digit or beside it, small enough to leave the digit's shape."""
    x, y, width, height = box.tolist()
    middle = np.array([x + width * rng.uniform(-0.1, 1.1), y + height * rng.uniform(0, 1)])
    tail = middle + rng.normal(0, 0.06, 2) * height
    draw_stroke(ink, np.stack([middle, tail]), pen + height * rng.uniform(0.03, 0.08))
