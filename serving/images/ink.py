"""Separates ink from paper: finds a pen's strokes in a shaded, patterned, ruled gray picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.box_sides import side_pixels
from serving.images.closing import dilate_squares
from serving.images.codec import Gray
from serving.images.comb_cells import Comb
from serving.images.comb_removal import comb_pixels, rests
from serving.images.combs import find_comb
from serving.images.connected_components import Components
from serving.images.level_map import map_levels
from serving.images.points import PixelBox
from serving.images.ruled_lines import box_edges, horizontal_rules, line_pixels
from serving.images.slope_slant import BoundingBoxes
from serving.images.uneven_light import dark_ink

_Mask = npt.NDArray[np.bool_]

_LEAST_CONTRAST: Final = 12
# Where levels lie between the paper's and the ink's:
_WEAK: Final = 0.28  # a component's pixels
_STRONG: Final = 0.45  # at least one of them
_RULE: Final = 0.2  # a rule above what is next to it
_DARK: Final = 0.25  # print
_SOFT: Final = 0.2, 0.8  # 0 and 255 of the result
_SPECK: Final = 0.36  # the darkest pixel of a point at least
_LEAST_AREA: Final = 5


@dataclass(frozen=True)
class Ink:
    """The strokes in a picture.

    Attributes:
        smooth: uint8 [H, W], how much darker than its paper each pixel is, smoothed, rules taken out.
        base: the darkness of the paper's own pattern.
        span: how much darker the strokes are.
        components: the strokes.
        specks: components that are too small or too pale for strokes, but for the palest.
        erased: bool [H, W], the print that was taken out; None where there was none.
        comb: printed around them; None where there is none.
    """

    smooth: Gray
    base: float
    span: float
    components: Components
    specks: Components
    erased: _Mask | None = None
    comb: Comb | None = None

    def soft_mask(self, keep: _Mask, points: Sequence[PixelBox] = ()) -> Gray:
        """Returns the ink 0–255, uint8 [H, W], of some components and of points, and one pixel around them.

        Args:
            keep: bool [components].
            points: boxes in pixels; a point is as dark as ink, however far its few pixels were smoothed.
        """
        wide = dilate_squares(self.components.select(keep).mask().view(np.uint8), 1)
        low, high = (self.base + share * self.span for share in _SOFT)
        levels = np.minimum(np.maximum((np.arange(256) - low) * (255 / (high - low)), 0), 255)
        soft = map_levels(self.smooth, levels.astype(np.uint8)) * wide
        for left, right, top, bottom in points:
            place = slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1)
            darkness = np.maximum(self.smooth[place] - low, 0)
            soft[place] = np.maximum(soft[place], darkness * (255 / darkness.max()))
        return soft


def find_ink(work: Gray) -> Ink | None:
    """Finds the strokes in a picture, uint8 [H, W]; returns None where there are none.

    A pen's strokes are wider and darker than the lines of a check's pattern:
    the picture is smoothed at the pen's scale, and of the components that are
    dark enough those count that are very dark somewhere (hysteresis, after
    Canny, A Computational Approach to Edge Detection, 1986). The scale of
    darkness is set by the darkest pixels, as many as one digit has.
    """
    smooth = _smooth(_darkness(dark_ink(work)), min(1.5, max(0.5, len(work) / 60)))
    base, span = _levels(smooth)
    if span < _LEAST_CONTRAST:
        return None
    mask = smooth >= math.ceil(base + _WEAK * span)
    lines = horizontal_rules(smooth, _RULE * span, base + 0.25 * span, base + 0.5 * span)
    dark = smooth >= math.ceil(base + _DARK * span)
    comb = find_comb(dark, lines)
    erased = side_pixels(dark, lines) if comb is None else comb_pixels(smooth, dark, comb)
    if lines or erased is not None:
        erased = np.zeros_like(mask) if erased is None else erased
        if comb is not None:
            mask &= ~erased  # its borders' crossings with its rules
        for line in lines:
            erased |= line_pixels(mask, line, max(5, len(mask) // 9))
        # A rule may be darker than the pen, so the levels are measured again without it.
        smooth = smooth * ~erased
        base, span = _levels(smooth)
        if span < _LEAST_CONTRAST:
            return None
        mask = smooth >= math.ceil(base + _WEAK * span)
    components = Components.of(mask)
    darkest = components.maximum(smooth)
    strokes = (darkest >= base + _STRONG * span) & (components.area() >= _LEAST_AREA)
    specks = components.select((darkest >= base + _SPECK * span) & ~strokes)
    components = components.select(strokes)
    if comb is not None:
        components = components.select(~rests(BoundingBoxes.of(components, 0.0, 0.0), comb, mask.shape))
    elif lines:
        components = components.select(~box_edges(BoundingBoxes.of(components, 0.0, 0.0), lines, len(smooth)))
    return Ink(smooth, base, span, components, specks, erased, comb) if len(components) else None


def _darkness(work: Gray) -> Gray:
    """Measures how much darker than its paper each pixel is, 0–255 of the paper's level.

    The paper's level is the upper quartile or so of tiles, interpolated between them.
    """
    height, width = work.shape
    tile = max(4, height // 6)  # of every other pixel
    rows, columns = max(1, round(height / (2 * tile))), max(1, round(width / (2 * tile)))
    y, x = (
        np.arange(count * tile) * length // (count * tile)
        for count, length in ((rows, height), (columns, width))
    )
    tiles = work.take(y, 0).take(x, 1).reshape(rows, tile, columns, tile).transpose(0, 2, 1, 3)
    rank = tile * tile * 7 // 10
    # Floats, which NumPy sorts without branching on every pixel, as a partition of bytes does.
    grid = np.sort(tiles.reshape(rows, columns, -1).astype(np.float32), axis=2)[:, :, rank]
    # Few tiles down, perhaps thousands across: a matrix here, pairs of neighbors there.
    down = np.maximum(0, 1 - np.abs(_places(height, rows)[:, None] - np.arange(rows))).astype(np.float32)
    place = _places(width, columns)
    left = place.astype(np.int64)
    share = place - left.astype(np.float32)
    across = grid.take(left, 1) * (1 - share) + grid.take(left + 1, 1, mode="clip") * share
    paper = down @ across
    darker = (paper - work.astype(np.float32)) * np.float32(255)
    darker /= np.maximum(paper, np.float32(1))
    return np.asarray(np.maximum(darker, np.float32(0)), np.uint8)


def _places(length: int, count: int) -> npt.NDArray[np.float32]:
    """Returns where each of `length` pixels lies between the middles of `count` tiles, from 0 to count − 1."""
    place = (np.arange(length, dtype=np.float32) + 0.5) * (count / length) - 0.5
    return np.asarray(np.minimum(np.maximum(place, 0), count - 1))


def _smooth(darkness: Gray, radius: float) -> Gray:
    """Averages over a square that reaches `radius`, at most 1.5 pixels, beyond the pixel."""
    height, width = darkness.shape
    near, far = np.float32(min(radius, 1.0)), np.float32(max(radius - 1.0, 0.0))
    padded = np.empty((height + 4, width + 4), np.float32)
    padded[2:-2, 2:-2] = darkness
    padded[:2, 2:-2], padded[-2:, 2:-2] = darkness[0], darkness[-1]
    padded[:, :2], padded[:, -2:] = padded[:, 2:3], padded[:, -3:-2]
    rows = padded[2:-2] + near * (padded[1:-3] + padded[3:-1])
    if far:
        rows += far * (padded[:-4] + padded[4:])
    out = rows[:, 2:-2] + near * (rows[:, 1:-3] + rows[:, 3:-1])
    if far:
        out += far * (rows[:, :-4] + rows[:, 4:])
    out *= np.float32(1 / (1 + 2 * radius) ** 2)
    return out.astype(np.uint8)


def _levels(smooth: Gray) -> tuple[float, float]:
    """Returns the paper's darkness and how much darker the ink is."""
    levels = np.sort(smooth, axis=None, kind="stable")  # by radix
    base = int(levels[max(0, len(levels) // 2 - 1)])
    # About as many pixels as one digit's strokes have, however long the picture is.
    strong = int(levels[max(0, len(levels) - round(1.5 * len(smooth)) - 1)])
    return float(base), float(strong - base)
