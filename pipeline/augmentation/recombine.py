"""Recombines labeled fields: parts of two, cut where there is no ink, side by side.

A few hundred labeled fields show each digit next to few others. Recombined, they
show it next to many, in real handwriting.
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
from serving.decoding.alphabet import Alphabet, without_marks
from serving.images import sliding_window
from serving.images.codec import Gray
from serving.images.digit import INK_LEVEL
from serving.images.field import HEIGHT
from serving.recognition.boxes import cut_column

Cut = tuple[int, int]  # the numbers of the text's symbols and of columns before it

_TINY: Final = 1e-9
_CONFIDENT: Final = 0.3  # probability that both symbols next to a cut need
_SPECK: Final = 1  # rows of ink that a cut may go through
_GAP: Final = 5  # columns between two parts, less one at most
_LONGEST: Final = 8  # symbols


def cuts(
    pixels: Gray, text: str, probabilities: npt.NDArray[np.float32], alphabet: Alphabet, marks: str
) -> tuple[Cut, ...]:
    """Finds where a field can be cut between two symbols of its text.

    Args:
        pixels: uint8 [32, w], 255 = ink.
        text: of the field, in the alphabet's symbols.
        probabilities: a network's output for the field, float32 [T, K].
        alphabet: the network's.
        marks: those of its symbols that texts name; others may stand anywhere.
    """
    if not alignable(pixels, text, alphabet):
        return ()
    shares = without_marks(probabilities, alphabet, kept=marks)
    shares = np.maximum(shares, _TINY)  # so that there is an alignment
    places = ctc.places(shares / shares.sum(1, keepdims=True), alphabet.labels(text))
    ink = (pixels > INK_LEVEL).sum(0).tolist()
    trusted = []
    for count, ((_, step, before), (next_step, _, after)) in enumerate(itertools.pairwise(places), 1):
        column = cut_column(
            ink, sliding_window.center(step, SLIDING), sliding_window.center(next_step, SLIDING)
        )
        if ink[column] <= _SPECK and min(before, after) >= _CONFIDENT:
            trusted.append((count, column))
    return tuple(trusted)


def item_source(
    items: Sequence[Item], places: Sequence[Sequence[Cut]], share: float
) -> Callable[[np.random.Generator], Item]:
    """Returns a function that draws one of the fields, or at a share of the draws recombines two.

    Args:
        items: labeled fields.
        places: the cuts of each; where none has any, nothing is recombined.
        share: of recombined fields.
    """
    divisible = any(places)

    def draw(rng: np.random.Generator) -> Item:
        if divisible and rng.random() < share:
            return recombine_pair(items, places, rng)
        return items[int(rng.integers(len(items)))]

    return draw


def recombine_pair(items: Sequence[Item], places: Sequence[Sequence[Cut]], rng: np.random.Generator) -> Item:
    """Joins the left part of one field and the right part of another.

    Args:
        items: labeled fields.
        places: the cuts of each; at least one field has some.
        rng: decides everything.
    """
    divisible = [index for index, field_cuts in enumerate(places) if field_cuts]
    while True:
        left, right = (divisible[int(i)] for i in rng.integers(len(divisible), size=2))
        before, end = places[left][int(rng.integers(len(places[left])))]
        after, start = places[right][int(rng.integers(len(places[right])))]
        text = items[left][1][:before] + items[right][1][after:]
        if len(text) <= max(_LONGEST, len(items[left][1])):  # true of some field with itself
            gap = np.zeros((HEIGHT, int(rng.integers(_GAP))), np.uint8)
            return np.hstack([items[left][0][:, :end], gap, items[right][0][:, start:]]), text
