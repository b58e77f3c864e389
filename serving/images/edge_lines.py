"""Finds the straight edges of a small picture, with the side on which each is brighter, by a Hough transform.

Each edge point votes for the lines through it whose normal is near its gradient: Ballard, Generalizing the Hough
transform to detect arbitrary shapes (1981). The strongest lines are then fitted to their points by least squares.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.codec import Gray

_Floats = npt.NDArray[np.float64]
_Levels = npt.NDArray[np.float32]

_LEAST_STEP: Final = 3.0  # levels from pixel to pixel in an edge
_NOISE: Final = 2.0  # times the middle step, in an edge
_DIRECTIONS: Final = 240  # of the normals that are tried
_SPREAD: Final = 5  # directions to each side that a point votes for
_BIN: Final = 1.5  # pixels of offset
_PEAK: Final = 3  # directions and bins to each side, in which a peak is the only one
_MOST_LINES: Final = 48
_NEAR: Final = 1.8  # pixels from a line to the points on it
_ALIGNED: Final = 0.92  # cosine between a line's normal and its points' gradients
_SAME: Final = 1.5, 0.02  # pixels and radians between lines that are one


@dataclass(frozen=True)
class EdgePoints:
    """Points at which a picture's levels change most.

    Attributes:
        x, y: float64 [n], from the picture's middle.
        angle: float64 [n], of the gradient, toward the brighter side.
    """

    x: _Floats
    y: _Floats
    angle: _Floats

    @staticmethod
    def of(pixels: Gray) -> EdgePoints:
        """Finds the edge points of a picture, uint8 [h, w], of at least 5×5 pixels."""
        smooth = _smooth(pixels)
        across = smooth[1:-1, 2:] - smooth[1:-1, :-2]
        down = smooth[2:, 1:-1] - smooth[:-2, 1:-1]
        steps = np.hypot(across, down)
        threshold = max(_LEAST_STEP, _NOISE * float(np.median(steps[::2, ::2])))
        rows, columns = _ridges(steps, np.abs(across) > np.abs(down), threshold)
        height, width = pixels.shape
        angle = np.arctan2(down[rows, columns], across[rows, columns])
        # Two pixels were lost at each side, and a pixel's place is its middle.
        return EdgePoints(
            columns + (2.5 - width / 2), rows + (2.5 - height / 2), np.asarray(angle, np.float64)
        )


@dataclass(frozen=True)
class Lines:
    """Lines x · cos(angle) + y · sin(angle) = offset; the normal points to the brighter side.

    Attributes:
        angle: float64 [n].
        offset: float64 [n], from the picture's middle.
    """

    angle: _Floats
    offset: _Floats


def find_lines(points: EdgePoints, reach: float) -> Lines:
    """Finds the lines with the most points.

    Args:
        points: edge points.
        reach: pixels from the picture's middle to its corners.
    """
    if not len(points.x):
        return Lines(np.zeros(0), np.zeros(0))
    votes = _votes(points, reach)
    angle, offset = _peaks(votes, reach)
    return _fitted(points, angle, offset)


def on_lines(points: EdgePoints, lines: Lines, near: float = _NEAR) -> npt.NDArray[np.bool_]:
    """Returns which points belong to which line: are near, and brighter toward the same side; bool [lines, points]."""
    cos, sin = np.cos(lines.angle)[:, None], np.sin(lines.angle)[:, None]
    distance = np.abs(cos * points.x + sin * points.y - lines.offset[:, None])
    aligned = cos * np.cos(points.angle) + sin * np.sin(points.angle)
    return np.asarray((distance <= near) & (aligned >= _ALIGNED))


def _smooth(pixels: Gray) -> _Levels:
    """Averages over 3×3 pixels with weights 1, 2, 1; float32 [h - 2, w - 2]."""
    levels = pixels.astype(np.float32)
    rows = levels[:-2] + 2 * levels[1:-1] + levels[2:]
    return np.asarray((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / np.float32(16))


def _ridges(
    steps: _Levels, is_across: npt.NDArray[np.bool_], threshold: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns rows and columns of the steps that are largest along their gradient's main direction."""
    padded = np.pad(steps, 1)
    middle = padded[1:-1, 1:-1]
    across = (middle >= padded[1:-1, :-2]) & (middle > padded[1:-1, 2:])
    down = (middle >= padded[:-2, 1:-1]) & (middle > padded[2:, 1:-1])
    rows, columns = ((steps > threshold) & np.where(is_across, across, down)).nonzero()
    return rows, columns


