"""Writes letters, digits and signatures as strokes of a pen: words on a check, joined or printed, that nobody has to read."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.synthesis.stroke_language import Points, Style, parse_style, smooth_parts, spline
from pipeline.synthesis.stroke_styles import DIGITS

Floats = npt.NDArray[np.float32]

# One way to write each letter, in the notation of `stroke_language`: 0 = top of a capital, 1 = baseline, .45 = top of an x.
LETTERS: Final = {
    "a": ".5,.55 .25,.45 .02,.75 .2,1 .48,.8 .5,.5 .5,.9 .65,1", "b": ".1,0 .08,.5 .1,1 .4,.95 .5,.7 .35,.5 .1,.65",
    "c": ".5,.55 .25,.45 .02,.72 .2,1 .5,.9", "d": ".5,.55 .2,.5 .02,.8 .25,1 .48,.8 .55,0 .52,.9 .65,1",
    "e": ".03,.75 .4,.65 .3,.45 .05,.65 .15,1 .5,.9", "f": ".45,.1 .25,0 .12,.4 .1,1 .02,1.3 | 0,.48 .4,.48",
    "g": ".5,.55 .2,.45 .02,.75 .25,.95 .48,.7 .5,.5 .48,1.2 .2,1.38 .02,1.2",
    "h": ".05,0 .05,1; .1,.65 .3,.47 .42,.6 .42,1", "i": ".1,.45 .1,.9 .22,1 .3,.95 | .13,.22 .14,.24",
    "j": ".2,.45 .2,1.2 .05,1.38 -.05,1.25 | .22,.22 .23,.24", "k": ".05,0 .05,1 | .42,.45 .05,.75; .45,1",
    "l": ".02,.7 .25,.15 .15,0 .06,.3 .08,.9 .2,1 .3,.95",
    "m": ".02,.45 .04,1; .08,.6 .25,.46 .3,.6 .3,1; .34,.6 .5,.46 .58,.6 .58,1",
    "n": ".02,.45 .04,1; .1,.6 .3,.46 .4,.6 .4,.95 .5,1", "o": ".28,.45 .03,.7 .22,1 .5,.75 .3,.46 .55,.5",
    "p": ".05,.45 .03,1.35; .05,.6 .3,.45 .48,.7 .3,1 .05,.9",
    "q": ".5,.55 .2,.45 .02,.75 .25,1 .48,.7 .5,.48 .48,1.35 .65,1.2", "r": ".03,.45 .05,1; .1,.65 .25,.46 .42,.5",
    "s": ".45,.52 .2,.45 .1,.6 .4,.82 .3,1 .02,.93", "t": ".2,.12 .18,.9 .3,1 .42,.95 | .02,.45 .42,.43",
    "u": ".04,.45 .05,.85 .2,1 .42,.8 .44,.46 .44,.92 .56,1", "v": ".02,.45 .2,1 .3,.7 .42,.45",
    "w": ".02,.45 .12,1 .3,.55 .45,1 .62,.45", "x": ".03,.45 .42,1 | .42,.45 .02,1",
    "y": ".03,.45 .1,.9 .4,.75 .44,.46 .4,1.2 .15,1.38 .02,1.2", "z": ".04,.46 .44,.46; .03,1; .5,1",
    "A": "0,1 .35,0; .7,1 | .12,.62 .58,.62", "B": ".05,0 .05,1 | 0,0 .5,.08 .45,.42 .1,.48; .6,.6 .5,.95 0,1",
    "C": ".65,.15 .4,0 .05,.4 .15,.9 .45,1 .7,.85", "D": ".05,0 .05,1 | 0,0 .5,.1 .68,.5 .5,.92 0,1",
    "E": ".6,.02 .05,.02; .05,1; .6,1 | .05,.5 .5,.5", "F": ".62,.02 .05,.02; .05,1 | .05,.5 .5,.48",
    "G": ".65,.15 .35,0 .03,.4 .2,1 .6,.9 .62,.6; .4,.6", "H": ".05,0 .05,1 | .6,0 .6,1 | .05,.5 .6,.5",
    "I": ".2,0 .2,1 | 0,0 .4,0 | 0,1 .4,1", "J": ".45,0 .45,.8 .25,1 .02,.85", "K": ".05,0 .05,1 | .6,0 .05,.55; .65,1",
    "L": ".08,0 .05,.98; .6,1", "M": ".03,1 .1,0; .4,.7; .7,0; .78,1", "N": ".05,1 .05,0; .6,1; .6,0",
    "O": ".35,0 .03,.4 .25,1 .65,.7 .55,.1 .3,.02", "P": ".05,0 .05,1 | 0,.02 .5,.08 .5,.45 .05,.55",
    "Q": ".35,0 .03,.4 .25,1 .65,.7 .55,.1 .3,.02 | .4,.75 .7,1.05",
    "R": ".05,0 .05,1 | 0,.02 .5,.08 .5,.42 .08,.52; .6,1", "S": ".55,.12 .3,0 .08,.22 .5,.65 .4,.97 .02,.9",
    "T": "0,.02 .7,.02 | .35,.02 .33,1", "U": ".05,0 .08,.8 .3,1 .55,.8 .58,0", "V": ".02,0 .32,1; .62,0",
    "W": ".02,0 .2,1; .42,.3; .62,1; .85,0", "X": ".05,0 .6,1 | .6,0 .02,1", "Y": ".02,0 .3,.5; .6,0 | .3,.5 .28,1",
    "Z": ".05,.02 .6,.02; .03,1; .65,1", "/": ".4,-.05 0,1.1", "-": ".03,.65 .4,.63", ",": ".1,.95 .04,1.15",
    ".": ".08,.97 .1,1", "&": ".6,1 .15,.3 .25,0 .42,.2 .05,.75 .2,1 .6,.6", "'": ".1,0 .08,.2", "*": ".2,.3 .2,.8 | 0,.4 .4,.7 | .4,.4 0,.7",
    "#": ".2,.1 .1,.95 | .45,.1 .35,.95 | 0,.4 .6,.38 | 0,.7 .55,.68",
}  # fmt: skip


@dataclass(frozen=True)
class Pen:
    """How somebody writes letters.

    Attributes:
        joined: whether the letters of a word hang together.
        capitals: whether all letters are capitals.
        slant: columns per row, positive = to the right.
        width: of letters, 1 = as listed.
        gap: between letters, in shares of a capital's height.
        tremor: standard deviation of the points, in the same shares.
        stroke: half the pen's width, in the same shares.
    """

    joined: bool
    capitals: bool
    slant: float
    width: float
    gap: float
    tremor: float
    stroke: float


def pen(rng: np.random.Generator) -> Pen:
    """Invents somebody's hand."""
    joined = rng.random() < 0.55
    return Pen(
        joined=joined,
        capitals=not joined and rng.random() < 0.25,
        slant=float(np.clip(rng.normal(0.25 if joined else 0.1, 0.18), -0.3, 0.7)),
        width=float(rng.uniform(0.75, 1.35)),
        gap=float(rng.uniform(0.02, 0.14) if joined else rng.uniform(0.1, 0.3)),
        tremor=float(rng.uniform(0.012, 0.04)),
        stroke=float(rng.uniform(0.03, 0.06)),
    )


