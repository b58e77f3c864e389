"""Prints combs, boxes and cells for digits: their rules, and the lines that these leave on paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Comb:
    """A comb's measures in pixels; cell i is `width` wide from `lefts[i]` on and `height` high."""

    lefts: tuple[float, ...]
    width: float
    height: float
    rule: float  # how thick the print is
    outer: float  # how thick the outer edges are


@dataclass(frozen=True)
class Rule:
    """A straight printed line from one point to another; thick in pixels."""

    start: tuple[float, float]
    stop: tuple[float, float]
    thick: float


def _strip(comb: Comb, rng: np.random.Generator) -> list[Rule]:
    """Rules a closed strip: a frame, and a rule between each two digits."""
    first, last = comb.lefts[0], comb.lefts[-1] + comb.width
    frame = _box(first, last, comb.height, comb.outer)
    return frame + [_rule(left, 0, comb.height, comb.rule) for left in comb.lefts[1:]]


def _dividers(comb: Comb, rng: np.random.Generator) -> list[Rule]:
    """Rules lines between the digits, at times beside the first and the last too, without a frame."""
    edges = [*comb.lefts, comb.lefts[-1] + comb.width]
    return [_rule(edge, 0, comb.height, comb.rule) for edge in (edges if rng.random() < 0.5 else edges[1:-1])]


def _ticks(comb: Comb, rng: np.random.Generator) -> list[Rule]:
    """Rules a base line with short ticks that stand on it."""
    edges = [*comb.lefts, comb.lefts[-1] + comb.width]
    top = comb.height * (1 - rng.uniform(0.2, 0.5))
    base = Rule((edges[0], comb.height), (edges[-1], comb.height), comb.rule)
    return [base, *(_rule(edge, top, comb.height, comb.rule) for edge in edges)]


def _boxes(comb: Comb, rng: np.random.Generator) -> list[Rule]:
    """Rules a box around each digit."""
    sides = (_box(left, left + comb.width, comb.height, comb.rule) for left in comb.lefts)
    return [side for box in sides for side in box]


# Of each kind how it is ruled, its share of the fields, and the gap between cells, least and most, of a cell's width.
LAYOUTS: Final[dict[str, tuple[Callable[[Comb, np.random.Generator], list[Rule]], float, float, float]]] = {
    "strip": (_strip, 0.35, 0.0, 0.0),
    "dividers": (_dividers, 0.15, 0.0, 0.0),
    "ticks": (_ticks, 0.15, 0.0, 0.0),
    "double": (_boxes, 0.15, 0.06, 0.12),
    "apart": (_boxes, 0.2, 0.15, 0.4),
}


def _rule(x: float, top: float, bottom: float, thick: float) -> Rule:
    return Rule((x, top), (x, bottom), thick)


def _box(left: float, right: float, height: float, thick: float) -> list[Rule]:
    uprights = [_rule(x, 0, height, thick) for x in (left, right)]
    return uprights + [Rule((left, y), (right, y), thick) for y in (0.0, height)]


def form(
    rules: Sequence[Rule],
    size: tuple[int, int],
    origin: tuple[float, float],
    turn: float,
    rng: np.random.Generator,
) -> Floats:
    """Prints rules in thin or thick, dark or gray, solid or dotted lines.

    Args:
        rules: in the comb's coordinates.
        size: rows and columns of the page.
        origin: x, y of the comb's upper left corner on the page.
        turn: of the comb around that corner, clockwise, in radians.
        rng: decides darkness, dots and blur.

    Returns:
        how light the print leaves the paper, float32 [h, w]: 1 = bare.
    """
    dotted = rng.random() < 0.15
    period, share = (rng.uniform(2.5, 6.0), rng.uniform(0.4, 0.7)) if dotted else (1.0, 1.0)
    darkness = rng.uniform(0.2, 0.5) if rng.random() < 0.4 else rng.uniform(0.5, 0.88)
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32) + np.float32(0.5)
    x, y = x - np.float32(origin[0]), y - np.float32(origin[1])
    x, y = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    cover = np.zeros(size, np.float32)
    for rule in rules:
        (x0, y0), (x1, y1) = rule.start, rule.stop
        along, across = (y - y0, x - x0) if x0 == x1 else (x - x0, y - y0)
        length = max(x1 - x0, y1 - y0)
        line = np.clip(rule.thick / 2 + 0.5 - np.abs(across), 0, min(rule.thick, 1.0))
        line *= np.clip(rule.thick / 2 + 0.5 + length / 2 - np.abs(along - length / 2), 0, 1)
        if dotted:
            line *= np.mod(along, period) < share * period
        np.maximum(cover, line, out=cover)
    cover = ndimage.gaussian_filter(cover, rng.uniform(0.3, 0.7))
    return np.asarray(1 - np.float32(darkness) * cover, np.float32)
