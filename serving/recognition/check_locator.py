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
            boxes[field], scores[field] = _box(probability, region)
    return boxes, scores


def _region(probability: Floats, reach: float) -> npt.NDArray[np.bool_] | None:
    """Returns the connected parts with the largest sum of probability, with those of their rows that are near.

    Args:
        probability: of the parts, float32 [h, w].
        reach: how far apart pieces of a field may be, in heights of the largest.

    Returns:
        bool [h, w]; None where no part is probable.
    """
    pieces = _components(probability >= _LIKELY)
    if not pieces:
        return None
    pieces.sort(key=lambda piece: -float(probability[piece].sum()))
    region = pieces[0]
    height = np.count_nonzero(region.any(1))
    for piece in sorted(pieces[1:], key=lambda piece: _gap(region, piece)):
        shared = np.count_nonzero(piece.any(1) & region.any(1))
        if shared * 2 >= np.count_nonzero(piece.any(1)) and _gap(region, piece) <= reach * height:
            region = region | piece
    return region


def _gap(region: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> int:
    """Counts the columns between two regions."""
    ours, theirs = np.flatnonzero(region.any(0)), np.flatnonzero(other.any(0))
    return max(0, int(theirs[0] - ours[-1]) - 1, int(ours[0] - theirs[-1]) - 1)


def _components(mask: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    """Lists the 4-connected regions of a mask as masks."""
    left = mask.copy()
    regions = []
    while left.any():
        region = np.zeros_like(left)
        region[np.unravel_index(int(left.argmax()), left.shape)] = True
        while True:
            grown = region.copy()
            grown[1:] |= region[:-1]
            grown[:-1] |= region[1:]
            grown[:, 1:] |= region[:, :-1]
            grown[:, :-1] |= region[:, 1:]
            grown &= left
            if (grown == region).all():
                break
            region = grown
        regions.append(region)
        left &= ~region
    return regions


def _box(probability: Floats, region: npt.NDArray[np.bool_]) -> tuple[Box, float]:
    """Returns the box around a region as shares of the picture, and the mean probability within the region."""
    height, width = probability.shape
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    inside = probability[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, bottom = _edges(_profile(probability[:, columns[0] : columns[-1] + 1], 1), rows[0], rows[-1])
    left, right = _edges(_profile(probability[rows[0] : rows[-1] + 1], 0), columns[0], columns[-1])
    score = float(probability[region].mean()) if inside.size else 0.0
    return (left / width, top / height, right / width, bottom / height), score


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