def write(text: str, style: Pen, height: float, width: float, rng: np.random.Generator) -> Floats:
    """Writes a line of text.

    Args:
        text: letters, digits and a few marks; what has no strokes is a gap.
        style: the hand.
        height: of a capital, in pixels.
        width: in pixels, that the line is pressed together to fit into.
        rng: decides what differs from letter to letter.

    Returns:
        How much of the paper the ink covers, float32 [h, w], 0 to 1; without margins at the sides.
    """
    paths: list[Points] = []
    x = 0.0
    for word in (text.upper() if style.capitals else text).split(" "):
        chain: list[Points] = []
        for char in word:
            strokes = _strokes(char, rng)
            if not strokes:
                continue
            size = rng.normal(1, 0.05)
            moved = [
                np.array(stroke) * (style.width * size, size)
                + (x, 1 - size + rng.normal(0, 0.03))
                + rng.normal(0, style.tremor, (len(stroke), 2))
                for stroke in strokes
            ]
            x = max(float(stroke[:, 0].max()) for stroke in moved) + style.gap * rng.uniform(0.6, 1.4)
            if style.joined and char.islower():
                chain.append(moved.pop(0))
            elif chain:
                paths.append(_smooth(np.vstack(chain)))
                chain = []
            paths += [_smooth(stroke) for stroke in moved]
        if chain:
            paths.append(_smooth(np.vstack(chain)))
        x += rng.uniform(0.3, 0.6)
    return ink(paths, style.slant, style.stroke, height, width, rng)


