"""Puts quadrangles together of a picture's straight edges and tells how much speaks for each to be a sheet of paper.

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
class Quadrangle:
    """A quadrangle that may be a sheet of paper.

    Attributes:
        corners: float64 [4, 2], clockwise from the one that is left and up, in pixels of the picture.
        score: how much speaks for it; 0 where no edge is seen.
        sides: int64 [4], what is the top, right, bottom and left side: an index of the lines, or -1 for a limit, where no
            edge is seen.
        visible: float64 [4], share of each side on which an edge is seen.
    """

    corners: _Floats
    score: float
    sides: _Ints
    visible: _Floats


@dataclass(frozen=True)
class _Family:
    """Lines across one direction, among them two limits where none is seen; in the order of their offset.

    Attributes:
        angle: float64 [n], of normals that point to growing offset.
        offset: float64 [n].
        polarity: int64 [n], 1 where it is brighter toward growing offset, -1 where darker, 0 of a limit.
        index: int64 [n], of the lines; -1 of a limit.
        evidence: float64 [2, n, 2 · reach + 1], sums along the line from its one end, of what its pixels say: between
            sides that are seen, and beside a limit, where a fold of a sheet that fills the picture looks like its edge.
        edges: float64 [n, 2 · reach + 1], the same of pixels with an edge.
    """

    angle: _Floats
    offset: _Floats
    polarity: _Ints
    index: _Ints
    evidence: _Floats
    edges: _Floats


def find_quadrangle(small: Gray, points: EdgePoints, lines: Lines) -> Quadrangle:
    """Finds the likeliest quadrangle in a picture, uint8 [h, w]; the picture itself where there is none."""
    shape = height, width = small.shape
    main = _main_direction(lines)
    first, second = (_family(small, points, lines, main + turn) for turn in (0.0, np.pi / 2))
    x, y, t, s = _crossings(first, second)
    reach = _reach(shape)
    least = _LEAST_SIDE * float(np.hypot(height, width))
    pairs = _pairs(first, least), _pairs(second, least)
    # Sides on the first family's lines, [lines, pairs of the second], and the other way round.
    along, length_along, visible_along = _sides(first, t, second, pairs[1], reach)
    across, length_across, visible_across = _sides(second, s.T, first, pairs[0], reach)
    (left, right), (top, bottom) = pairs
    turn_along, turn_across = t[:, top] < t[:, bottom], s.T[:, left] < s.T[:, right]
    darker = _DARKER * length_along, _DARKER * length_across
    score = (along + darker[0] * (first.polarity < 0)[:, None])[left]
    score += (along + darker[0] * (first.polarity > 0)[:, None])[right]
    score += (across + darker[1] * (second.polarity < 0)[:, None])[top].T
    score += (across + darker[1] * (second.polarity > 0)[:, None])[bottom].T
    score[turn_along[left] != turn_along[right]] = -np.inf  # sides that cross
    score[(turn_across[top] != turn_across[bottom]).T] = -np.inf
    mean_along = (length_along[left] + length_along[right]) / 2
    mean_across = ((length_across[top] + length_across[bottom]) / 2).T
    longer, shorter = np.maximum(mean_along, mean_across), np.minimum(mean_along, mean_across)
    ratio = longer / np.maximum(shorter, 1)
    beyond = np.maximum(np.maximum(np.log2(_SHAPES[0] / ratio), np.log2(ratio / _SHAPES[1])), 0)
    score += np.maximum(_SHAPELESS * beyond, _LARGEST_COST)
    score += _spread(first, pairs[0])[:, None] + _spread(second, pairs[1])
    score[shorter < least] = -np.inf
    for side in (left, right):
        for other in (top, bottom):
            bent = np.abs(np.cos(first.angle[side][:, None] - second.angle[other]))
            score[bent > _BENT] = -np.inf
    if not np.isfinite(score).any():
        return Quadrangle(picture_corners(shape), 0.0, np.full(4, -1), np.zeros(4))
    p, q = np.unravel_index(int(score.argmax()), score.shape)
    a, b, c, d = left[p], right[p], top[q], bottom[q]
    lines_of_corners = [a, b, b, a], [c, c, d, d]
    corners = np.column_stack([x[lines_of_corners] + width / 2, y[lines_of_corners] + height / 2])
    return Quadrangle(
        np.round(corners, 6) + 0.0,  # so that a picture's own corners are exact
        float(score[p, q]),
        np.array([second.index[c], first.index[b], second.index[d], first.index[a]]),
        np.array([visible_across[c, p], visible_along[b, q], visible_across[d, p], visible_along[a, q]]),
    )


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
    cosine = np.cos(lines.angle - direction)
    members = (np.abs(cosine) > np.sqrt(0.5)).nonzero()[0]
    polarity = np.where(cosine[members] > 0, 1, -1)
    angle = np.where(polarity > 0, lines.angle[members], lines.angle[members] + np.pi)
    offset = lines.offset[members] * polarity
    evidence, edges = _profiles(small, points, lines, members, angle, offset)
    if len(members) > _MOST:
        rise = evidence[0] - np.minimum.accumulate(evidence[0], 1)
        likeliest = np.sort(np.argsort(-rise.max(1), kind="stable")[:_MOST])
        members, angle, offset, polarity = (part[likeliest] for part in (members, angle, offset, polarity))
        evidence, edges = evidence[:, likeliest], edges[likeliest]
    # The limits are lines on which nothing is seen. All are ordered by where they pass the picture's middle.
    limit_angle, limit_offset = _limits(points, direction, small.shape)
    angle, offset = np.concatenate([angle, limit_angle]), np.concatenate([offset, limit_offset])
    none = np.zeros((2, 2, edges.shape[1]))
    evidence, edges = np.concatenate([evidence, none], 1), np.concatenate([edges, none[0]])
    polarity = np.concatenate([polarity, [0, 0]])
    index = np.concatenate([members, [-1, -1]])
    order = np.argsort(offset, kind="stable")
    return _Family(
        angle[order], offset[order], polarity[order], index[order], evidence[:, order], edges[order]
    )


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
    first, last = _ends(strong, direction + np.pi / 2, rest)
    length = max(high - low, last - first)
    margin, empty = _MARGIN * length, _EMPTY * length
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
    small: Gray, points: EdgePoints, lines: Lines, members: _Ints, angle: _Floats, offset: _Floats
) -> tuple[_Floats, _Floats]:
    """Sums along each line what its pixels say, and how many have an edge."""
    height, width = small.shape
    reach = _reach(small.shape)
    part = lines.select(members)
    line, point = on_lines(points, part).nonzero()
    x, y = points.place[:, point]
    along = -np.sin(angle[line]) * x + np.cos(angle[line]) * y
    has_edge = np.zeros((len(members), 2 * reach + 3), np.bool_)
    has_edge[line, np.rint(along).astype(np.int64) + reach + 1] = True
    has_edge = has_edge[:, 1:-1] | has_edge[:, :-2] | has_edge[:, 2:]
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
    is_step = np.stack([step > least, (step > least) & clean[:, None]])
    evidence = np.where(has_edge, np.where(is_step, SEEN, thin), _UNSEEN)
    return (evidence * inside).cumsum(2), (has_edge & inside).astype(np.float64).cumsum(1)


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
    family: _Family, t: _Floats, others: _Family, pairs: tuple[_Ints, _Ints], reach: int
) -> tuple[_Floats, _Floats, _Floats]:
    """Scores what lies on each line between two crossing ones.

    Args:
        family: the lines.
        t: float64 [lines, others], where the others cross them.
        others: the crossing lines.
        pairs: of the others.
        reach: index of t = 0 in the sums.

    Returns:
        Score, length and share seen, each float64 [lines, pairs].
    """
    ends = t[:, pairs[0]], t[:, pairs[1]]
    start, stop = np.minimum(*ends), np.maximum(*ends)
    length = stop - start
    rows, last = np.arange(len(t))[:, None], family.edges.shape[1] - 1
    is_beside = ((others.index[pairs[0]] < 0) | (others.index[pairs[1]] < 0)).astype(np.int64)

    def index(place: _Floats) -> _Ints:
        return np.asarray(np.clip(np.rint(place) + reach, 0, last), np.int64)

    def edges(low: _Floats, high: _Floats) -> _Floats:
        return np.asarray(family.edges[rows, index(high)] - family.edges[rows, index(low)])

    first, end = index(start), index(stop)
    score = family.evidence[is_beside, rows, end] - family.evidence[is_beside, rows, first]
    score += _BEYOND * (edges(start - _REACH, start - 2) + edges(stop + 2, stop + _REACH))
    return score, length, edges(start, stop) / np.maximum(length, 1)
