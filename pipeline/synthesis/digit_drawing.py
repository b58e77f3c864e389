"""Draws handwritten characters: digits in American and European styles, letters, scribbles.

A glyph is a style in the notation of `pipeline.synthesis.stroke_language`, in a unit box. Slant, size, pen and
tremor bend it differently each time. These are pictures of single characters: the golden digits, pictures that are no
digits, and digits for tests. Fields are drawn with the styles of `pipeline.synthesis.stroke_styles`.

    python -m pipeline.synthesis.digit_drawing sheet.png      # a contact sheet of every style
"""

from __future__ import annotations

import sys
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.synthesis.stroke_language import Points, Style, parse_style, parse_styles, smooth_parts, spline

Gray = npt.NDArray[np.uint8]

DIGITS: Final[dict[int, tuple[Style, ...]]] = {
    0: parse_styles(
        ".5,0 .15,.2 .1,.55 .3,.95 .65,.95 .9,.5 .75,.1 .45,0",
        ".6,.02 .25,.15 .12,.5 .25,.9 .55,1 .85,.75 .88,.3 .6,.02 .4,.1",
    ),
    1: parse_styles(
        ".5,0 .5,.5 .5,1",
        ".62,0 .5,.5 .4,1",
        ".2,.3 .55,0; .55,1",
        ".1,.55 .6,0; .55,1",
        ".3,.2 .55,0; .55,1 | .25,1 .85,1",
    ),
    2: parse_styles(
        ".12,.25 .3,.03 .65,.02 .82,.25 .65,.55 .15,1; .5,.97 .9,1",
        ".15,.2 .45,0 .8,.2 .6,.6 .25,.95 .12,.88 .3,.8 .6,.97 .95,.9",
    ),
    3: parse_styles(
        ".15,.1 .5,0 .8,.2 .65,.43 .4,.47; .75,.55 .85,.78 .6,1 .2,.93",
        ".15,.02 .8,.02; .42,.4; .8,.5 .85,.8 .5,1 .12,.88",
    ),
    4: parse_styles(
        ".25,0 .15,.55; .9,.55 | .75,.15 .7,1",
        ".65,1 .65,0; .1,.68; .95,.68",
        ".55,0 .1,.6; .9,.62 | .65,.35 .6,1",
    ),
    5: parse_styles(
        ".8,.02 .3,.02; .22,.45; .6,.4 .85,.65 .65,.95 .15,.95",
        ".28,.05 .25,.25 .22,.45 .6,.4 .82,.7 .55,1 .15,.9 | .28,.05 .85,.02",
    ),
    6: parse_styles(
        ".7,0 .35,.25 .15,.65 .3,.97 .65,.98 .82,.75 .6,.55 .3,.62 .17,.75",
        ".5,0 .2,.45 .18,.85 .5,1 .8,.8 .6,.57 .25,.7",
    ),
    7: parse_styles(
        ".1,.05 .88,.03; .4,1",
        ".1,.05 .88,.03; .4,1 | .3,.5 .85,.48",
        ".12,.2 .15,.03; .85,.03; .6,.4 .5,1 | .35,.52 .8,.5",
    ),
    8: parse_styles(
        ".75,.12 .45,0 .2,.18 .4,.43 .75,.68 .7,.95 .35,1 .15,.8 .4,.5 .75,.25 .75,.12",
        ".5,.47 .2,.25 .45,0 .78,.2 .5,.47 .15,.75 .45,1 .85,.78 .5,.47",
    ),
    9: parse_styles(
        ".8,.15 .5,0 .2,.2 .3,.48 .65,.42 .8,.15; .75,.55 .65,1",
        ".78,.12 .45,.02 .2,.25 .45,.47 .75,.3 .8,.12 .78,.6 .6,.95 .2,.92",
        ".75,.1 .4,0 .15,.25 .35,.48 .7,.35 .82,.05 .72,.6 .45,1 .2,.85 .5,.7 .9,.65",
    ),
}