def sign(style: Pen, height: float, width: float, rng: np.random.Generator) -> Floats:
    """Writes a signature that nobody could read: a capital's loops, waves that run out, at times a line below."""
    count = int(rng.integers(5, 12))
    steps = np.cumsum(rng.uniform(0.05, 0.35, count))
    heights = np.where(np.arange(count) % 2, rng.uniform(0.5, 1.1, count), rng.uniform(-0.1, 0.7, count))
    heights[: 1 + count // 3] *= rng.uniform(0.4, 1.4)
    body = np.stack([steps + rng.normal(0, 0.12, count), heights], 1)
    end = body[-1] + (rng.uniform(0.2, 1.2), rng.normal(0, 0.15))
    paths = [_smooth(np.vstack([body, end]))]
    if rng.random() < 0.6:
        loop = np.array([(0.1, 0.8), (0.3, -0.3), (0.55, 0.1), (0.2, 0.9), (-0.1, 0.7), (0.5, 0.3)])
        paths.insert(0, _smooth(loop + rng.normal(0, 0.12, loop.shape)))
    if rng.random() < 0.35:
        y = rng.uniform(0.9, 1.3)
        paths.append(
            _smooth(np.array([(0, y), (steps[-1] / 2, y + rng.normal(0, 0.1)), (steps[-1], y - 0.1)]))
        )
    return ink(paths, style.slant, style.stroke * 0.8, height, width, rng)


def ink(
    paths: list[Points],
    slant: float,
    stroke: float,
    height: float,
    width: float,
    rng: np.random.Generator,
) -> Floats:
    """Draws paths, in units of a capital's height, as cover; float32 [h, w] at most `width` columns wide."""
    if not paths:
        return np.zeros((1, 1), np.float32)
    leaning = [np.stack([path[:, 0] + slant * (1 - path[:, 1]), path[:, 1]], 1) for path in paths]
    low = np.min([path.min(0) for path in leaning], 0) - 2 * stroke
    high = np.max([path.max(0) for path in leaning], 0) + 2 * stroke
    across = min(height, width / (high[0] - low[0]))
    finer = 3
    size = [max(2, round(float(extent))) for extent in (high - low) * (across, height)]
    picture = Image.new("L", (size[0] * finer, size[1] * finer), 0)
    canvas = ImageDraw.Draw(picture)
    pressure = rng.uniform(0, 0.35)
    for path in leaning:
        points = ((path - low) * (across, height) * finer).tolist()
        for start in range(0, len(points) - 1, 6):
            piece = [tuple(point) for point in points[start : start + 7]]
            breadth = max(1.2, 2 * stroke * height) * finer * (1 + pressure * np.sin(start / 9))
            canvas.line(piece, 255, max(1, round(breadth)), joint="curve")
    return np.asarray(picture.reduce(finer), np.float32) / np.float32(255)


def _strokes(char: str, rng: np.random.Generator) -> Style:
    if char.isdigit():
        styles = DIGITS[int(char)]
        return styles[int(rng.random() * len(styles))]
    return _letters().get(char, ())


@functools.cache
def _letters() -> dict[str, Style]:
    return {char: parse_style(text) for char, text in LETTERS.items()}


def _smooth(points: Points) -> Points:
    return np.vstack([spline(part, 5) for part in smooth_parts(points)])
