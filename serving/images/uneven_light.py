"""Finds whether ink is dark or light, and takes shadows and light that falls off out of a picture.

Paper is what a closing leaves of a picture with dark ink, the maximum over
windows and then the minimum over them, and an opening of one with light ink:
strokes go, while the straight edge of a shadow, however hard, stays where it is.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.closing import close_squares
from serving.images.codec import Gray
from serving.images.level_map import map_levels

# Levels whose differences weigh the same on light and on dark paper, as the light's own noise does.
_ROOTS: Final = np.rint(np.sqrt(np.arange(256) * 255)).astype(np.uint8)
_WINDOW: Final = 1 / 8  # of the height, to each side; more than half of a stroke
_WIDE_WINDOW: Final = 1 / 6
_BEYOND: Final = 3 / 4  # of the window, over the edge: a shadow's corner there is paper, a 7's bar is none
_DARKEST: Final = 0.01  # share of the paper that may be darker than what is called its darkest
_UNEVEN: Final = 2 / 3  # of the brightest light; what is less uneven, the paper's level in tiles follows
_GLOW: Final = 10  # levels added to all: the noise of black paper is no light


def dark_ink(work: Gray) -> Gray:
    """Returns a picture, uint8 [H, W], with its ink dark and, where it was very uneven, its light even."""
    step = 2 if min(work.shape) >= 40 else 1
    sample = map_levels(work[::step, ::step], _ROOTS)
    # An opening is the negative of the negative's closing.
    closed, closed_negative = closings = close_squares(
        np.array([sample, ~sample]), max(2, round(_WINDOW * len(sample)))
    )
    # Of dark ink a closing leaves nothing, an opening all; both leave the light's own edges.
    variation, negative_variation = _variations(closings)
    light = variation > negative_variation
    if _is_even(~closed_negative if light else closed):
        return np.asarray(~work) if light else work
    reach = max(2, round(_WIDE_WINDOW * len(work)))
    beyond = int(_BEYOND * reach)
    if light:
        return np.asarray(~_evened(work, ~close_squares(~_mean(work), reach, beyond)))
    return _evened(work, close_squares(work, reach, beyond))


def _evened(work: Gray, paper: Gray) -> Gray:
    """Brings each pixel to the level that it would have in the brightest light, by the level of its paper."""
    gain = np.float32(int(paper.max()) + _GLOW) / (paper.astype(np.float32) + np.float32(_GLOW))
    return np.asarray(np.minimum(work * gain, np.float32(255)), np.uint8)


def _is_even(paper: Gray) -> bool:
    """Returns whether the paper's darkest level, in `_ROOTS`, is near its brightest."""
    levels = np.sort(paper, axis=None, kind="stable")  # by radix, which is as fast as a histogram
    darkest, brightest = (
        int(levels[math.ceil(share * len(levels)) - 1]) ** 2 / 255 for share in (_DARKEST, 1 - _DARKEST)
    )
    return darkest + _GLOW >= _UNEVEN * (brightest + _GLOW)


def _variations(pictures: Gray) -> npt.NDArray[np.int64]:
    """Sums how much neighbors differ in each of several pictures, uint8 [N, H, W]; int64 [N]."""
    levels = pictures.astype(np.int16)
    down = np.abs(levels[:, 1:] - levels[:, :-1]).reshape(len(levels), -1)
    across = np.abs(levels[:, :, 1:] - levels[:, :, :-1]).reshape(len(levels), -1)
    return np.asarray(down.sum(1) + across.sum(1))


def _mean(levels: Gray) -> Gray:
    """Averages each pixel and its eight neighbors."""
    padded = np.pad(levels, 1, mode="edge").astype(np.uint16)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) // 9, np.uint8)
