"""Finds the fields of a flat check with the network `check-fields`, and which side of it is up.

The network sees a thumbnail, the check's own way up and turned by 180°, and says for each part of it to which field it
belongs. A field's box is where its probability is above a half, in parts of a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.images.codec import Gray
from serving.images.connected_components import Components

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom

HEIGHT: Final = 128  # of a thumbnail
WIDTH: Final = 288
CELL: Final = 8  # pixels, either way
PARTS: Final = 4  # of a cell, either way; each has probabilities of its own
FIELDS: Final = ("amount", "date", "micr", "check_number", "words")
LABELS: Final = (*FIELDS, "none")  # of the network's output

_PAPER: Final = 90  # percentile of a thumbnail's levels
_INK: Final = 1
_LEAST_RANGE: Final = 24  # levels between them
_LIKELY: Final = 0.3  # probability from which a part belongs to a field
_EDGE: Final = 0.5
_PLACES: Final = 4  # decimals of a score
# How far apart the pieces of a field may be, in its height: between parts of a MICR line there are gaps, and between words.
_REACH: Final = {"amount": 1.0, "date": 1.0, "micr": 40.0, "check_number": 1.0, "words": 6.0}


@dataclass(frozen=True)
class Located:
    """The fields of a flat check.

    Attributes:
        upside_down: whether the check has to be turned by 180° first.
        boxes: of each field that was found, as shares of the width and height of the check the right way up.
        scores: the mean probability within each box.
    """

    upside_down: bool
    boxes: Mapping[str, Box]
    scores: Mapping[str, float]


def thumbnail(flat: Gray) -> Gray:
    """Reduces a flat check, uint8 [h, w], to what the network sees: uint8 [128, 288], 255 = ink."""
    small = np.asarray(Image.fromarray(flat).resize((WIDTH, HEIGHT), Image.Resampling.BOX, reducing_gap=None))
    return stretch(small)


def stretch(levels: Gray) -> Gray:
    """Stretches a thumbnail's levels so that paper is 0 and the darkest ink 255."""
    ink, paper = (float(level) for level in np.percentile(levels, (_INK, _PAPER)))
    scale = 255 / max(paper - ink, _LEAST_RANGE)
    stretched: Gray = np.clip(np.rint((paper - levels) * scale), 0, 255).astype(np.uint8)
    return stretched


def locate(flat: Gray, infer: Callable[[Floats], Floats]) -> Located:
    """Finds a check's fields.

    Args:
        flat: uint8 [h, w], landscape, upright or upside down.
        infer: the network, float32 [N, 128, 288, 1] → probabilities float32 [N, T, K].
    """
    upright = thumbnail(flat)
    pixels = np.stack([upright, upright[::-1, ::-1]])
    outputs = infer(pixels[..., None].astype(np.float32) / np.float32(255))
    candidates = [find_boxes(grid(output)) for output in outputs]
    totals = [sum(scores.values()) for _, scores in candidates]
    upside_down = totals[1] > totals[0]
    boxes, scores = candidates[int(upside_down)]
    return Located(upside_down, boxes, scores)


def grid(output: Floats) -> Floats:
    """Orders a thumbnail's output, float32 [T, K], as a picture of parts: float32 [64, 144, K]."""
    rows, columns = HEIGHT // CELL, WIDTH // CELL
    cells = output.reshape(rows, columns, PARTS, PARTS, -1).transpose(0, 2, 1, 3, 4)
    return cells.reshape(rows * PARTS, columns * PARTS, -1)


def find_boxes(parts: Floats) -> tuple[dict[str, Box], dict[str, float]]:
    """Finds the box of each field in the probabilities of parts, float32 [h, w, K]; returns boxes and scores."""
    boxes, scores = {}, {}
    for index, field in enumerate(FIELDS):
        probability = parts[..., index]
        region = _region(probability, _REACH[field])
        if region is not None:
            boxes[field], scores[field] = _box(probability, region), region.score
    return boxes, scores


@dataclass(frozen=True)
class _Region:
    """Parts of a field: rows from `top` to before `bottom`, columns from `left` to before `right`, their mean probability."""

    left: int
    top: int
    right: int
    bottom: int
    score: float


def _region(probability: Floats, reach: float) -> _Region | None:
    """Returns the connected parts with the largest sum of probability, with those of their rows that are near.

    Args:
        probability: of the parts, float32 [h, w].
        reach: how far apart pieces of a field may be, in heights of the largest.

    Returns:
        The region; None where no part is probable.
    """
    pieces = Components.of(probability >= _LIKELY)
    if not len(pieces):
        return None
    labels = pieces.labels()
    sums = np.bincount(labels.ravel(), probability.ravel())[1:]
    areas = pieces.area()
    lowest = (pieces.reduce(values, np.minimum).astype(int) for values in (pieces.start, pieces.row))
    highest = (pieces.reduce(values, np.maximum).astype(int) for values in (pieces.stop, pieces.row + 1))
    (left, top), (right, bottom) = lowest, highest
    largest = int(sums.argmax())
    # Pieces of which at least half stands in the largest one's rows.
    shared = np.minimum(bottom, bottom[largest]) - np.maximum(top, top[largest])
    beside = 2 * shared >= bottom - top
    taken = np.zeros(len(pieces), np.bool_)
    taken[largest] = True
    most = reach * (bottom[largest] - top[largest])
    while True:
        gap = np.maximum(left - right[taken].max(), left[taken].min() - right)
        grown = taken | (beside & (gap <= most))
        if (grown == taken).all():
            break
        taken = grown
    return _Region(
        int(left[taken].min()),
        int(top[taken].min()),
        int(right[taken].max()),
        int(bottom[taken].max()),
        round(float(sums[taken].sum() / areas[taken].sum()), _PLACES),
    )


def _box(probability: Floats, region: _Region) -> Box:
    """Returns the box around a region as shares of the picture, its edges in parts of a part."""
    height, width = probability.shape
    columns, rows = slice(region.left, region.right), slice(region.top, region.bottom)
    top, bottom = _edges(_profile(probability[:, columns], 1), region.top, region.bottom - 1)
    left, right = _edges(_profile(probability[rows], 0), region.left, region.right - 1)
    return left / width, top / height, right / width, bottom / height


def _profile(probability: Floats, axis: int) -> Floats:
    """Averages the larger half of the probabilities along an axis, since a field's corners are often left out."""
    count = max(1, probability.shape[axis] // 2)
    ordered = np.sort(probability, axis=axis)
    return np.asarray(np.take(ordered, range(-count, 0), axis=axis).mean(axis), np.float32)


def _edges(profile: Floats, first: int, last: int) -> tuple[float, float]:
    """Returns where a profile rises above a half before `first` and falls below it after `last`, in parts."""

    def share(index: int) -> float:
        return float(profile[index]) if 0 <= index < len(profile) else 0.0

    # The part at the edge belongs to the field as far as it is probable, and so does its neighbor outside.
    start = first + 1 - min(1.0, share(first)) - min(_EDGE, share(first - 1))
    end = last + min(1.0, share(last)) + min(_EDGE, share(last + 1))
    return max(start, 0.0), min(end, float(len(profile)))
