"""Draws handwriting: digits in American and European styles, letters, scribbles.

A glyph is a few strokes, a stroke a smooth curve (Catmull–Rom) through control
points in a unit box, x to the right, y down. A hand (slant, size, pen, tremor)
bends them differently each time. Used for the golden set, for pictures that
are no digits, and wherever real handwriting may not be shipped.

    python -m pipeline.synthesis.digit_drawing sheet.png      # a contact sheet of every style
"""

from __future__ import annotations

import itertools
import sys
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Points = tuple[tuple[float, float], ...]
Glyph = tuple[Points, ...]
Gray = npt.NDArray[np.uint8]


def _line(*points: tuple[float, float]) -> Glyph:
    """Straight segments: each a stroke of its own, so that corners stay sharp."""
    return tuple(itertools.pairwise(points))


DIGITS: Final[dict[int, tuple[Glyph, ...]]] = {
    0: (
        (
            (
                (0.5, 0),
                (0.15, 0.2),
                (0.1, 0.55),
                (0.3, 0.95),
                (0.65, 0.95),
                (0.9, 0.5),
                (0.75, 0.1),
                (0.45, 0),
            ),
        ),
        (
            (
                (0.6, 0.02),
                (0.25, 0.15),
                (0.12, 0.5),
                (0.25, 0.9),
                (0.55, 1),
                (0.85, 0.75),
                (0.88, 0.3),
                (0.6, 0.02),
                (0.4, 0.1),
            ),
        ),
    ),
    1: (
        (((0.5, 0), (0.5, 0.5), (0.5, 1)),),
        (((0.62, 0), (0.5, 0.5), (0.4, 1)),),
        (*_line((0.2, 0.3), (0.55, 0)), *_line((0.55, 0), (0.55, 1))),
        (*_line((0.1, 0.55), (0.6, 0)), *_line((0.6, 0), (0.55, 1))),
        (*_line((0.3, 0.2), (0.55, 0), (0.55, 1)), *_line((0.25, 1), (0.85, 1))),
    ),
    2: (
        (
            ((0.12, 0.25), (0.3, 0.03), (0.65, 0.02), (0.82, 0.25), (0.65, 0.55), (0.15, 1)),
            ((0.15, 1), (0.5, 0.97), (0.9, 1)),
        ),
        (
            (
                (0.15, 0.2),
                (0.45, 0),
                (0.8, 0.2),
                (0.6, 0.6),
                (0.25, 0.95),
                (0.12, 0.88),
                (0.3, 0.8),
                (0.6, 0.97),
                (0.95, 0.9),
            ),
        ),
    ),
    3: (
        (
            ((0.15, 0.1), (0.5, 0), (0.8, 0.2), (0.65, 0.43), (0.4, 0.47)),
            ((0.4, 0.47), (0.75, 0.55), (0.85, 0.78), (0.6, 1), (0.2, 0.93)),
        ),
        (
            *_line((0.15, 0.02), (0.8, 0.02), (0.42, 0.4)),
            ((0.42, 0.4), (0.8, 0.5), (0.85, 0.8), (0.5, 1), (0.12, 0.88)),
        ),
    ),
    4: (
        (*_line((0.25, 0), (0.15, 0.55), (0.9, 0.55)), *_line((0.75, 0.15), (0.7, 1))),
        (*_line((0.65, 1), (0.65, 0), (0.1, 0.68), (0.95, 0.68)),),
        (*_line((0.55, 0), (0.1, 0.6), (0.9, 0.62)), *_line((0.65, 0.35), (0.6, 1))),
    ),
    5: (
        (
            *_line((0.8, 0.02), (0.3, 0.02), (0.22, 0.45)),
            ((0.22, 0.45), (0.6, 0.4), (0.85, 0.65), (0.65, 0.95), (0.15, 0.95)),
        ),
        (
            ((0.28, 0.05), (0.25, 0.25), (0.22, 0.45), (0.6, 0.4), (0.82, 0.7), (0.55, 1), (0.15, 0.9)),
            *_line((0.28, 0.05), (0.85, 0.02)),
        ),
    ),
    6: (
        (
            (
                (0.7, 0),
                (0.35, 0.25),
                (0.15, 0.65),
                (0.3, 0.97),
                (0.65, 0.98),
                (0.82, 0.75),
                (0.6, 0.55),
                (0.3, 0.62),
                (0.17, 0.75),
            ),
        ),
        (((0.5, 0), (0.2, 0.45), (0.18, 0.85), (0.5, 1), (0.8, 0.8), (0.6, 0.57), (0.25, 0.7)),),
    ),
    7: (
        (*_line((0.1, 0.05), (0.88, 0.03), (0.4, 1)),),
        (*_line((0.1, 0.05), (0.88, 0.03), (0.4, 1)), *_line((0.3, 0.5), (0.85, 0.48))),
        (
            *_line((0.12, 0.2), (0.15, 0.03), (0.85, 0.03)),
            ((0.85, 0.03), (0.6, 0.4), (0.5, 1)),
            *_line((0.35, 0.52), (0.8, 0.5)),
        ),
    ),
    8: (
        (
            (
                (0.75, 0.12),
                (0.45, 0),
                (0.2, 0.18),
                (0.4, 0.43),
                (0.75, 0.68),
                (0.7, 0.95),
                (0.35, 1),
                (0.15, 0.8),
                (0.4, 0.5),
                (0.75, 0.25),
                (0.75, 0.12),
            ),
        ),
        (
            (
                (0.5, 0.47),
                (0.2, 0.25),
                (0.45, 0),
                (0.78, 0.2),
                (0.5, 0.47),
                (0.15, 0.75),
                (0.45, 1),
                (0.85, 0.78),
                (0.5, 0.47),
            ),
        ),
    ),
    9: (
        (
            ((0.8, 0.15), (0.5, 0), (0.2, 0.2), (0.3, 0.48), (0.65, 0.42), (0.8, 0.15)),
            ((0.8, 0.15), (0.75, 0.55), (0.65, 1)),
        ),
        (
            (
                (0.78, 0.12),
                (0.45, 0.02),
                (0.2, 0.25),
                (0.45, 0.47),
                (0.75, 0.3),
                (0.8, 0.12),
                (0.78, 0.6),
                (0.6, 0.95),
                (0.2, 0.92),
            ),
        ),
        (
            (
                (0.75, 0.1),
                (0.4, 0),
                (0.15, 0.25),
                (0.35, 0.48),
                (0.7, 0.35),
                (0.82, 0.05),
                (0.72, 0.6),
                (0.45, 1),
                (0.2, 0.85),
                (0.5, 0.7),
                (0.9, 0.65),
            ),
        ),
    ),
}

