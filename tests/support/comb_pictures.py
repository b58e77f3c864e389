"""Draws combs and digits as plain shapes: what is print and what is writing is known for each pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

CELL, HEIGHT, TOP, LEFT, THICK = 36, 60, 10, 12, 2


def strip(cells: int = 8, slope: float = 0.0, height: int = HEIGHT) -> Mask:
    """Draws a closed strip of cells, turned so that its borders fall by `slope` rows per column."""
    picture = np.zeros((height, 2 * LEFT + cells * CELL + THICK), np.bool_)
    middle = picture.shape[1] / 2
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    u, v = x + slope * (y - height / 2), y - slope * (x - middle)
    across, down = np.rint(u - LEFT).astype(int), np.rint(v - TOP).astype(int)
    inside = (down >= 0) & (down < CELL + THICK) & (across >= 0) & (across < cells * CELL + THICK)
    rules = (across % CELL < THICK) | (down < THICK) | (down >= CELL)
    return np.asarray(inside & rules)


def boxes(count: int = 8, gap: int = 8) -> Mask:
    """Draws boxes apart from each other."""
    picture = np.zeros((HEIGHT, 2 * LEFT + count * (CELL + THICK + gap)), np.bool_)
    for number in range(count):
        left = LEFT + number * (CELL + THICK + gap)
        picture[TOP : TOP + CELL + THICK, left : left + CELL + THICK] = True
        picture[TOP + THICK : TOP + CELL, left + THICK : left + CELL] = False
    return picture


def ticks(cells: int = 8) -> Mask:
    """Draws a base line with short ticks."""
    picture = np.zeros((HEIGHT, 2 * LEFT + cells * CELL + THICK), np.bool_)
    picture[TOP + CELL : TOP + CELL + THICK, LEFT : LEFT + cells * CELL + THICK] = True
    for number in range(cells + 1):
        left = LEFT + number * CELL
        picture[TOP + CELL - 10 : TOP + CELL, left : left + THICK] = True
    return picture


def rings(centers: list[float], width: int, radius: float = 9.0, row: float = TOP + CELL / 2) -> Mask:
    """Draws zeros, pen 3 pixels wide, around columns."""
    y, x = np.mgrid[:HEIGHT, :width]
    distances = [np.abs(np.hypot((x - center) * 1.2, y - row) - radius) for center in centers]
    return np.asarray(np.min(distances, axis=0) <= 1.5)


def in_cells(cells: int, pitch: int = CELL) -> list[float]:
    """Returns the middles of cells."""
    return [LEFT + THICK / 2 + pitch * (number + 0.5) for number in range(cells)]
