"""Measures how well a check is seen in a picture, and says in words what is wrong with it.

>>> from serving.images.check_quality import quality
>>> from serving.images.perspective import Perspective
>>> quality(pixels, Perspective.whole(pixels)).problems
('blurred',)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from serving.images.codec import Gray
from serving.images.perspective import Perspective, Points

_SAMPLED: Final = 1_600  # columns of the picture's part at most, in which levels are measured
_SPARSE: Final = 3  # every third row is looked at along rows, every third column along columns
_RARE: Final = 0.004  # share of the pixels in the steepest strokes, and of the darkest and lightest ones
_LEAST_CONTRAST: Final = 24.0  # levels, below which no stroke is seen that could be sharp
_GRID: Final = 48, 24  # places of the check, across and down
_WHITE: Final = 250  # level of glare
_WHITE_PAPER: Final = 215  # of paper so light that glare cannot be told from it

# Bounds of a good picture:
_LEAST_WIDTH: Final = 500.0
_LEAST_SHARPNESS: Final = 0.12
_LEAST_LIGHT: Final = 50.0
_MOST_GLARE: Final = 0.04
_MOST_SKEW: Final = 20.0
_MOST_CUT_OFF: Final = 0.03


@dataclass(frozen=True)
class Quality:
    """How a check is seen, rounded.

    Attributes:
        width: pixels of the picture along the check's longer side; a check is 6 to 8.5 inches wide.
        sharpness: share of the ink's contrast that the steepest strokes rise by from one pixel to the next, 0 to 1, in
            the worse direction; 0 where there is no ink.
        light: middle level of the check, 0 to 255.
        glare: share of the check that is white although its paper is not.
        skew: angle of the check's length to the horizontal, -90 to 90 degrees, positive clockwise.
        cut_off: share of the check that lies beyond the picture.
        problems: what is wrong, of "too small", "blurred", "dark", "glare", "cut off" and "skewed".
    """

    width: int
    sharpness: float
    light: int
    glare: float
    skew: float
    cut_off: float
    problems: tuple[str, ...]


def quality(pixels: Gray, perspective: Perspective) -> Quality:
    """Measures how a check is seen in a picture, uint8 [h, w], at a place in it."""
    top, _, bottom, _ = np.roll(perspective.corners, -1, 0) - perspective.corners
    width = max(float(np.hypot(*top)), float(np.hypot(*bottom)))
    along = top - bottom
    skew = float(np.degrees(np.arctan2(along[1], along[0])))
    skew = (skew + 90) % 180 - 90
    places = _places(perspective)
    inside = _is_inside(places, pixels)
    levels = pixels[tuple(places[inside].astype(np.int64).T[::-1])] if inside.any() else np.zeros(1, np.uint8)
    light = float(np.median(levels))
    sharpness = _sharpness(_part(pixels, perspective.corners))
    glare = float((levels >= _WHITE).mean()) if light < _WHITE_PAPER else 0.0
    cut_off = 1 - float(inside.mean())
    problems = {
        "too small": width < _LEAST_WIDTH,
        "blurred": sharpness < _LEAST_SHARPNESS,
        "dark": light < _LEAST_LIGHT,
        "glare": glare > _MOST_GLARE,
        "cut off": cut_off > _MOST_CUT_OFF,
        "skewed": abs((skew + 45) % 90 - 45) > _MOST_SKEW,
    }
    words = tuple(word for word, is_wrong in problems.items() if is_wrong)
    return Quality(
        round(width),
        round(sharpness, 3),
        round(light),
        round(glare, 3),
        round(skew, 1),
        round(cut_off, 3),
        words,
    )


def _places(perspective: Perspective) -> Points:
    """Returns a grid of the check's places in the picture, float64 [n, 2]."""
    columns, rows = _GRID
    x = (np.arange(columns) + 0.5) * (perspective.width / columns)
    y = (np.arange(rows) + 0.5) * (perspective.height / rows)
    return perspective.to_picture(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))


def _is_inside(places: Points, pixels: Gray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    height, width = pixels.shape
    return np.asarray(((places >= 0) & (places < (width, height))).all(1))


def _part(pixels: Gray, corners: Points) -> Gray:
    """Cuts the middle of a check out, upright in the picture, at most `_SAMPLED` columns wide."""
    middle, reach = corners.mean(0), np.ptp(corners, axis=0) * 0.45
    left, top = np.maximum(middle - reach, 0).astype(int).tolist()
    right, bottom = np.maximum(middle + reach + 1, (left + 1, top + 1)).astype(int).tolist()
    part = pixels[top:bottom, left:right]
    block = -(-max(part.shape) // _SAMPLED)
    return np.asarray(Image.fromarray(part).reduce(block)) if block > 1 and part.size else part


def _sharpness(pixels: Gray) -> float:
    """Returns the share of the contrast that the steepest strokes rise by from pixel to pixel, the lesser of two ways."""
    if min(pixels.shape) < 2:
        return 0.0
    levels = np.bincount(pixels[::_SPARSE].ravel(), minlength=256)
    contrast = _percentile(levels, 1 - _RARE) - _percentile(levels, _RARE)
    if contrast < _LEAST_CONTRAST:
        return 0.0
    steps = []
    for lines in (pixels[::_SPARSE], pixels[:, ::_SPARSE].T):
        difference = np.abs(np.diff(lines.astype(np.int16), axis=1)).ravel()
        steps.append(_percentile(np.bincount(difference, minlength=256), 1 - _RARE))
    return min(1.0, min(steps) / contrast)


def _percentile(counts: np.ndarray[tuple[int], np.dtype[np.int64]], share: float) -> float:
    """Returns the level that a share of the counted pixels do not exceed."""
    total = counts.cumsum()
    return float(total.searchsorted(share * total[-1]))