# Letters that no writer's digit looks like; O, o, I, l, S, s, Z, z, b, q, g, B, D, G and J are left out.
LETTERS: Final[dict[str, Glyph]] = {
    "A": (*_line((0.05, 1), (0.5, 0), (0.95, 1)), *_line((0.22, 0.62), (0.78, 0.62))),
    "C": (((0.9, 0.15), (0.5, 0), (0.12, 0.3), (0.12, 0.7), (0.5, 1), (0.9, 0.85)),),
    "E": (*_line((0.85, 0), (0.15, 0), (0.15, 1), (0.88, 1)), *_line((0.15, 0.48), (0.7, 0.48))),
    "F": (*_line((0.88, 0), (0.15, 0), (0.15, 1)), *_line((0.15, 0.48), (0.7, 0.48))),
    "H": (*_line((0.1, 0), (0.1, 1)), *_line((0.9, 0), (0.9, 1)), *_line((0.1, 0.5), (0.9, 0.5))),
    "K": (*_line((0.12, 0), (0.12, 1)), *_line((0.88, 0), (0.12, 0.55)), *_line((0.35, 0.42), (0.9, 1))),
    "L": _line((0.15, 0), (0.15, 1), (0.85, 1)),
    "M": _line((0.05, 1), (0.12, 0), (0.5, 0.7), (0.88, 0), (0.95, 1)),
    "N": _line((0.1, 1), (0.1, 0), (0.9, 1), (0.9, 0)),
    "P": (*_line((0.15, 0), (0.15, 1)), ((0.15, 0), (0.6, 0), (0.88, 0.25), (0.6, 0.52), (0.15, 0.52))),
    "Q": (
        ((0.5, 0), (0.12, 0.25), (0.12, 0.75), (0.5, 1), (0.88, 0.75), (0.88, 0.25), (0.5, 0)),
        *_line((0.55, 0.65), (1, 1.08)),
    ),
    "R": (
        *_line((0.15, 0), (0.15, 1)),
        ((0.15, 0), (0.6, 0), (0.85, 0.25), (0.6, 0.5), (0.15, 0.5)),
        *_line((0.45, 0.5), (0.9, 1)),
    ),
    "T": (*_line((0.05, 0), (0.95, 0)), *_line((0.5, 0), (0.5, 1))),
    "U": (((0.1, 0), (0.1, 0.65), (0.5, 1), (0.9, 0.65), (0.9, 0)),),
    "V": _line((0.05, 0), (0.5, 1), (0.95, 0)),
    "W": _line((0, 0), (0.25, 1), (0.5, 0.3), (0.75, 1), (1, 0)),
    "X": (*_line((0.08, 0), (0.92, 1)), *_line((0.92, 0), (0.08, 1))),
    "Y": (*_line((0.05, 0), (0.5, 0.5), (0.95, 0)), *_line((0.5, 0.5), (0.5, 1))),
    "a": (((0.8, 0.2), (0.4, 0.1), (0.12, 0.5), (0.35, 0.9), (0.78, 0.6)), *_line((0.8, 0.1), (0.8, 0.85), (0.95, 0.95))),
    "d": (((0.75, 0.5), (0.4, 0.42), (0.12, 0.7), (0.4, 1), (0.75, 0.8)), *_line((0.78, 0), (0.78, 1))),
    "e": (*_line((0.15, 0.5), (0.85, 0.5)), ((0.85, 0.5), (0.7, 0.1), (0.3, 0.1), (0.1, 0.5), (0.35, 0.92), (0.85, 0.85))),
    "f": (((0.85, 0.1), (0.6, 0), (0.45, 0.25), (0.45, 1)), *_line((0.15, 0.42), (0.8, 0.42))),
    "h": (*_line((0.15, 0), (0.15, 1)), ((0.15, 0.6), (0.5, 0.42), (0.8, 0.6), (0.8, 1))),
    "k": (*_line((0.15, 0), (0.15, 1)), *_line((0.75, 0.4), (0.15, 0.72)), *_line((0.35, 0.62), (0.8, 1))),
    "m": (
        *_line((0.05, 0.3), (0.05, 1)),
        ((0.05, 0.5), (0.3, 0.3), (0.48, 0.5), (0.48, 1)),
        ((0.48, 0.5), (0.75, 0.3), (0.95, 0.5), (0.95, 1)),
    ),
    "n": (*_line((0.12, 0.1), (0.12, 1)), ((0.12, 0.4), (0.5, 0.1), (0.85, 0.4), (0.85, 1))),
    "r": (*_line((0.2, 0.1), (0.2, 1)), ((0.2, 0.45), (0.45, 0.15), (0.85, 0.15))),
    "t": (((0.45, 0), (0.45, 0.75), (0.6, 1), (0.9, 0.9)), *_line((0.1, 0.3), (0.85, 0.3))),
    "u": (((0.1, 0.1), (0.12, 0.7), (0.45, 0.95), (0.8, 0.65)), *_line((0.82, 0.1), (0.82, 1))),
    "w": (((0.02, 0.1), (0.2, 0.95), (0.48, 0.5), (0.78, 0.95), (0.98, 0.1)),),
    "x": (*_line((0.12, 0.1), (0.88, 1)), *_line((0.88, 0.1), (0.12, 1))),
}  # fmt: skip


