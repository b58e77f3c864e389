"""Draws how a writer writes one field: size, pen, slant, spacing and habits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Range = tuple[float, float]


@dataclass(frozen=True)
class Stack:
    """How a fraction with a level bar is set: the least and the largest share of the body's height."""

    size: Range  # of its digits
    bar: Range  # the bar's height above the baseline
    close: Range  # between bar and digits
    reach: Range  # the bar's length, as a share of what it parts


USUAL_STACK: Final = Stack((0.4, 0.62), (0.3, 0.65), (0.06, 0.16), (1.05, 1.5))
WIDE_STACK: Final = Stack((0.34, 0.72), (0.15, 0.85), (0.04, 0.22), (0.9, 2.0))


@dataclass(frozen=True)
class WritingStyle:
    """A writer's style in one field; lengths are shares of the body's height where no unit is given."""

    body: float  # pixels
    pen: float  # half its width, pixels
    slant: float  # columns per row, positive = to the right
    skew: float  # rows per column, positive = downhill
    aspect: float
    gap: float
    untidy: float  # 1 = as most writers
    warp: float  # standard deviation of the bends, pixels of a glyph's map
    zeros: float  # size of zeros after the first digit
    drift: float  # growth per character
    chained: float  # probability that zeros in a row are one stroke
    crossed: bool  # sevens have a bar
    sizes: npt.NDArray[np.float64]  # [10], of each digit
    overlap: float = 100.0  # of the narrower of two neighbors' widths, at most; 100 = any
    stack: Stack = USUAL_STACK


def writing_style(rng: np.random.Generator, upright: bool) -> WritingStyle:
    """Draws a random style; `upright` glyphs have no slant of their own and get all of it here."""
    body = min(max(np.exp(rng.normal(np.log(33), 0.26)), 20.0), 56.0)
    sizes = np.exp(rng.normal(0, 0.075, 10))
    if rng.random() < 0.35:
        sizes[1] *= rng.uniform(1.0, 1.5)
    return WritingStyle(
        body=float(body),
        pen=float(max(body * min(np.exp(rng.normal(np.log(0.043), 0.27)), 0.08), 0.7)),
        slant=float(min(max(rng.normal(0.24 if upright else 0.12, 0.25), -0.6), 0.75)),
        skew=float(np.tan(np.radians(min(max(rng.normal(-1, 2.3), -7), 7)))),
        aspect=float(np.exp(rng.normal(0.12, 0.2))),
        gap=float(rng.normal(0.12, 0.09)),
        untidy=float(rng.uniform(0.3, 1.4)),
        warp=float(rng.uniform(0.5, 2.2)),
        zeros=float(rng.uniform(0.35, 0.95) if rng.random() < 0.5 else 1.0),
        drift=float(rng.normal(0, 0.03)),
        chained=float(rng.random() < 0.3),
        crossed=bool(rng.random() < 0.65),
        sizes=sizes,
    )
