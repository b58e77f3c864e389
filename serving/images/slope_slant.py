"""Measures writing: slope, slant, size and place."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter, mul
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.connected_components import Components

_Floats = npt.NDArray[np.float64]

_STEEPEST: Final = 0.15
_SLANTS: Final = np.arange(-3, 12) / 10
_SLANT_COST: Final = 0.05
_SAMPLES: Final = 500


@dataclass(frozen=True)
class BoundingBoxes:
    """The components' bounding boxes in upright coordinates; float64 [components] each."""

    left: _Floats
    right: _Floats
    top: _Floats
    bottom: _Floats

    @staticmethod
    def of(components: Components, slope: float, slant: float) -> BoundingBoxes:
        """Computes the boxes with the slope and the slant taken out."""
        if not slope and not slant:
            return BoundingBoxes(
                np.asarray(components.reduce(components.start, np.minimum), np.float64),
                np.asarray(components.reduce(components.stop, np.maximum), np.float64),
                np.asarray(components.row[components.first], np.float64),
                np.asarray(components.reduce(components.row, np.maximum) + 1, np.float64),
            )
        y = components.row + 0.5
        first, last = components.start, components.stop
        above = y - slope * (last if slope > 0 else first)
        below = y - slope * (first if slope > 0 else last)
        x = slant * (y - slope * (first + last) / 2)
        return BoundingBoxes(
            np.asarray(components.reduce(first + x, np.minimum), np.float64),
            np.asarray(components.reduce(last + x, np.maximum), np.float64),
            np.asarray(components.reduce(above, np.minimum), np.float64) - 0.5,
            np.asarray(components.reduce(below, np.maximum), np.float64) + 0.5,
        )

    def __iter__(self) -> Iterator[tuple[float, float, float, float]]:
        """Yields left, right, top and bottom of each; over a handful, plain numbers are faster than arrays."""
        sides = (self.left, self.right, self.top, self.bottom)
        return zip(*(side.tolist() for side in sides), strict=True)


def slope_and_slant(components: Components) -> tuple[float, float]:
    """Estimates the baseline's slope (down to the right) and the strokes' slant (to the right going up).

    The slant is the shear that stacks the ink into the fewest, highest columns
    (after Vinciarelli and Luettin, A new normalization technique for cursive
    handwritten words, 2001).
    """
    boxes = BoundingBoxes.of(components, 0.0, 0.0)
    slope = _slope(boxes)
    step = -(-len(components.row) // _SAMPLES)
    y = components.row[::step] + 0.5
    first, last = components.start[::step], components.stop[::step]
    x = (first + last) / 2
    slant = _slant(x, y - slope * x, last - first)
    # A single 7 does not tell how its writer's strokes lean.
    aspect = (boxes.right.max() - boxes.left.min()) / (boxes.bottom.max() - boxes.top.min())
    return slope, slant * min(1.0, float(aspect) / 2)


def _slope(boxes: BoundingBoxes) -> float:
    """Fits a line through the digits' lower quarters by least squares that give outliers less weight (Cauchy's)."""
    least = 0.4 * max(bottom - top for _, _, top, bottom in boxes)
    digits = [box for box in boxes if box[3] - box[2] >= least]
    x = [(left + right) / 2 for left, right, _, _ in digits]
    y = [(3 * bottom + top) / 4 for _, _, top, bottom in digits]
    weight = [right - left for left, right, _, _ in digits]
    height = sorted(bottom - top for _, _, top, bottom in digits)[len(digits) // 2]
    slope = 0.0
    for _ in range(3):
        total = sum(weight)
        x0 = sum(map(mul, weight, x)) / total
        y0 = sum(map(mul, weight, y)) / total
        xy = xx = 0.0
        for w, a, b in zip(weight, x, y, strict=True):
            xy += w * (a - x0) * (b - y0)
            xx += w * (a - x0) ** 2
        # Two or three digits that dance make no slope.
        slope = xy / (xx + 0.3 * height**3)
        weight = [
            w / (1 + ((b - y0 - slope * (a - x0)) / (0.15 * height)) ** 2)
            for w, a, b in zip(weight, x, y, strict=True)
        ]
    return min(max(slope, -_STEEPEST), _STEEPEST)


def _slant(along: _Floats, across: _Floats, mass: npt.NDArray[np.int64]) -> float:
    """Returns the shear that gathers the ink in the fewest bins: the largest sum of the profile's squares."""
    position = _SLANTS.astype(np.float32)[:, None] * across.astype(np.float32)
    position += along.astype(np.float32)
    position -= position.min()
    bins = position.astype(np.int64)
    count, span = len(_SLANTS), int(bins.max()) + 2
    bins += np.arange(0, count * span, span)[:, None]
    weights = mass[None].repeat(count, 0)
    profile = np.bincount(bins.ravel(), weights.ravel(), count * span).reshape(count, span)
    score = (profile * profile).sum(1) * (1 - _SLANT_COST * np.abs(_SLANTS))
    return float(_SLANTS[score.argmax()])


@dataclass(frozen=True)
class WritingSize:
    """Height and middle row of the digits' bodies; top and bottom row of all that is as tall as a digit."""

    height: float
    middle: float
    top: float
    bottom: float


def writing_size(boxes: BoundingBoxes, keep: npt.NDArray[np.bool_]) -> WritingSize:
    """Measures the digits among the components to keep, bool [components], of which there is one at least.

    Components above each other are one digit (a 5 and its bar). Wide digits count
    more: a tall 1 or a slash says little about the zeros next to it.
    """
    groups: list[list[float]] = []
    for left, right, top, bottom in sorted(itertools.compress(boxes, keep), key=itemgetter(0)):
        if groups:
            last = groups[-1]
            shared = min(right, last[1]) - left
            if shared > 0.4 * min(right - left, last[1] - last[0]):
                last[1], last[2], last[3] = max(last[1], right), min(last[2], top), max(last[3], bottom)
                continue
        groups.append([left, right, top, bottom])
    heights = [bottom - top for _, _, top, bottom in groups]
    # Next to a 1 with a long upstroke, small zeros are no points.
    round_ones = [
        height
        for (left, right, _, _), height in zip(groups, heights, strict=True)
        if right - left >= 0.36 * height
    ]
    least = 0.4 * max(round_ones or heights)
    tall = [group for group, height in zip(groups, heights, strict=True) if height >= least]
    widths = [right - left for left, right, _, _ in tall]
    return WritingSize(
        _median([bottom - top for _, _, top, bottom in tall], widths),
        _median([(top + bottom) / 2 for _, _, top, bottom in tall], widths),
        min(top for _, _, top, _ in tall),
        max(bottom for _, _, _, bottom in tall),
    )


def _median(values: list[float], weights: list[float]) -> float:
    """Returns the weighted median."""
    weighted = sorted(zip(values, weights, strict=True), key=itemgetter(0))
    total = list(itertools.accumulate(weight for _, weight in weighted))
    return weighted[bisect.bisect_left(total, total[-1] / 2)][0]