def draw(
    glyph: Glyph, rng: np.random.Generator, side: int = 96, pen: float | None = None, wildness: float = 1.0
) -> Gray:
    """One glyph by one hand, dark ink on light paper.

    Args:
        glyph: its strokes.
        rng: decides slant, size, place, tremor and pen.
        side: width and height of the picture in pixels.
        pen: width of the pen as a share of the glyph's height; None = any usual pen.
        wildness: how far the hand departs from the model, 0 = not at all.

    Returns:
        uint8 [side, side], 255 = paper.
    """
    height = side * rng.uniform(0.55, 0.75)
    width = height * rng.uniform(0.5, 0.8)
    pen = height * (rng.uniform(0.05, 0.14) if pen is None else pen)
    slant, turn = rng.normal(0.0, 0.12 * wildness), rng.normal(0.0, 0.06 * wildness)
    cos, sin = np.cos(turn), np.sin(turn)
    place = side / 2 + rng.normal(0, side * 0.03 * wildness, 2)
    tremor = 0.025 * wildness
    shared: dict[tuple[float, float], np.ndarray] = {}  # strokes that meet keep meeting
    strokes = []
    for stroke in glyph:
        for point in stroke:
            if point not in shared:
                shared[point] = np.array(point) + rng.normal(0, tremor, 2)
        path = (_smooth(np.array([shared[point] for point in stroke])) - 0.5) * (width, height)
        path = path @ np.array([[1, 0], [-slant, 1]])
        strokes.append(path @ np.array([[cos, sin], [-sin, cos]]) + place)
    return ink(strokes, side, pen, rng)