# Letters that no writer's digit looks like; O, o, I, l, S, s, Z, z, b, q, g, B, D, G and J are left out.
LETTERS: Final[dict[str, Style]] = {
    "A": parse_style(".05,1 .5,0; .95,1 | .22,.62 .78,.62"),
    "C": parse_style(".9,.15 .5,0 .12,.3 .12,.7 .5,1 .9,.85"),
    "E": parse_style(".85,0 .15,0; .15,1; .88,1 | .15,.48 .7,.48"),
    "F": parse_style(".88,0 .15,0; .15,1 | .15,.48 .7,.48"),
    "H": parse_style(".1,0 .1,1 | .9,0 .9,1 | .1,.5 .9,.5"),
    "K": parse_style(".12,0 .12,1 | .88,0 .12,.55 | .35,.42 .9,1"),
    "L": parse_style(".15,0 .15,1; .85,1"),
    "M": parse_style(".05,1 .12,0; .5,.7; .88,0; .95,1"),
    "N": parse_style(".1,1 .1,0; .9,1; .9,0"),
    "P": parse_style(".15,0 .15,1 | .15,0 .6,0 .88,.25 .6,.52 .15,.52"),
    "Q": parse_style(".5,0 .12,.25 .12,.75 .5,1 .88,.75 .88,.25 .5,0 | .55,.65 1,1.08"),
    "R": parse_style(".15,0 .15,1 | .15,0 .6,0 .85,.25 .6,.5 .15,.5 | .45,.5 .9,1"),
    "T": parse_style(".05,0 .95,0 | .5,0 .5,1"),
    "U": parse_style(".1,0 .1,.65 .5,1 .9,.65 .9,0"),
    "V": parse_style(".05,0 .5,1; .95,0"),
    "W": parse_style("0,0 .25,1; .5,.3; .75,1; 1,0"),
    "X": parse_style(".08,0 .92,1 | .92,0 .08,1"),
    "Y": parse_style(".05,0 .5,.5; .95,0 | .5,.5 .5,1"),
    "a": parse_style(".8,.2 .4,.1 .12,.5 .35,.9 .78,.6 | .8,.1 .8,.85; .95,.95"),
    "d": parse_style(".75,.5 .4,.42 .12,.7 .4,1 .75,.8 | .78,0 .78,1"),
    "e": parse_style(".15,.5 .85,.5; .7,.1 .3,.1 .1,.5 .35,.92 .85,.85"),
    "f": parse_style(".85,.1 .6,0 .45,.25 .45,1 | .15,.42 .8,.42"),
    "h": parse_style(".15,0 .15,1 | .15,.6 .5,.42 .8,.6 .8,1"),
    "k": parse_style(".15,0 .15,1 | .75,.4 .15,.72 | .35,.62 .8,1"),
    "m": parse_style(".05,.3 .05,1 | .05,.5 .3,.3 .48,.5 .48,1 | .48,.5 .75,.3 .95,.5 .95,1"),
    "n": parse_style(".12,.1 .12,1 | .12,.4 .5,.1 .85,.4 .85,1"),
    "r": parse_style(".2,.1 .2,1 | .2,.45 .45,.15 .85,.15"),
    "t": parse_style(".45,0 .45,.75 .6,1 .9,.9 | .1,.3 .85,.3"),
    "u": parse_style(".1,.1 .12,.7 .45,.95 .8,.65 | .82,.1 .82,1"),
    "w": parse_style(".02,.1 .2,.95 .48,.5 .78,.95 .98,.1"),
    "x": parse_style(".12,.1 .88,1 | .88,.1 .12,1"),
}


def draw(
    style: Style, rng: np.random.Generator, side: int = 96, pen: float | None = None, wildness: float = 1.0
) -> Gray:
    """Draws one character by one writer, dark ink on light paper.

    Args:
        style: its strokes.
        rng: decides slant, size, place, tremor and pen.
        side: width and height of the picture in pixels.
        pen: width of the pen as a share of the character's height; None = any usual pen.
        wildness: how far the writer departs from the model, 0 = not at all.

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
    moved: dict[tuple[float, float], Points] = {}  # strokes that meet keep meeting
    paths = []
    for stroke in style:
        for point in stroke:
            if point not in moved:
                moved[point] = np.array(point) + rng.normal(0, tremor, 2)
        for part in smooth_parts(np.array([moved[point] for point in stroke])):
            path = ((part if len(part) == 2 else spline(part)) - 0.5) * (width, height)
            path = path @ np.array([[1, 0], [-slant, 1]])
            paths.append(path @ np.array([[cos, sin], [-sin, cos]]) + place)
    return ink(paths, side, pen, rng)


def ink(paths: list[Points], side: int, pen: float, rng: np.random.Generator) -> Gray:
    """Draws paths with a round pen and a little unevenness.

    Args:
        paths: points (x, y) in pixels, [n, 2] each.
        side: width and height of the picture in pixels.
        pen: width of the pen in pixels.
        rng: decides unevenness, paper and darkness.

    Returns:
        uint8 [side, side], 255 = paper.
    """
    scale = 3
    picture = Image.new("L", (side * scale, side * scale), 0)
    canvas = ImageDraw.Draw(picture)
    for path in paths:
        points = path * scale
        radius = pen * scale / 2 * rng.uniform(0.9, 1.1)
        canvas.line([tuple(point) for point in points], 255, max(1, round(2 * radius)), joint="curve")
        for x, y in (points[0], points[-1]):
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    covered = np.asarray(picture.resize((side, side), Image.Resampling.BOX), np.float64) / 255
    paper, darkness = rng.uniform(215, 250), rng.uniform(0.6, 0.9)
    levels = paper * (1 - darkness * covered) + rng.normal(0, 2, covered.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def digit(label: int, rng: np.random.Generator, side: int = 96) -> Gray:
    """Draws the digit `label` in one of its styles; uint8 [side, side], dark on light."""
    styles = DIGITS[label]
    return draw(styles[rng.integers(len(styles))], rng, side)


def letter(rng: np.random.Generator, side: int = 96) -> Gray:
    """Draws a letter that cannot be mistaken for a digit; uint8 [side, side], dark on light."""
    return draw(LETTERS[str(rng.choice(list(LETTERS)))], rng, side)


def scribble(rng: np.random.Generator, side: int = 96) -> Gray:
    """Draws a tangle of one to three aimless strokes; uint8 [side, side], dark on light."""
    paths = []
    for _ in range(rng.integers(1, 4)):
        turns = rng.integers(10, 19)
        paths.append(spline(rng.uniform(side * 0.12, side * 0.88, (turns, 2))))
    return ink(paths, side, side * rng.uniform(0.03, 0.08), rng)


def sheet(seed: int = 0) -> Image.Image:
    """Draws every style of every digit, then letters and scribbles, for inspection."""
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
