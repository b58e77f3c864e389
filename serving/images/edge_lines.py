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

_LEAST_STEP: Final = 1.5  # levels from pixel to pixel in an edge
_NOISE: Final = 2.0  # times the middle step, in an edge
_STRONG: Final = 0.4  # of the 95th percentile of steps, in print
_DIRECTIONS: Final = 240  # of the normals that are tried
_SPREAD: Final = 5  # directions to each side that a point votes for
_BIN: Final = 1.0  # pixels of offset
_PEAK: Final = 2  # directions and bins to each side, in which a peak is the only one
_MOST_POINTS: Final = 6_000  # the strongest are taken
_MOST_LINES: Final = 60
_NEAR: Final = 1.8  # pixels from a line to the points on it
_ALIGNED: Final = 0.92  # cosine between a line's normal and its points' gradients
_SAME: Final = 1.5, 0.02  # pixels and radians between lines that are one


@dataclass(frozen=True)
class EdgePoints:
    """Points at which a picture's levels change most.

    Attributes:
        place: float32 [2, n], x and y from the picture's middle.
        gradient: float32 [2, n], of length 1, toward the brighter side.
        step: float32 [n], levels from pixel to pixel.
        noise: the middle step of all pixels.
    """

    place: _Levels
    gradient: _Levels
    step: _Levels
    noise: float

    @staticmethod
    def of(pixels: Gray) -> EdgePoints:
        """Finds the edge points of a picture, uint8 [h, w]."""
        smooth = _smooth(np.pad(pixels, 2, mode="edge"))
        across = (smooth[1:-1, 2:] - smooth[1:-1, :-2]) / 2
        down = (smooth[2:, 1:-1] - smooth[:-2, 1:-1]) / 2
        steps = np.hypot(across, down)
        noise = float(np.median(steps[::2, ::2]))
        threshold = max(_LEAST_STEP, _NOISE * noise)
        rows, columns = _ridges(steps, np.abs(across) > np.abs(down), threshold)
        if len(rows) > _MOST_POINTS:
            strongest = np.argpartition(-steps[rows, columns], _MOST_POINTS)[:_MOST_POINTS]
            strongest.sort()
            rows, columns = rows[strongest], columns[strongest]
        height, width = pixels.shape
        gradient = np.array([across[rows, columns], down[rows, columns]], np.float32)
        place = np.array([columns + (0.5 - width / 2), rows + (0.5 - height / 2)], np.float32)
        step = steps[rows, columns]
        return EdgePoints(place, np.asarray(gradient / step, np.float32), step, noise)

    def select(self, keep: npt.NDArray[np.bool_]) -> EdgePoints:
        """Returns some of the points, those in keep, bool [n]."""
        return EdgePoints(self.place[:, keep], self.gradient[:, keep], self.step[keep], self.noise)

    @functools.cached_property
    def strong(self) -> _Levels:
        """The places of points as distinct as print, float32 [2, n]."""
        if not len(self.step):
            return self.place
        return self.place[:, self.step > _STRONG * np.percentile(self.step, 95)]


