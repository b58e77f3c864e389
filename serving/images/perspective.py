"""Maps a picture onto the flat check in it and back, by the homography between the paper's corners.

>>> from serving.images.perspective import Perspective
>>> perspective = Perspective.of([(120, 80), (1500, 130), (1480, 760), (100, 700)])
>>> perspective.flatten(pixels).shape
(631, 1381)

Places are in pixels' edges: a picture of w columns reaches from x = 0 to x = w. The eight equations of a homography are
those of Hartley and Zisserman, Multiple View Geometry (2003), 4.1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.images.codec import Gray

Points = npt.NDArray[np.float64]  # [n, 2], x and y

MAX_WIDTH: Final = 2_000  # columns of the flat check
_SAME: Final = 0.01  # pixels between places that are one
_SPARSE: Final = 8  # rows and columns of the pixels that tell the level beyond the picture


@dataclass(frozen=True)
class Perspective:
    """Where a flat check lies in a picture.

    Attributes:
        corners: float64 [4, 2], the flat check's top left, top right, bottom right and bottom left in the picture's
            pixels.
        width: columns of the flat check.
        height: rows of the flat check.
    """

    corners: Points
    width: int
    height: int

    @staticmethod
    def of(corners: npt.NDArray[np.floating] | Sequence[tuple[float, float]]) -> Perspective:
        """Returns the perspective of a paper with these corners, in the order of `corners`, which are convex.

        The flat check is as fine as the picture is along the longest of its opposite sides, at most `MAX_WIDTH` columns.
        """
        places = np.array(corners, np.float64)
        top, right, bottom, left = np.linalg.norm(np.roll(places, -1, 0) - places, axis=1).tolist()
        across, down = max(top, bottom), max(left, right)
        scale = min(1.0, MAX_WIDTH / max(across, 1.0))
        return Perspective(places, max(1, round(across * scale)), max(1, round(down * scale)))

    @staticmethod
    def whole(pixels: Gray) -> Perspective:
        """Returns the perspective of a check that is the whole picture, uint8 [h, w]."""
        return Perspective.of(picture_corners(pixels.shape))

    def upside_down(self) -> Perspective:
        """Returns the same paper turned by 180°."""
        return Perspective(np.roll(self.corners, 2, 0), self.width, self.height)

    def to_picture(self, points: npt.NDArray[np.floating]) -> Points:
        """Maps places on the flat check, [n, 2], to the picture; float64 [n, 2]."""
        return _move(self._matrix, points)

    def to_check(self, points: npt.NDArray[np.floating]) -> Points:
        """Maps places in the picture, [n, 2], to the flat check; float64 [n, 2]."""
        return _move(np.asarray(np.linalg.inv(self._matrix), np.float64), points)

    def flatten(self, pixels: Gray) -> Gray:
        """Returns the flat check of a picture, uint8 [h, w] → uint8 [height, width].

        A picture that is the check is returned as it is. What lies beyond the picture gets its middle level.
        """
        if (self.height, self.width) == pixels.shape:
            own = picture_corners(pixels.shape)
            if _are_same(self.corners, own):
                return pixels
            if _are_same(self.corners, np.roll(own, 2, 0)):
                return np.ascontiguousarray(pixels[::-1, ::-1])
        left, top = np.maximum(np.floor(self.corners.min(0)).astype(int) - 1, 0).tolist()
        right, bottom = np.maximum(np.ceil(self.corners.max(0)).astype(int) + 1, (left + 1, top + 1)).tolist()
        part = pixels[top:bottom, left:right]
        if not part.size:
            return np.full((self.height, self.width), np.median(pixels), np.uint8)
        block = max(1, int(self._fineness()))
        source = Image.fromarray(part)
        if block > 1:
            source = source.reduce(block)
        matrix = np.diag([1 / block, 1 / block, 1.0]) @ np.array([(1, 0, -left), (0, 1, -top), (0, 0, 1.0)])
        matrix = matrix @ self._matrix
        coefficients = (matrix / matrix[2, 2]).ravel()[:8].tolist()
        flat = source.transform(
            (self.width, self.height),
            Image.Transform.PERSPECTIVE,
            coefficients,
            Image.Resampling.BILINEAR,
            fillcolor=int(np.median(part[::_SPARSE, ::_SPARSE])),
        )
        return np.asarray(flat)

    def _fineness(self) -> float:
        """Returns how many of the picture's pixels a pixel of the flat check stands for along its longest sides."""
        sides = np.linalg.norm(np.roll(self.corners, -1, 0) - self.corners, axis=1)
        return float(max(sides[0], sides[2]) / self.width)

    @functools.cached_property
    def _matrix(self) -> npt.NDArray[np.float64]:
        """The homography from the flat check to the picture, float64 [3, 3]."""
        flat = picture_corners((self.height, self.width))
        equations = np.zeros((8, 8))
        equations[::2, :2], equations[::2, 2] = flat, 1
        equations[1::2, 3:5], equations[1::2, 5] = flat, 1
        equations[:, 6:] = -np.repeat(flat, 2, 0) * self.corners.reshape(8, 1)
        return np.append(np.linalg.solve(equations, self.corners.ravel()), 1.0).reshape(3, 3)


def picture_corners(shape: tuple[int, ...]) -> Points:
    """Returns the corners of a picture of shape (height, width), from its top left clockwise; float64 [4, 2]."""
    height, width = shape
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)


def _are_same(corners: Points, others: Points) -> bool:
    return bool(np.abs(corners - others).max() < _SAME)


def _move(matrix: npt.NDArray[np.float64], points: npt.NDArray[np.floating]) -> Points:
    moved = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(moved[:, :2] / moved[:, 2:])
