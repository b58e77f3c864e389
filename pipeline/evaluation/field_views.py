"""Fits when one view of a field is enough, so that few fields take the time of several."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from pipeline.data.labeled_fields import Labeled
from pipeline.evaluation.field_readings import FieldRecognizer, RecognizedField, recognize
from serving.manifest import Sliding

_PLACES: Final = 4  # decimals of the bound

MakeRecognizer = Callable[[Sliding], FieldRecognizer]


def upright(sliding: Sliding) -> Sliding:
    """Returns the same geometry with the first view alone."""
    return msgspec.structs.replace(sliding, slants=sliding.slants[:1], sure=None)


def fit(make_recognizer: MakeRecognizer, sliding: Sliding, labeled: Labeled, most: float) -> Sliding:
    """Returns the geometry with the bound that reading the upright view of labeled fields gives; see `with_bound`.

    Args:
        make_recognizer: makes the model's recognizer with a geometry.
        sliding: the model's.
        labeled: fields that the network was not trained on; their labels do not matter.
        most: views a field, on average over these.
    """
    if len(sliding.slants) == 1:
        return upright(sliding)
    return with_bound(sliding, recognize(make_recognizer(upright(sliding)), labeled), most)


def with_bound(sliding: Sliding, first: Sequence[RecognizedField], most: float) -> Sliding:
    """Returns the geometry with the largest bound `sure` at which no more than `most` views a field are read.

    More views read more and tell right strings from wrong ones better, so the largest is the best: the bound is the
    quantile of the fields' probabilities that leaves as many below it as may have the other views.

    Args:
        sliding: with several views.
        first: the fields, read by the first view alone; unreadable ones, which take no view, do not count.
        most: views a field, on average.

    Returns:
        The geometry as it was where all are unreadable.
    """
    probabilities = sorted(field.probability for field in first if field.views)
    if not probabilities:
        return sliding
    doubtful = min(int((most - 1) / (len(sliding.slants) - 1) * len(probabilities)), len(probabilities) - 1)
    sure = math.floor(probabilities[doubtful] * 10**_PLACES) / 10**_PLACES
    return msgspec.structs.replace(sliding, sure=sure)


def mean_views(recognized: Sequence[RecognizedField]) -> float:
    """Returns how many views the network read of a field, on average."""
    return sum(field.views for field in recognized) / len(recognized)
