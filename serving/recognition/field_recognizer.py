"""Recognizes fields view by view: the upright view of each, and the other views of those that it leaves in doubt.

The service, folders, Python and evaluation all go this way, each with its own way to run the network:

    reading = start(sources, model, expected, point)
    while reading.images:
        reading = reading.proceed([network.infer(image) for image in reading.images])
    reading.predictions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from serving.decoding.field_string import DecodedField, FieldFormat
from serving.decoding.thresholds import OperatingPoint, point_of
from serving.images import sliding_window
from serving.images.crop import Crop
from serving.manifest import Model, Sliding
from serving.recognition.fields import (
    FieldPrediction,
    LocatedField,
    decode_field,
    normalize_pictures,
    predict,
    require_sliding,
    unreadable,
)
from serving.recognition.reading import finish
from serving.runtime.network import Floats, Network

_NOTHING: Final[Mapping[int, Floats]] = {}


@dataclass(frozen=True)
class FieldReading:
    """Fields, as far as they are read; made by `start`.

    Attributes:
        sources: the fields.
        model: the network's entry in the manifest.
        expected: the format that the fields are expected to have.
        point: what is accepted.
        groups: per image, the fields that it shows.
        images: float32 [V·N, height, width, 1] each, what the network has to read next; none = all is read.
        steps: of each field in the images the probabilities of the views before, float32 [V, T, K].
        finished: predictions by field.
        views: how many views were read, by field.
    """

    sources: Sequence[LocatedField]
    model: Model
    expected: FieldFormat
    point: OperatingPoint
    groups: Sequence[Sequence[int]]
    images: Sequence[Floats]
    steps: Mapping[int, Floats]
    finished: Mapping[int, FieldPrediction]
    views: Mapping[int, int]

    @property
    def predictions(self) -> list[FieldPrediction]:
        """One for each field, where all is read."""
        return [self.finished[index] for index in range(len(self.sources))]

    @property
    def continued(self) -> bool:
        """Whether the images show other views of fields that were read."""
        return bool(self.steps)

    def proceed(self, outputs: Sequence[Floats]) -> FieldReading:
        """Decodes what the network read, and prepares the other views of the fields that this leaves in doubt.

        Whether a field is in doubt depends on its own probabilities alone, not on the fields beside it.

        Args:
            outputs: the network's for each of the images, float32 [V·N, T, K].
        """
        sliding = _sliding(self.model)
        finished, views = dict(self.finished), dict(self.views)
        doubtful: dict[int, Floats] = {}
        for group, output in zip(self.groups, outputs, strict=True):
            for index, rows in zip(group, sliding_window.views(len(group), output), strict=True):
                source = self.sources[index]
                steps = rows[:, : sliding_window.steps(source.field.pixels.shape[1], sliding)]
                if index in self.steps:
                    steps = np.concatenate([self.steps[index], steps])
                decoded = decode_field(source, steps, self.model, self.expected)
                if len(steps) < len(sliding.slants) and in_doubt(decoded, sliding):
                    doubtful[index] = steps
                else:
                    finished[index] = predict(source, steps, decoded, self.model, self.expected, self.point)
                    views[index] = len(steps)
        groups, images = _images(self.sources, list(doubtful), sliding, sliding.slants[1:])
        return replace(self, groups=groups, images=images, steps=doubtful, finished=finished, views=views)


def start(
    sources: Sequence[LocatedField], model: Model, expected: FieldFormat, point: OperatingPoint
) -> FieldReading:
    """Prepares the first view of each field, or all views where the manifest does not say when the first is sure.

    Args:
        sources: the fields; those with a problem are not read.
        model: the network's entry in the manifest.
        expected: the format that the fields are expected to have.
        point: what is accepted.
    """
    sliding = _sliding(model)
    slants = sliding.slants if sliding.sure is None else sliding.slants[:1]
    unread = {
        index: unreadable(source, expected)
        for index, source in enumerate(sources)
        if source.field.problem is not None
    }
    groups, images = _images(sources, range(len(sources)), sliding, slants)
    return FieldReading(
        sources, model, expected, point, groups, images, _NOTHING, unread, dict.fromkeys(unread, 0)
    )


def in_doubt(decoded: DecodedField, sliding: Sliding) -> bool:
    """Tells whether a first view's string is so improbable, or so ill-fitting, that the other views are to be read."""
    if sliding.sure is None:
        return False
    return not (decoded.valid and decoded.exact) or decoded.best[0].probability < sliding.sure


def read(
    sources: Sequence[LocatedField],
    infer: Callable[[Floats], Floats],
    model: Model,
    expected: FieldFormat,
    point: OperatingPoint,
) -> FieldReading:
    """Reads fields to the end.

    Args:
        sources, model, expected, point: as for `start`.
        infer: the network, float32 [N, height, width, 1] → probabilities float32 [N, T, K].
    """
    return finish(start(sources, model, expected, point), infer)


@dataclass(frozen=True)
class FieldRecognizer:
    """A model with the format it expects and its operating point; made by `field_recognizer`."""

    model: Model
    network: Network
    expected: FieldFormat
    point: OperatingPoint
    crop: Crop | None

    def __call__(self, pictures: Sequence[bytes]) -> list[FieldPrediction]:
        """Recognizes every page of encoded pictures; raises CheckreaderError as `normalize_pictures` does."""
        sources = normalize_pictures(pictures, self.crop)
        return read(sources, self.network.infer, self.model, self.expected, self.point).predictions


def field_recognizer(
    name: str,
    model: Model,
    network: Network,
    expected: FieldFormat,
    max_error: float | None = None,
    crop: Crop | None = None,
) -> FieldRecognizer:
    """Makes a `FieldRecognizer`.

    Args:
        name: the model's.
        model: its entry in the manifest.
        network: the loaded model.
        expected: the format that the fields are expected to have.
        max_error: the wanted error bound, as for `operating_point`.
        crop: x, y, width and height of the field, in every page alike.

    Raises:
        CheckreaderError: the model reads no fields, or `max_error` is no share.
    """
    require_sliding(name, model)
    return FieldRecognizer(model, network, expected, point_of(model, max_error), crop)


def _sliding(model: Model) -> Sliding:
    assert model.sliding is not None  # a model that reads fields has one: `require_sliding`
    return model.sliding


def _images(
    sources: Sequence[LocatedField], indices: Sequence[int], sliding: Sliding, slants: Sequence[float]
) -> tuple[list[list[int]], list[Floats]]:
    """Places the fields at the indices; returns the indices of each image, and the images."""
    placed = sliding_window.place([sources[index].field for index in indices], sliding, slants)
    return [[indices[position] for position in group] for group, _ in placed], [image for _, image in placed]