@dataclass(frozen=True)
class Lines:
    """Lines x · cos(angle) + y · sin(angle) = offset; the normal points to the brighter side.

    Attributes:
        angle: float64 [n].
        offset: float64 [n], from the picture's middle.
        count: int64 [n], of the points on each.
    """

    angle: _Floats
    offset: _Floats
    count: npt.NDArray[np.int64]

    def select(self, keep: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Lines:
        """Returns some of the lines, by a mask or by their indices."""
        return Lines(self.angle[keep], self.offset[keep], self.count[keep])

    def normal(self) -> _Levels:
        """Returns the lines' normals, float32 [n, 2]."""
        return np.column_stack([np.cos(self.angle), np.sin(self.angle)]).astype(np.float32)


def find_lines(points: EdgePoints, reach: float) -> Lines:
    """Finds the lines with the most points.

    Args:
        points: edge points.
        reach: pixels from the picture's middle to its corners.
    """
    if not points.place.size:
        return Lines(np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    votes = _votes(points, reach)
    angle, offset = _peaks(votes, reach)
    return _fitted(points, angle, offset)


def on_lines(points: EdgePoints, lines: Lines, near: float = _NEAR) -> npt.NDArray[np.bool_]:
    """Returns which points belong to which line: are near, and brighter toward the same side; bool [lines, points]."""
    normal = lines.normal()
    is_near = np.abs(normal @ points.place - lines.offset.astype(np.float32)[:, None]) <= near
    return np.asarray(is_near & (normal @ points.gradient >= _ALIGNED))


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
    x, y = points.place
    angle = np.arctan2(points.gradient[1], points.gradient[0])
    nearest = np.rint(angle * np.float32(_DIRECTIONS / (2 * np.pi))).astype(np.int32)
    direction = (nearest + np.arange(-_SPREAD, _SPREAD + 1, dtype=np.int32)[:, None]) % _DIRECTIONS
    cos, sin = _directions()
    bins = 2 * int(reach / _BIN) + 5
    offset = (x * cos[direction] + y * sin[direction]) * np.float32(1 / _BIN) + np.float32(bins / 2)
    index = direction * bins + offset.astype(np.int32)
    counts = np.bincount(index.ravel(), minlength=_DIRECTIONS * bins).reshape(_DIRECTIONS, bins)
    votes = counts.astype(np.float32)
    votes[:, 1:-1] = votes[:, 1:-1] + (votes[:, :-2] + votes[:, 2:]) / 2
    return votes


@functools.cache
def _directions() -> tuple[_Levels, _Levels]:
    """Returns cosine and sine of each direction."""
    angle = np.arange(_DIRECTIONS, dtype=np.float32) * np.float32(2 * np.pi / _DIRECTIONS)
    return np.cos(angle), np.sin(angle)


def _peaks(votes: _Levels, reach: float) -> tuple[_Floats, _Floats]:
    """Returns angle and offset of the strongest peaks."""
    padded = np.pad(votes, ((0, 0), (_PEAK, _PEAK)))
    padded = np.concatenate([padded[-_PEAK:], padded, padded[:_PEAK]])
    largest = functools.reduce(
        np.maximum, (padded[shift : shift + len(votes)] for shift in range(2 * _PEAK + 1))
    )
    bins = votes.shape[1]
    largest = functools.reduce(
        np.maximum, (largest[:, shift : shift + bins] for shift in range(2 * _PEAK + 1))
    )
    direction, place = ((votes == largest) & (votes > reach / 12)).nonzero()
    order = np.argsort(-votes[direction, place], kind="stable")[:_MOST_LINES]
    angle = direction[order] * (2 * np.pi / _DIRECTIONS)
    return angle, (place[order] + 0.5 - bins / 2) * _BIN


def _fitted(points: EdgePoints, angle: _Floats, offset: _Floats) -> Lines:
    """Fits lines to their points; leaves out those that another has become."""
    size = len(angle)
    lines = Lines(angle, offset, np.zeros(size, np.int64))
    line, point = on_lines(points, lines).nonzero()
    normal, (x, y) = lines.normal()[line].T, points.place[:, point]
    along = normal[0] * y - normal[1] * x
    error = normal[0] * x + normal[1] * y - offset[line]
    count = np.bincount(line, minlength=size)
    middle, shift = (np.bincount(line, part, size) / np.maximum(count, 1) for part in (along, error))
    centered = along - middle[line]
    spread = np.maximum(np.bincount(line, centered * centered, size), 1)
    slope = np.bincount(line, centered * error, size) / spread
    turn = np.arctan(slope)
    lines = Lines(angle - turn, (offset + shift - slope * middle) * np.cos(turn), count)
    turned = np.abs((lines.angle[:, None] - lines.angle + np.pi) % (2 * np.pi) - np.pi)
    same = (turned < _SAME[1]) & (np.abs(lines.offset[:, None] - lines.offset) < _SAME[0])
    is_first = np.asarray(np.tril(same, -1).sum(1) == 0)
    return lines.select(is_first)
