"""Recognizes MICR lines, each in one pass of the network, as `field_recognizer` does fields:

reading = finish(start(sources, model, country, point), network.infer)
reading.predictions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from serving.decoding.micr import AUTO, require_country
from serving.decoding.thresholds import OperatingPoint, point_of
from serving.images import sliding_window
from serving.images.crop import Crop, PageLimit
from serving.images.micr_line import normalize_micr_line
from serving.manifest import Model
from serving.recognition import fields
from serving.recognition.fields import LocatedField
from serving.recognition.micr import MicrPrediction, decode_line, predict, require_micr, unreadable
from serving.recognition.reading import finish
from serving.runtime.network import Floats, Network


@dataclass(frozen=True)
class MicrReading:
    """Lines, as far as they are read; made by `start`.

    Attributes:
        sources: the lines.
        model: the network's entry in the manifest.
        country: whose layout the lines have, one of `serving.decoding.micr.COUNTRIES`.
        point: what is accepted.
        groups: per image, the lines that it shows.
        images: float32 [N, height, width, 1] each, what the network has to read; none = all is read.
        finished: predictions by line.
    """

    sources: Sequence[LocatedField]
    model: Model
    country: str
    point: OperatingPoint
    groups: Sequence[Sequence[int]]
    images: Sequence[Floats]
    finished: Mapping[int, MicrPrediction]

    @property
    def continued(self) -> bool:
        """No line is read twice."""
        return False

    @property
    def predictions(self) -> list[MicrPrediction]:
        """One for each line, where all is read."""
        return [self.finished[index] for index in range(len(self.sources))]

    def proceed(self, outputs: Sequence[Floats]) -> MicrReading:
        """Decodes what the network read.

        Args:
            outputs: the network's for each of the images, float32 [N, T, K].
        """
        assert self.model.sliding is not None
        finished = dict(self.finished)
        for group, output in zip(self.groups, outputs, strict=True):
            for index, rows in zip(group, output, strict=True):
                source = self.sources[index]
                steps = rows[: sliding_window.steps(source.field.pixels.shape[1], self.model.sliding)]
                decoded = decode_line(source.field, steps, self.model)
                finished[index] = predict(source, steps, decoded, self.model, self.country, self.point)
        return replace(self, groups=[], images=[], finished=finished)


def normalize_pictures(
    pictures: Sequence[bytes], crop: Crop | None = None, limit: PageLimit | None = None
) -> list[LocatedField]:
    """Decodes pictures and finds the line on every page of each; arguments and errors as `fields.normalize_pictures`."""
    return fields.normalize_pictures(pictures, crop, limit, normalize_micr_line)


def start(sources: Sequence[LocatedField], model: Model, country: str, point: OperatingPoint) -> MicrReading:
    """Prepares lines for the network.

    Args:
        sources: the lines; those with a problem are not read.
        model: the network's entry in the manifest.
        country: whose layout the lines have, one of `serving.decoding.micr.COUNTRIES`.
        point: what is accepted.
    """
    assert model.sliding is not None  # a model that reads lines has one: `require_micr`
    placed = sliding_window.place([source.field for source in sources], model.sliding, (0.0,))
    unread = {
        index: unreadable(source) for index, source in enumerate(sources) if source.field.problem is not None
    }
    groups, images = [group for group, _ in placed], [image for _, image in placed]
    return MicrReading(sources, model, country, point, groups, images, unread)


@dataclass(frozen=True)
class MicrRecognizer:
    """A model with the country of its lines and its operating point; made by `micr_recognizer`."""

    model: Model
    network: Network
    country: str
    point: OperatingPoint
    crop: Crop | None

    def __call__(self, pictures: Sequence[bytes]) -> list[MicrPrediction]:
        """Recognizes every page of encoded pictures; raises CheckreaderError as `normalize_pictures` does."""
        sources = normalize_pictures(pictures, self.crop)
        reading = start(sources, self.model, self.country, self.point)
        return finish(reading, self.network.infer).predictions


def micr_recognizer(
    name: str,
    model: Model,
    network: Network,
    country: str = AUTO,
    max_error: float | None = None,
    crop: Crop | None = None,
) -> MicrRecognizer:
    """Makes a `MicrRecognizer`.

    Args:
        name: the model's.
        model: its entry in the manifest.
        network: the loaded model.
        country: whose layout the lines have, one of `serving.decoding.micr.COUNTRIES`.
        max_error: the wanted error bound, as for `operating_point`.
        crop: x, y, width and height of the part to read, in every page alike.

    Raises:
        CheckreaderError: the model reads no lines, the country is unknown, or `max_error` is no share.
    """
    require_micr(name, model)
    return MicrRecognizer(model, network, require_country(country), point_of(model, max_error), crop)
