"""Measures writing: slope, slant, size and place."""

from __future__ import annotations

from dataclasses import dataclass
from operator import mul
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.connected_components import Components

_Floats = npt.NDArray[np.float64]

_STEEPEST: Final = 0.15
_SLANTS: Final = np.arange(-3, 12) / 10
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
            last = np.append(components.first[1:], len(components.row)) - 1
            return BoundingBoxes(
                np.asarray(components.reduce(components.start, np.minimum), np.float64),
                np.asarray(components.reduce(components.stop, np.maximum), np.float64),
                np.asarray(components.row[components.first], np.float64),
                np.asarray(components.row[last] + 1, np.float64),
            )
        y = components.row + 0.5
        above = y - slope * np.where(slope > 0, components.stop, components.start)
        below = y - slope * np.where(slope > 0, components.start, components.stop)
        middle = y - slope * (components.start + components.stop) / 2
        x = slant * middle
        return BoundingBoxes(
            np.asarray(components.reduce(components.start + x, np.minimum), np.float64),
            np.asarray(components.reduce(components.stop + x, np.maximum), np.float64),
            np.asarray(components.reduce(above, np.minimum), np.float64) - 0.5,
            np.asarray(components.reduce(below, np.maximum), np.float64) + 0.5,
        )


def slope_and_slant(components: Components) -> tuple[float, float]:
    """Estimates the baseline's slope (down to the right) and the strokes' slant (to the right going up).

    The slant is the shear that stacks the ink into the fewest, highest columns
    (after Vinciarelli and Luettin, A new normalization technique for cursive
    handwritten words, 2001).
    """
    boxes = BoundingBoxes.of(components, 0.0, 0.0)
    slope = _slope(boxes)
    y, x, mass = (
        components.row + 0.5,
        (components.start + components.stop) / 2,
        components.stop - components.start,
    )
    step = -(-len(y) // _SAMPLES)
    y, x, mass = y[::step], x[::step], mass[::step]
    slant = _best_shear(x, y - slope * x, mass, _SLANTS, 0.05)
    # A single 7 does not tell how its writer's strokes lean.
    aspect = (boxes.right.max() - boxes.left.min()) / (boxes.bottom.max() - boxes.top.min())
    return slope, slant * min(1.0, float(aspect) / 2)


def _slope(boxes: BoundingBoxes) -> float:
    """Fits a line through the digits' lower quarters by least squares that give outliers less weight (Cauchy's)."""
    heights = boxes.bottom - boxes.top
    digits = heights >= 0.4 * heights.max()
    x: list[float] = ((boxes.left + boxes.right) / 2)[digits].tolist()
    y: list[float] = ((3 * boxes.bottom + boxes.top) / 4)[digits].tolist()
    weight: list[float] = (boxes.right - boxes.left)[digits].tolist()
    height = sorted(heights[digits].tolist())[len(x) // 2]
    slope = 0.0
    for _ in range(3):  # over a handful of digits: plain numbers are faster than arrays
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


def _best_shear(
    along: _Floats, across: _Floats, mass: npt.NDArray[np.int64], shears: _Floats, cost: float
) -> float:
    """Returns the shear that gathers the ink in the fewest bins: the largest sum of the profile's squares."""
    position = shears.astype(np.float32)[:, None] * across.astype(np.float32)
    position += along.astype(np.float32)
    position -= position.min()
    bins = position.astype(np.int64)
    span = int(bins.max()) + 2
    bins += np.arange(len(shears))[:, None] * span
    profile = np.bincount(bins.ravel(), np.tile(mass.astype(np.float64), len(shears)), len(shears) * span)
    profile = profile.reshape(len(shears), span)
    score = (profile * profile).sum(1) * (1 - cost * np.abs(shears))
    return float(shears[int(np.argmax(score))])


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
    order = np.argsort(boxes.left, kind="stable")
    groups: list[list[float]] = []
    for left, right, top, bottom in zip(
        *(side[order][keep[order]].tolist() for side in (boxes.left, boxes.right, boxes.top, boxes.bottom)),
        strict=True,
    ):
        if groups:
            last = groups[-1]
            shared = min(right, last[1]) - left
            if shared > 0.4 * min(right - left, last[1] - last[0]):
                last[1], last[2], last[3] = max(last[1], right), min(last[2], top), max(last[3], bottom)
                continue
        groups.append([left, right, top, bottom])
    table = np.array(groups)
    widths, heights = table[:, 1] - table[:, 0], table[:, 3] - table[:, 2]
    # Next to a 1 with a long upstroke, small zeros are no points.
    round_ones = widths >= 0.35 * heights
    tall = heights >= 0.4 * (heights[round_ones] if round_ones.any() else heights).max()
    middles = (table[:, 2] + table[:, 3]) / 2
    return WritingSize(
        _median(heights[tall], widths[tall]),
        _median(middles[tall], widths[tall]),
        float(table[tall, 2].min()),
        float(table[tall, 3].max()),
    )


def _median(values: _Floats, weights: _Floats) -> float:
    """Returns the weighted median."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