def ink(strokes: list[npt.NDArray[np.float64]], side: int, pen: float, rng: np.random.Generator) -> Gray:
    """Paths of points (x, y) in pixels, drawn with a round pen and a little unevenness."""
    scale = 3
    picture = Image.new("L", (side * scale, side * scale), 0)
    canvas = ImageDraw.Draw(picture)
    for path in strokes:
        points = path * scale
        radius = pen * scale / 2 * rng.uniform(0.9, 1.1)
        canvas.line([tuple(point) for point in points], 255, max(1, round(2 * radius)), joint="curve")
        for x, y in (points[0], points[-1]):
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    covered = np.asarray(picture.resize((side, side), Image.Resampling.BOX), np.float64) / 255
    paper, darkness = rng.uniform(215, 250), rng.uniform(0.6, 0.9)
    levels = paper * (1 - darkness * covered) + rng.normal(0, 2, covered.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _smooth(points: npt.NDArray[np.float64], steps: int = 8) -> npt.NDArray[np.float64]:
    """A uniform Catmull–Rom spline through the points."""
    if len(points) == 2:
        return points
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    p0, p1, p2, p3 = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = p1 + t / 2 * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    return np.vstack([curve.reshape(-1, 2), points[-1]])


def digit(value: int, rng: np.random.Generator, side: int = 96) -> Gray:
    """A digit in one of its styles; uint8 [side, side], dark on light."""
    styles = DIGITS[value]
    return draw(styles[rng.integers(len(styles))], rng, side)


def letter(rng: np.random.Generator, side: int = 96) -> Gray:
    """A letter that is no digit's double; uint8 [side, side], dark on light."""
    return draw(LETTERS[str(rng.choice(list(LETTERS)))], rng, side)


def scribble(rng: np.random.Generator, side: int = 96) -> Gray:
    """A tangle of one to three aimless strokes; uint8 [side, side], dark on light."""
    strokes = []
    for _ in range(rng.integers(1, 4)):
        turns = rng.integers(10, 19)
        strokes.append(_smooth(rng.uniform(side * 0.12, side * 0.88, (turns, 2))))
    return ink(strokes, side, side * rng.uniform(0.03, 0.08), rng)


def sheet(seed: int = 0) -> Image.Image:
    """Every style of every digit, then letters and scribbles, to be looked at."""
    rng = np.random.default_rng(seed)
    rows = [
        np.hstack([draw(styles[column % len(styles)], rng) for column in range(10)])
        for styles in DIGITS.values()
    ]
    rows += [np.hstack([letter(rng) for _ in range(10)]) for _ in range(3)]
    rows.append(np.hstack([scribble(rng) for _ in range(10)]))
    return Image.fromarray(np.vstack(rows))


if __name__ == "__main__":
    sheet().save(sys.argv[1])