def _votes(points: EdgePoints, reach: float) -> _Levels:
    """Counts the points' votes, float32 [directions, offsets]."""
    cos, sin = _directions()
    spread = np.arange(-_SPREAD, _SPREAD + 1)
    nearest = np.rint(points.angle * (_DIRECTIONS / (2 * np.pi))).astype(np.int64)
    direction = (nearest + spread[:, None]) % _DIRECTIONS
    offset = points.x * cos[direction] + points.y * sin[direction]
    bins = 2 * int(reach / _BIN) + 5
    index = direction * bins + (offset / _BIN + bins / 2).astype(np.int64)
    counts = np.bincount(index.ravel(), minlength=_DIRECTIONS * bins).reshape(_DIRECTIONS, bins)
    votes = counts.astype(np.float32)
    votes[:, 1:-1] = votes[:, 1:-1] + (votes[:, :-2] + votes[:, 2:]) / 2
    return votes


@functools.cache
def _directions() -> tuple[_Floats, _Floats]:
    """Returns cosine and sine of each direction."""
    angle = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
    return np.cos(angle), np.sin(angle)


def _peaks(votes: _Levels, reach: float) -> tuple[_Floats, _Floats]:
    """Returns angle and offset of the strongest peaks."""
    padded = np.pad(votes, ((0, 0), (_PEAK, _PEAK)))
    padded = np.concatenate([padded[-_PEAK:], padded, padded[:_PEAK]])
    largest = functools.reduce(np.maximum, (padded[shift : shift + len(votes)] for shift in range(2 * _PEAK + 1)))
    bins = votes.shape[1]
    largest = functools.reduce(np.maximum, (largest[:, shift : shift + bins] for shift in range(2 * _PEAK + 1)))
    direction, place = ((votes == largest) & (votes > reach / 12)).nonzero()
    order = np.argsort(-votes[direction, place], kind="stable")[:_MOST_LINES]
    angle = direction[order] * (2 * np.pi / _DIRECTIONS)
    return angle, (place[order] + 0.5 - bins / 2) * _BIN


def _fitted(points: EdgePoints, angle: _Floats, offset: _Floats) -> Lines:
    """Fits lines to their points; leaves out those that another has become."""
    lines = Lines(angle, offset)
    for near in (2 * _NEAR, _NEAR):
        member = on_lines(points, lines, near).astype(np.float64)
        cos, sin = np.cos(lines.angle), np.sin(lines.angle)
        along = -np.outer(sin, points.x) + np.outer(cos, points.y)
        error = np.outer(cos, points.x) + np.outer(sin, points.y) - lines.offset[:, None]
        count = np.maximum(member.sum(1), 1)
        mean_along, mean_error = (member * along).sum(1) / count, (member * error).sum(1) / count
        centered = along - mean_along[:, None]
        slope = (member * centered * error).sum(1) / np.maximum((member * centered**2).sum(1), 1)
        turn = np.arctan(slope)
        lines = Lines(
            lines.angle - turn, (lines.offset + mean_error - slope * mean_along) * np.cos(turn)
        )
    turned = np.abs((lines.angle[:, None] - lines.angle + np.pi) % (2 * np.pi) - np.pi)
    same = (turned < _SAME[1]) & (np.abs(lines.offset[:, None] - lines.offset) < _SAME[0])
    is_first = ~np.tril(same, -1).any(1)
    return Lines(lines.angle[is_first], lines.offset[is_first])
