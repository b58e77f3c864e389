"""Finds characters whose label does not fit what was written, without asking any model.

In the UNIPEN collection some segments lack a stroke (the foot of a one by itself is labeled 1) and some bear the label
of their neighbor. A digit counts as mislabeled if it looks more like another label than like its own, by the digits of
other donors alone: nothing that one donor does alike in many places can vouch for itself, and a style that several
donors write stays.

A trajectory is described by how much ink of each of four directions lies about each of 8×8 places (Bai and Huo, "A
Study on the Use of 8-Directional Features for Online Handwritten Chinese Character Recognition", ICDAR 2005), after
its slant is taken out and its box is stretched halfway to a square. `d` is the mean distance to the three nearest
digits of the own label, `e` that to the three nearest of the other label, or of horizontal marks, that lies nearest; a
digit is mislabeled if (d + MARGIN) / (e + MARGIN) exceeds `RATIO`, the same for every label. The rule is applied twice:
the second time those that were mislabeled speak for no label. Descriptions are whole numbers so small that every sum is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.data.unipen_format import Points

GRID: Final = 8
ORIENTATIONS: Final = 4
RATIO: Final = 1.3
MARGIN: Final = 0.15
NEIGHBORS: Final = 3
ROUNDS: Final = 2
_REACH: Final = 0.09  # standard deviation of a place, in sides of the box
_STEP: Final = 0.03  # between points along the ink, likewise
_STRETCH: Final = 0.6  # exponent: 0 keeps the box's proportions, 1 makes it a square
_STEEPEST: Final = 0.7  # slant that is taken out, columns per row
_LEVELS: Final = 400  # per unit; 256 squares of a description add up to less than 2**24
_MARKS: Final = -1  # stands for the label of all marks

Descriptions = npt.NDArray[np.float32]  # whole numbers
Flags = npt.NDArray[np.bool_]


def mislabeled(
    digits: Sequence[tuple[Points, ...]],
    labels: npt.NDArray[np.integer[Any]],
    donors: Sequence[str],
    marks: Sequence[tuple[Points, ...]] = (),
    mark_donors: Sequence[str] = (),
) -> Flags:
    """Says of each digit whether it is mislabeled.

    Args:
        digits: the strokes of each, [n, 2] with x to the right and y downwards.
        labels: integers [N].
        donors: who contributed each of them.
        marks: strokes of horizontal marks, which a fragment of a digit may look like.
        mark_donors: who contributed each of these.

    Returns:
        bool [N]. A digit is kept if no other donor has its label, or none has another; one without extent is not.
    """
    rows = np.stack([describe(strokes) for strokes in (*digits, *marks)])
    owners = np.array([*donors, *mark_donors])
    classes = np.concatenate([np.asarray(labels, np.int64), np.full(len(marks), _MARKS)])
    flags = np.zeros(len(digits), bool)
    for _ in range(ROUNDS):
        trusted = np.concatenate([~flags, np.ones(len(marks), bool)])
        flags = _exceeds(rows, owners, classes, trusted, len(digits)) | ~rows[: len(digits)].any(1)
    return flags


def _exceeds(
    rows: Descriptions,
    owners: npt.NDArray[np.str_],
    classes: npt.NDArray[np.int64],
    trusted: Flags,
    count: int,
) -> Flags:
    """Says of the first `count` rows whether their ratio exceeds `RATIO` by the trusted rows of other owners."""
    own, other = np.full(count, np.inf), np.full(count, np.inf)
    squares = (rows * rows).sum(1)
    for owner in np.unique(owners[:count]):
        index = np.flatnonzero(owners[:count] == owner)
        elsewhere = trusted & (owners != owner)
        for label in np.unique(classes):
            neighbors = np.flatnonzero(elsewhere & (classes == label))
            if not len(neighbors):
                continue
            distance = squares[index, None] + squares[neighbors] - 2 * rows[index] @ rows[neighbors].T
            nearest = np.sort(np.partition(distance, min(NEIGHBORS, len(neighbors)) - 1, 1)[:, :NEIGHBORS], 1)
            mean = np.sqrt(nearest.astype(np.float64)).mean(1) / _LEVELS
            same = classes[index] == label
            own[index[same]] = mean[same]
            other[index[~same]] = np.minimum(other[index[~same]], mean[~same])
    comparable = np.isfinite(own) & np.isfinite(other)
    ratio = (np.where(comparable, own, 0) + MARGIN) / (np.where(comparable, other, 0) + MARGIN)
    return np.asarray(comparable & (ratio > RATIO))


def describe(strokes: Sequence[Points]) -> Descriptions:
    """Describes a trajectory; [GRID · GRID · ORIENTATIONS], whole numbers, all 0 if it has no extent."""
    middles, pieces = _pieces(strokes)
    length = np.hypot(pieces[:, 0], pieces[:, 1])
    if not length.sum() > 0:
        return np.zeros(GRID * GRID * ORIENTATIONS, np.float32)
    middles, pieces = _upright(middles, pieces, length / length.sum())
    length = np.hypot(pieces[:, 0], pieces[:, 1])
    places = (np.arange(GRID) + 0.5) / GRID - 0.5
    across, down = (np.exp(-0.5 * ((middles[:, axis, None] - places) / _REACH) ** 2) for axis in (0, 1))
    turn = np.arctan2(pieces[:, 1], pieces[:, 0])[:, None] - np.arange(ORIENTATIONS) * (np.pi / ORIENTATIONS)
    oriented = np.maximum(np.cos(2 * turn), 0)
    places_ink = (length[:, None] * down)[:, :, None] * across[:, None, :]
    ink = places_ink.reshape(len(length), -1).T @ oriented
    return np.asarray(np.rint(_LEVELS * np.sqrt(ink)), np.float32).ravel()


def _pieces(strokes: Sequence[Points]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Cuts strokes into short straight pieces: middles and vectors, [n, 2], in units of the box's longer side."""
    points = np.concatenate(strokes).astype(np.float64)
    low, high = points.min(0), points.max(0)
    side = float((high - low).max()) or 1.0
    middles, vectors = [np.zeros((0, 2))], [np.zeros((0, 2))]
    for stroke in strokes:
        path = (stroke.astype(np.float64) - (low + high) / 2) / side
        steps = np.hypot(*np.diff(path, axis=0).T)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        at = np.linspace(0, along[-1], max(int(np.ceil(along[-1] / _STEP)), 1) + 1)
        path = np.stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)], 1)
        middles.append((path[1:] + path[:-1]) / 2)
        vectors.append(np.diff(path, axis=0))
    return np.concatenate(middles), np.concatenate(vectors)


def _upright(
    middles: npt.NDArray[np.float64], pieces: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Takes the slant out and stretches the box to the middle of a unit square."""
    centered = middles - weight @ middles
    spread = max(float(weight @ centered[:, 1] ** 2), 0.02)
    slant = float(np.clip(weight @ (centered[:, 0] * centered[:, 1]) / spread, -_STEEPEST, _STEEPEST))
    middles, pieces = (part - slant * part[:, 1:] * np.array([1, 0]) for part in (centered, pieces))
    low, high = middles.min(0), middles.max(0)
    size = np.maximum(high - low, 1e-3)
    stretch = (size / size.max()) ** (1 - _STRETCH) / size
    return (middles - (low + high) / 2) * stretch, pieces * stretch
