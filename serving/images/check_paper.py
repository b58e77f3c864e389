"""Finds the paper of a check in a picture: on a table, on a scanner's plate, or cut to the paper.

>>> from serving.images.check_paper import find_paper
>>> from serving.images.perspective import Perspective
>>> paper = find_paper(pixels)
>>> flat = Perspective.of(paper.corners).flatten(pixels)

Straight edges are looked for in a thumbnail (`edge_lines`), and the likeliest quadrangle of them is taken
(`quadrangles`). Where no edge is seen, the paper is the picture, or a little more than its print where the rest is
empty: reading works with a margin or without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.images.codec import Gray
from serving.images.edge_lines import EdgePoints, find_lines
from serving.images.micr_line import HEIGHT, PITCH, normalize_micr_line
from serving.images.perspective import Perspective, Points, picture_corners
from serving.images.quadrangles import Quadrangle, find_quadrangle

BLANK: Final = "blank page: nothing is written on it"
CUT_OFF: Final = "the check is cut off: take the whole of it into the picture"
TWO_CHECKS: Final = "two checks in one picture: post them one by one"

_THUMBNAIL: Final = 340  # pixels of the longer side
_SAMPLES: Final = 4  # pixels of a thumbnail's pixel that are looked at, across and down
_LEAST_WIDTH: Final = 300  # pixels of a check that can be read
_INK: Final = (
    2.5,
    4.0,
    10.0,
)  # from pixel to pixel in ink: levels at least, times the noise, and levels at most
_LEAST_INK: Final = 60  # edge points of ink; a blurred check has more than 100
_INSIDE: Final = 0.06  # of the paper's sides, where its own edge may be
_SHAPES: Final = 1.5, 3.7  # length by height, beyond which a paper is no check
_RIVAL: Final = 0.3  # of the paper's ink, around it, where another check may be
_ALIKE: Final = 0.5  # of the longer of two checks' sides, in the shorter
_OVERLAP: Final = 0.1  # of the other, in one of two checks
_FILLED: Final = 0.9  # of the picture's width or height, in a paper that fills it
_SEEN: Final = 0.5  # of a side, where it is seen
_LEAST_SYMBOLS: Final = 18  # of a MICR line
_OUTER: Final = 0.2  # of the height, from a check's middle to its MICR line at least
_ENDS: Final = 0.015  # of the width: no MICR line ends so close to a check's side


@dataclass(frozen=True)
class Paper:
    """A check's paper.

    Attributes:
        corners: float64 [4, 2] in the picture's pixels, of the paper that lies landscape: top left, top right, bottom
            right, bottom left, where which of the two long sides is the top is not known; None where there is no paper.
        problem: a sentence for users, why it should not be read; None: nothing speaks against it.
    """

    corners: npt.NDArray[np.float64] | None
    problem: str | None


def find_paper(pixels: Gray) -> Paper:
    """Finds the paper of a check in a picture, uint8 [h, w].

    Returns:
        The paper; its corners are the picture's own where the picture is cut to the check. Its problem is `BLANK`,
        `CUT_OFF`, `TWO_CHECKS` or "too small: …".
    """
    size = np.array(pixels.shape[::-1], np.float64)
    if size.max() < _LEAST_WIDTH:
        return Paper(None, _too_small(int(size.max())))
    small, block = _thumbnail(pixels)
    points = EdgePoints.of(small)
    quadrangle = _search(small, points)
    corners = quadrangle.corners
    if _ink(points, corners, small.shape).sum() < _LEAST_INK:
        return Paper(None, BLANK)
    place = _landscape(corners * block)
    # The last pixel of a thumbnail may reach beyond the picture.
    place = np.where((place > size) & (place < size + block), size, place)
    if _is_folded(place, size):
        return Paper(_landscape(picture_corners(pixels.shape)), None)
    width = float(np.linalg.norm(place[1] - place[0]))
    if width < _LEAST_WIDTH:
        return Paper(place, _too_small(round(width)))
    if _has_rival(pixels, small, points, corners, block):
        return Paper(place, TWO_CHECKS)
    return Paper(place, _shape_problem(pixels, place, _leaves(quadrangle, small.shape)))


def _too_small(width: int) -> str:
    return f"too small: the check is {width} pixels wide, at least {_LEAST_WIDTH} are needed"


def _thumbnail(pixels: Gray) -> tuple[Gray, int]:
    """Returns a small picture and how many pixels one of its pixels stands for, across and down; a few of them are seen."""
    block = max(1, round(max(pixels.shape) / _THUMBNAIL))
    stride = max(1, block // _SAMPLES)
    merged = max(1, round(block / stride))
    return np.asarray(Image.fromarray(pixels[::stride, ::stride]).reduce(merged)), stride * merged


def _search(small: Gray, points: EdgePoints) -> Quadrangle:
    """Returns the likeliest paper."""
    return find_quadrangle(small, points, find_lines(points, float(np.hypot(*small.shape)) / 2))


def _landscape(corners: Points) -> Points:
    """Returns corners so that the first two are those of a long side."""
    across, down = (np.linalg.norm(corners[end] - corners[1]) for end in (0, 2))
    return corners if across >= down else np.roll(corners, -1, 0)


def _ink(points: EdgePoints, corners: Points, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Returns which edge points are ink within the paper and not its own edge, bool [n]."""
    distinct = points.step > np.clip(_INK[1] * points.noise, _INK[0], _INK[2])
    return np.asarray(distinct & _within(points, corners, shape, -_INSIDE))


