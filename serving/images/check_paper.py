"""Finds the paper of a check in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.images.codec import Gray
from serving.images.edge_lines import EdgePoints, find_lines
from serving.images.perspective import picture_corners
from serving.images.quadrangles import find_quadrangles

_THUMBNAIL: Final = 340  # pixels of the longer side


@dataclass(frozen=True)
class Paper:
    """A check's paper.

    Attributes:
        corners: float64 [4, 2], in the picture's pixels, of the paper that lies landscape: top left, top right, bottom
            right, bottom left, right or upside down; None where there is none.
        problem: a sentence for users, or None.
    """

    corners: npt.NDArray[np.float64] | None
    problem: str | None


def find_paper(pixels: Gray) -> Paper:
    """Finds the paper of a check in a picture, uint8 [h, w]."""
    block = max(1, round(max(pixels.shape) / _THUMBNAIL))
    small = np.asarray(Image.fromarray(pixels).reduce(block)) if block > 1 else pixels
    points = EdgePoints.of(small)
    lines = find_lines(points, float(np.hypot(*small.shape)) / 2)
    quads = find_quadrangles(small, points, lines)
    if not len(quads.score) or quads.score[0] <= 0:
        return Paper(picture_corners(pixels.shape), None)
    corners = quads.corners[0] * block
    width, height = np.linalg.norm(corners[1]-corners[0]), np.linalg.norm(corners[2]-corners[1])
    if height > width:
        corners = np.roll(corners, -1, 0)
    return Paper(corners, None)
