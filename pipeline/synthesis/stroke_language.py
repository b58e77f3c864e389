"""A notation for handwriting strokes, and the smooth curves through their points.

    .2,.3 .55,0; .55,1 | .25,1 .85,1        # a one with a flag and a foot

A style is one way to write a character: strokes separated by `|`, each a list of points `x,y`. A semicolon
after a point makes it a corner. x runs to the right and y downwards; the unit is the body's height or its box.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

Stroke = tuple[tuple[float, float], ...]  # a corner's point stands twice
Style = tuple[Stroke, ...]
Points = npt.NDArray[np.float64]  # [n, 2], x and y


def parse_style(text: str) -> Style:
    """Reads one style in the notation above."""
    strokes = []
    for part in text.split("|"):
        points: list[tuple[float, float]] = []
        for token in part.replace(";", " ; ").split():
            if token == ";":
                points.append(points[-1])
            else:
                x, y = token.split(",")
                points.append((float(x), float(y)))
        strokes.append(tuple(points))
    return tuple(strokes)


def parse_styles(*texts: str) -> tuple[Style, ...]:
    """Reads several styles of one character."""
    return tuple(parse_style(text) for text in texts)


def smooth_parts(stroke: Points) -> list[Points]:
    """Splits a stroke at its corners, points that are given twice in a row; a corner ends one part and begins the next."""
    corners = [0, *(np.flatnonzero(np.all(stroke[1:] == stroke[:-1], axis=1)) + 1), len(stroke)]
    parts = [stroke[first:last] for first, last in itertools.pairwise(corners)]
    return [part for part in parts if len(part) > 1]


def spline(points: Points, steps: int = 8) -> Points:
    """Returns points on the uniform Catmull–Rom spline through `points`, `steps` for each gap and the last one.

    Source: Catmull and Rom, A Class of Local Interpolating Splines (Computer Aided Geometric Design, 1974).
    """
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    p0, p1, p2, p3 = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = p1 + t / 2 * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return np.vstack([curve.reshape(-1, 2), points[-1]])