def _within(
    points: EdgePoints, corners: Points, shape: tuple[int, ...], margin: float
) -> npt.NDArray[np.bool_]:
    """Returns which points are within a paper that is larger by a margin, a share of its sides; bool [n]."""
    perspective = Perspective(corners, 1, 1)
    x, y = perspective.to_check(points.place.T + np.array(shape[::-1]) / 2).T
    return np.asarray((np.abs(x - 0.5) < 0.5 + margin) & (np.abs(y - 0.5) < 0.5 + margin))


def _has_rival(pixels: Gray, small: Gray, points: EdgePoints, corners: Points, block: int) -> bool:
    """Returns whether another check lies beside one: about of its size, and with a MICR line as it has one."""
    around = points.select(~_within(points, corners, small.shape, _INSIDE))
    if around.strong.shape[1] < _RIVAL * np.count_nonzero(_ink(points, corners, small.shape)):
        return False
    others = _search(small, around).corners
    lengths = [np.linalg.norm(np.diff(_landscape(part)[:3], axis=0), axis=1) for part in (corners, others)]
    if (np.min(lengths, 0) < _ALIKE * np.max(lengths, 0)).any():
        return False
    grid = np.stack(np.meshgrid(*[np.arange(0.05, 1, 0.1)] * 2), -1).reshape(-1, 2)
    x, y = Perspective(corners, 1, 1).to_check(Perspective(others, 1, 1).to_picture(grid)).T
    if ((np.abs(x - 0.5) < 0.5) & (np.abs(y - 0.5) < 0.5)).mean() > _OVERLAP:
        return False
    return all(_has_micr_line(pixels, _landscape(part * block)) for part in (corners, others))


def _has_micr_line(pixels: Gray, corners: Points) -> bool:
    """Returns whether a paper has a MICR line where a check has it: along its lower side, or its upper one."""
    perspective = Perspective.of(corners)
    line = normalize_micr_line(perspective.flatten(pixels))
    length = line.pixels.shape[1]
    if line.problem is not None or line.doubt is not None or length < _LEAST_SYMBOLS * PITCH:
        return False
    _, middle = line.to_picture @ (length / 2, HEIGHT / 2, 1)
    return bool(abs(middle / perspective.height - 0.5) > _OUTER)


def _leaves(quadrangle: Quadrangle, shape: tuple[int, ...]) -> bool:
    """Returns whether the paper leaves the picture between two sides that are seen."""
    size = np.array(shape[::-1])
    corners, sides, visible = quadrangle.corners, quadrangle.sides, quadrangle.visible
    is_outer = ((corners < 1) | (corners > size - 1)).any(1)
    is_open = (sides < 0) & is_outer & np.roll(is_outer, -1)
    return bool((is_open & (np.roll(visible, 1) > _SEEN) & (np.roll(visible, -1) > _SEEN)).any())


def _is_folded(corners: Points, size: Points) -> bool:
    """Returns whether a paper is a part of a check that fills the picture, up to a fold."""
    if _is_check_shaped(*np.linalg.norm(np.diff(corners[:3], axis=0), axis=1)) or not _is_check_shaped(*size):
        return False
    return bool((np.ptp(corners, axis=0) > _FILLED * size).any())


def _is_check_shaped(width: float, height: float) -> bool:
    shorter, longer = sorted((width, height))
    return _SHAPES[0] * shorter <= longer <= _SHAPES[1] * shorter


def _shape_problem(pixels: Gray, corners: Points, leaves: bool) -> str | None:
    """Returns what a paper is that has not the shape of a check: two of them, a part of one, or None: not known."""
    perspective = Perspective.of(corners)
    shape = perspective.width / perspective.height
    if shape > _SHAPES[1]:
        return CUT_OFF
    if shape >= _SHAPES[0]:
        return None
    if leaves:
        return CUT_OFF
    for turns in (0, 1):
        first, second, third, fourth = np.roll(corners, turns, 0)
        parts = (
            (first, second, (second + third) / 2, (first + fourth) / 2),
            (
                (first + fourth) / 2,
                (second + third) / 2,
                third,
                fourth,
            ),
        )
        if all(_has_micr_line(pixels, np.array(part)) for part in parts):
            return TWO_CHECKS
    line = normalize_micr_line(perspective.flatten(pixels))
    if line.problem is not None or line.doubt is not None:
        return None
    ends = line.to_picture @ np.array([(0, line.pixels.shape[1]), (0, 0), (1, 1)])
    reaches = np.abs(ends[0] - perspective.width / 2).max() > (0.5 - _ENDS) * perspective.width
    return CUT_OFF if reaches else None
