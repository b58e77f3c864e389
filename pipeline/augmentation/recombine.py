"""More fields from labeled ones: parts of two, cut where no ink is, side by side.

A few hundred labeled fields show each digit beside few others. Their parts, in any
company, show it beside many, in the writers' own hands and pens.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.augmentation.field import alignable
from pipeline.networks.lenet5_field import SLIDING
from pipeline.synthesis.sampler import Item
from serving.decoding import ctc
from serving.images import sliding_window
from serving.images.codec import Gray
from serving.images.digit import INK_LEVEL
from serving.images.field import HEIGHT
from serving.recognition.boxes import cut_column

Cut = tuple[int, int]  # so many labels, and columns, are before it

_NEVER: Final = 1e-9
_SURE: Final = 0.3  # probability of a label, beside which a cut may be trusted
_SPECK: Final = 1  # rows of ink that a cut may go through
_GAP: Final = 5  # columns, at most one less between two parts
_LONGEST: Final = 8  # labels


def cuts(
    pixels: Gray, labels: Sequence[int], probabilities: npt.NDArray[np.float32], separators: bool
) -> tuple[Cut, ...]:
    """Where a field falls apart between two labels.

    Args:
        pixels: uint8 [32, w], 255 = ink.
        labels: what is written.
        probabilities: what a network says of it, float32 [T, 12].
        separators: whether the labels name separators; if not, one may stand anywhere.
    """
    if not alignable(pixels, tuple(labels)):
        return ()
    shares = probabilities if separators else ctc.without_separators(probabilities)
    shares = np.maximum(shares, _NEVER)  # so that there is an alignment
    places = ctc.places(shares / shares.sum(1, keepdims=True), labels)
    ink = (pixels > INK_LEVEL).sum(0).tolist()
    found = []
    for count, ((_, one, left), (next_, _, right)) in enumerate(itertools.pairwise(places), 1):
        column = cut_column(ink, sliding_window.center(one, SLIDING), sliding_window.center(next_, SLIDING))
        if ink[column] <= _SPECK and min(left, right) >= _SURE:
            found.append((count, column))
    return tuple(found)


def item_source(
    items: Sequence[Item], places: Sequence[Sequence[Cut]], share: float
) -> Callable[[np.random.Generator], Item]:
    """Draws one of the fields, or at a share of draws what `recombine_pair` makes of two.

    Args:
        items: fields.
        places: the cuts of each; where none has any, fields alone are drawn.
        share: of the draws.
    """
    able = any(places)

    def draw(rng: np.random.Generator) -> Item:
        if able and rng.random() < share:
            return recombine_pair(items, places, rng)
        return items[int(rng.integers(len(items)))]

    return draw


def recombine_pair(items: Sequence[Item], places: Sequence[Sequence[Cut]], rng: np.random.Generator) -> Item:
    """The left part of one field and the right part of another.

    Args:
        items: fields.
        places: the cuts of each; one of them at least has some.
        rng: decides.
    """
    able = [index for index, found in enumerate(places) if found]
    while True:
        one, other = (able[int(i)] for i in rng.integers(len(able), size=2))
        before, end = places[one][int(rng.integers(len(places[one])))]
        after, start = places[other][int(rng.integers(len(places[other])))]
        labels = items[one][1][:before] + items[other][1][after:]
        if len(labels) <= max(_LONGEST, len(items[one][1])):  # which a field with itself is
            gap = np.zeros((HEIGHT, int(rng.integers(_GAP))), np.uint8)
            return np.hstack([items[one][0][:, :end], gap, items[other][0][:, start:]]), labels
