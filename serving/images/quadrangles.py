"""Puts quadrangles together from a picture's straight edges and tells how much speaks for each to be a sheet of paper.

Where no edge is seen, a sheet may reach to the picture's border, or a little beyond the print where the rest is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.images.codec import Gray
from serving.images.edge_lines import EdgePoints, Lines, on_lines
from serving.images.perspective import picture_corners

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

# What each pixel of a side says, as logarithms of likelihoods of "a sheet's edge" against "a chance":
SEEN: Final = 1.4
_UNSEEN: Final = -1.7
_THIN: Final = 0.2  # of a thin line, beyond which there is hardly an edge
_RULED: Final = -0.7  # and one beyond which there is print
_DARKER: Final = -0.2  # where the sheet would be darker than what is around it
_BEYOND: Final = -1.5  # for an edge that goes on beyond the sheet's corner
_REACH: Final = 14  # pixels beyond a corner that are looked at
_BORDER: Final = 1.5  # pixels at the picture's border, in which no edge is seen
_ASIDE: Final = 2.8  # pixels from a line to the levels on its sides
_STEP: Final = 6.0  # levels between them, at a sheet's edge
_FOLD: Final = 8.0  # the same, where there is print beyond: less may be a fold
_CLEAN: Final = 0.05  # of the strong edge points
_EMPTY: Final = 0.03  # of the print's length, beyond that margin at least, for the rest to be called empty
_FEW: Final = 40  # strong edge points, too few for print
_SPECKS: Final = 0.002  # of the strong edge points, that may lie anywhere
_MARGIN: Final = 0.045  # of the print's length, from there to the sheet's edge
_MOST: Final = 18  # lines of a direction
_LEAST_SIDE: Final = 0.12  # of the picture's diagonal
_BENT: Final = 0.5  # cosine of the sharpest angle at a corner
_SHAPES: Final = 1.8, 2.9  # length by height of checks
_SHAPELESS: Final = -400.0  # for each doubling beyond them
_CONVERGING: Final = -1500.0  # times the square of the angle between opposite sides
_LARGEST_COST: Final = -300.0


@dataclass(frozen=True)
class Quadrangles:
    """Quadrangles, the likeliest first.

    Attributes:
        corners: float64 [n, 4, 2], clockwise from the one that is left and up, in pixels of the picture.
        score: float64 [n], how much speaks for each; 0 where no edge is seen.
        sides: int64 [n, 4], of what is a side: an index of the lines, or -1 for a limit, where no edge is seen. Top, right,
            bottom, left.
        seen: float64 [n, 4], share of each side on which an edge is seen.
    """

    corners: _Floats
    score: _Floats
    sides: _Ints
    seen: _Floats


@dataclass(frozen=True)
class _Family:
    """Lines across one direction, among them two limits where none is seen; in the order of their offset.

    Attributes:
        angle: float64 [n], of normals that point to growing offset.
        offset: float64 [n].
        polarity: int64 [n], 1 where it is brighter toward growing offset, -1 where darker, 0 of a limit.
        index: int64 [n], of the lines; -1 of a limit.
        evidence: float64 [n, 2 · reach + 1], sums along the line from its one end, of what its pixels say.
        edges: the same of pixels with an edge.
    """

    angle: _Floats
    offset: _Floats
    polarity: _Ints
    index: _Ints
    evidence: _Floats
    edges: _Floats


def find_quadrangles(small: Gray, points: EdgePoints, lines: Lines, most: int = 40) -> Quadrangles:
    """Finds the likeliest quadrangles in a picture, uint8 [h, w]; at least one, if need be the picture itself."""
    shape = height, width = small.shape
    main = _main_direction(lines)
    families = [_family(small, points, lines, main + turn) for turn in (0.0, np.pi / 2)]
    first, second = families
    x, y, t, s = _crossings(first, second)
    reach = _reach(shape)
    least = _LEAST_SIDE * float(np.hypot(height, width))
    pairs = _pairs(first, least), _pairs(second, least)
    # Sides on the first family's lines, [lines, pairs of the second], and the other way round.
    along, length_along, seen_along = _sides(first, t, pairs[1], reach)
    across, length_across, seen_across = _sides(second, s.T, pairs[0], reach)
    (i, j), (k, l) = pairs
    turn_along, turn_across = t[:, k] < t[:, l], s.T[:, i] < s.T[:, j]
    darker = _DARKER * length_along, _DARKER * length_across
    score = (along + darker[0] * (first.polarity < 0)[:, None])[i]
    score += (along + darker[0] * (first.polarity > 0)[:, None])[j]
    score += (across + darker[1] * (second.polarity < 0)[:, None])[k].T
    score += (across + darker[1] * (second.polarity > 0)[:, None])[l].T
    score[turn_along[i] != turn_along[j]] = -np.inf  # sides that cross
    score[(turn_across[k] != turn_across[l]).T] = -np.inf
    mean_along = (length_along[i] + length_along[j]) / 2
    mean_across = ((length_across[k] + length_across[l]) / 2).T
    longer, shorter = np.maximum(mean_along, mean_across), np.minimum(mean_along, mean_across)
    ratio = longer / np.maximum(shorter, 1)
    beyond = np.maximum(np.maximum(np.log2(_SHAPES[0] / ratio), np.log2(ratio / _SHAPES[1])), 0)
    score += np.maximum(_SHAPELESS * beyond, _LARGEST_COST)
    score += _spread(first, pairs[0])[:, None] + _spread(second, pairs[1])
    score[shorter < least] = -np.inf
    for a in (i, j):
        for b in (k, l):
            bent = np.abs(np.cos(first.angle[a][:, None] - second.angle[b]))
            score[bent > _BENT] = -np.inf
    flat = score.ravel()
    best = np.argsort(-flat, kind="stable")[:most]
    best = best[np.isfinite(flat[best])]
    if not len(best):
        return Quadrangles(picture_corners(shape)[None], np.zeros(1), np.full((1, 4), -1), np.zeros((1, 4)))
    p, q = np.unravel_index(best, score.shape)
    i, j, k, l = i[p], j[p], k[q], l[q]
    corners = np.stack([np.stack([x[a, b], y[a, b]], -1) for a, b in ((i, k), (j, k), (j, l), (i, l))], 1)
    sides = np.stack([second.index[k], first.index[j], second.index[l], first.index[i]], 1)
    seen = np.stack([seen_across[k, p], seen_along[j, q], seen_across[l, p], seen_along[i, q]], 1)
    corners = np.round(corners + np.array([width / 2, height / 2]), 6) + 0.0
    return Quadrangles(corners, flat[best], sides, seen)


def _reach(shape: tuple[int, int]) -> int:
    return int(np.hypot(*shape) * 0.75) + 2


def _main_direction(lines: Lines) -> float:
    """Returns the direction, modulo 90°, in which most points on lines change, 0 to π / 2."""
    if not len(lines.angle):
        return 0.0
    weight = lines.count.astype(np.float64) ** 2
    quarter = np.pi / 2
    folded = lines.angle % quarter
    apart = np.abs((folded[:, None] - folded + quarter / 2) % quarter - quarter / 2)
    votes = (np.exp(-((apart / 0.1) ** 2)) * weight).sum(1)
    angle = float(folded[int(votes.argmax())])
    return angle - quarter if angle > quarter / 2 else angle


def _family(small: Gray, points: EdgePoints, lines: Lines, direction: float) -> _Family:
    """Gathers the lines whose normal is within 45° of a direction or of its opposite."""
    height, width = small.shape
    cosine = np.cos(lines.angle - direction)
    chosen = (np.abs(cosine) > np.sqrt(0.5)).nonzero()[0]
    polarity = np.where(cosine[chosen] > 0, 1, -1)
    angle = np.where(polarity > 0, lines.angle[chosen], lines.angle[chosen] + np.pi)
    offset = lines.offset[chosen] * polarity
    evidence, edges = _profiles(small, points, lines, chosen, angle, offset)
    if len(chosen) > _MOST:
        rise = evidence - np.minimum.accumulate(evidence, 1)
        likeliest = np.sort(np.argsort(-rise.max(1), kind="stable")[:_MOST])
        chosen, angle, offset, polarity = (part[likeliest] for part in (chosen, angle, offset, polarity))
        evidence, edges = evidence[likeliest], edges[likeliest]
    # The limits are lines on which nothing is seen. All are ordered by where they pass the picture's middle.
    limit_angle, limit_offset = _limits(points, direction, small.shape)
    angle, offset = np.concatenate([angle, limit_angle]), np.concatenate([offset, limit_offset])
    none = np.zeros((2, evidence.shape[1]))
    evidence, edges = np.concatenate([evidence, none]), np.concatenate([edges, none])
    polarity = np.concatenate([polarity, [0, 0]])
    index = np.concatenate([chosen, [-1, -1]])
    order = np.argsort(offset, kind="stable")
    return _Family(angle[order], offset[order], polarity[order], index[order], evidence[order], edges[order])


def _limits(points: EdgePoints, direction: float, shape: tuple[int, int]) -> tuple[_Floats, _Floats]:
    """Returns angles and offsets of two lines beyond which no sheet reaches: a little outside all print, or the border."""
    height, width = shape
    horizontal = abs(np.cos(direction)) > np.sqrt(0.5)
    border = 0.0 if horizontal else np.pi / 2
    if np.cos(border - direction) < 0:
        border += np.pi
    half = (width if horizontal else height) / 2
    angle, offset = np.full(2, border), np.array([-half, half])
    strong = points.strong
    if strong.shape[1] < _FEW:
        return angle, offset
    rest = max(2, int(_SPECKS * strong.shape[1]))
    low, high = _ends(strong, direction, rest)
    margin = _MARGIN * max(high - low, *(np.diff(_ends(strong, direction + np.pi / 2, rest))))
    empty = _EMPTY / _MARGIN * margin
    if low - margin - empty > -half:
        angle[0], offset[0] = direction, low - margin
    if high + margin + empty < half:
        angle[1], offset[1] = direction, high + margin
    return angle, offset


def _ends(place: npt.NDArray[np.float32], direction: float, rest: int) -> tuple[float, float]:
    """Returns from where to where places reach along a direction, but for some at either end."""
    along = np.sort(place[0] * np.cos(direction) + place[1] * np.sin(direction))
    return float(along[rest]), float(along[-rest - 1])


def _profiles(
    small: Gray, points: EdgePoints, lines: Lines, chosen: _Ints, angle: _Floats, offset: _Floats
) -> tuple[_Floats, _Floats]:
    """Sums along each line what its pixels say, and how many have an edge."""
    height, width = small.shape
    reach = _reach(small.shape)
    part = lines.select(chosen)
    line, point = on_lines(points, part).nonzero()
    x, y = points.place[:, point]
    along = -np.sin(angle[line]) * x + np.cos(angle[line]) * y
    seen = np.zeros((len(chosen), 2 * reach + 3), np.bool_)
    seen[line, np.rint(along).astype(np.int64) + reach + 1] = True
    seen = seen[:, 1:-1] | seen[:, :-2] | seen[:, 2:]
    t = np.arange(-reach, reach + 1)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = cos * offset[:, None] - sin * t, sin * offset[:, None] + cos * t
    inside = (np.abs(x) < width / 2 - _BORDER) & (np.abs(y) < height / 2 - _BORDER)
    levels = []
    for side in (-_ASIDE, _ASIDE):
        column = np.clip((x + side * cos + width / 2).astype(np.int64), 0, width - 1)
        row = np.clip((y + side * sin + height / 2).astype(np.int64), 0, height - 1)
        levels.append(small[row, column].astype(np.float64))
    polarity = np.where(np.cos(part.angle - angle) > 0, 1, -1)
    step = (levels[1] - levels[0]) * polarity[:, None]
    strong = points.strong
    beyond = part.normal() @ strong < (part.offset[:, None] - _ASIDE)
    clean = beyond.sum(1) < _CLEAN * len(strong[0])
    thin = np.where(clean, _THIN, _RULED)[:, None]
    least = np.where(clean, _STEP, _FOLD)[:, None]
    evidence = np.where(seen, np.where(step > least, SEEN, thin), _UNSEEN)
    return (evidence * inside).cumsum(1), (seen & inside).astype(np.float64).cumsum(1)


def _crossings(first: _Family, second: _Family) -> tuple[_Floats, _Floats, _Floats, _Floats]:
    """Returns where lines cross, x and y, and how far along either line that is; each float64 [first, second]."""
    a, b = first.angle[:, None], second.angle
    determinant = np.sin(b - a)
    determinant = np.where(np.abs(determinant) < 0.1, 0.1, determinant)
    x = (first.offset[:, None] * np.sin(b) - second.offset * np.sin(a)) / determinant
    y = (second.offset * np.cos(a) - first.offset[:, None] * np.cos(b)) / determinant
    return x, y, -np.sin(a) * x + np.cos(a) * y, -np.sin(b) * x + np.cos(b) * y


def _pairs(family: _Family, least: float) -> tuple[_Ints, _Ints]:
    """Returns the pairs of lines that may be opposite sides: lower and higher offset."""
    i, j = np.triu_indices(len(family.offset), 1)
    far = family.offset[j] - family.offset[i] >= least
    return i[far], j[far]


def _spread(family: _Family, pairs: tuple[_Ints, _Ints]) -> _Floats:
    """Scores how far opposite sides are from parallel, float64 [pairs]."""
    turn = (family.angle[pairs[0]] - family.angle[pairs[1]] + np.pi) % (2 * np.pi) - np.pi
    return np.asarray(_CONVERGING * turn**2)


def _sides(
    family: _Family, t: _Floats, pairs: tuple[_Ints, _Ints], reach: int
) -> tuple[_Floats, _Floats, _Floats]:
    """Scores what lies on each line between two crossing ones.

    Args:
        family: the lines.
        t: float64 [lines, others], where the others cross them.
        pairs: of the others.
        reach: index of t = 0 in the sums.

    Returns:
        Score, length and share seen, each float64 [lines, pairs].
    """
    ends = t[:, pairs[0]], t[:, pairs[1]]
    start, stop = np.minimum(*ends), np.maximum(*ends)
    length = stop - start
    last = family.evidence.shape[1] - 1

    def sums(table: _Floats, low: _Floats, high: _Floats) -> _Floats:
        rows = np.arange(len(table))[:, None]
        a, b = (np.clip(np.rint(end) + reach, 0, last).astype(np.int64) for end in (low, high))
        return table[rows, b] - table[rows, a]

    score = sums(family.evidence, start, stop)
    score += _BEYOND * sums(family.edges, start - _REACH, start - 2)
    score += _BEYOND * sums(family.edges, stop + 2, stop + _REACH)
    seen = sums(family.edges, start, stop) / np.maximum(length, 1)
    return score, length, seen
