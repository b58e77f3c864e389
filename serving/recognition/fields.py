"""Pictures of whole fields, amounts or numbers: encoded bytes → pixels → readings.

`raw` is what is written. The network knows one class for points and commas, so `raw` has a point for
each: "1.250" is no number to be parsed. Which of them is a decimal point is decided by `amounts.weigh`
from their places, and its doubt is a reason not to accept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from serving.decoding import ctc, ensemble
from serving.decoding.field_string import DecodedField, FieldFormat, confidence, decode, raw_text
from serving.decoding.thresholds import MAX_ERROR, choose_threshold, rejection_reason, shortest_float
from serving.errors import CheckreaderError
from serving.images import sliding_window
from serving.images.codec import Gray
from serving.images.crop import Crop, normalize_each
from serving.images.field import Field, normalize_field
from serving.manifest import Model, Sliding, Threshold
from serving.recognition import boxes
from serving.recognition.boxes import Box
from serving.recognition.uncovered_ink import uncovered_ink
from serving.runtime.network import Array, Floats, Network


class FieldDigit(msgspec.Struct, frozen=True):
    """`box` is x, y, width and height in pixels of the picture that was given."""

    digit: int
    probability: float
    box: Box


class CheckDigit(msgspec.Struct, frozen=True):
    """Whether the number keeps the rule of its scheme."""

    scheme: str
    valid: bool


class Alternative(msgspec.Struct, frozen=True):
    """What else may be written, with its total probability."""

    raw: str
    probability: float


class FieldPrediction(msgspec.Struct, frozen=True):
    """`text` is the digits alone, `raw` what is written with a point for each separator, `amount` a decimal
    where the separators leave no doubt. `reason` says why a reading is not accepted.
    """

    text: str
    raw: str
    amount: str | None
    confidence: float
    accepted: bool
    reason: str | None
    digits: list[FieldDigit]
    check_digit: CheckDigit | None
    alternatives: list[Alternative]


@dataclass(frozen=True)
class LocatedField:
    """A field as the network sees it, and where it stands in its picture: corner x, y and size w, h."""

    field: Field
    corner: tuple[int, int]
    size: tuple[int, int]


def normalize_pictures(pictures: Sequence[bytes], crop: Crop | None = None) -> list[LocatedField]:
    """Encoded pictures as the network sees them.

    Args:
        pictures: as `images.decode` takes them.
        crop: x, y, width and height of the field, in every picture alike.

    Raises:
        CheckreaderError: a picture cannot be read, or the crop lies outside it.
    """
    corner = crop[:2] if crop else (0, 0)

    def normalized(gray: Gray) -> LocatedField:
        return LocatedField(normalize_field(gray), corner, (gray.shape[1], gray.shape[0]))

    return normalize_each(pictures, crop, normalized)


def require_sliding(name: str, model: Model) -> Sliding:
    """How the model slides; raises CheckreaderError if it is none that reads fields."""
    if model.task != "field" or model.sliding is None:
        raise CheckreaderError(f"model {name!r} does not read fields")
    return model.sliding


def threshold_or_reason(thresholds: Sequence[Threshold], max_error: float | None = None) -> Threshold | str:
    """From where readings are accepted, or why none is.

    Args:
        thresholds: the model's.
        max_error: the wanted share of errors; None = `MAX_ERROR`, and nothing is accepted by a model whose
            calibration does not support that.

    Raises:
        CheckreaderError: as `decode.threshold`, where a share was asked for.
    """
    if max_error is not None:
        return choose_threshold(thresholds, max_error)
    try:
        return choose_threshold(thresholds, MAX_ERROR)
    except CheckreaderError as error:
        return f"nothing is accepted unless another max_error is asked for: {error}"


def recognize(
    source: LocatedField, probabilities: Floats, model: Model, what: FieldFormat, bar: Threshold | str
) -> FieldPrediction:
    """The reading of a field.

    Args:
        source: what the network saw.
        probabilities: what it said on each look, float32 [L, T, 12]; of the steps none but the field's own count.
        model: the network's entry in the manifest.
        what: what the field holds.
        bar: what `threshold_or_reason` chose.
    """
    if source.field.problem is not None:
        return _nothing(source.field.problem, what)
    assert model.sliding is not None
    own = probabilities[:, : sliding_window.steps(source.field.pixels.shape[1], model.sliding)]
    found = decode(own, what)
    raw = raw_text(found.labels)
    text = raw.replace(".", "")
    if not text:
        return _nothing("no digit read", what)
    sure = shortest_float(np.float32(confidence(found.best[0].probability, model.confidence)))
    places = _places(own, found.labels)
    reason = _reason(found, what) or _doubt(sure, found, what, bar)
    if reason is None and uncovered_ink(source.field.pixels, [place[:2] for place in places], model.sliding):
        reason = "ink beside the digits that was not read: one may be missing"
    return FieldPrediction(
        text=text,
        raw=raw,
        amount=found.amount.amount if found.amount else None,
        confidence=sure,
        accepted=reason is None,
        reason=reason,
        digits=_digits(source, places, found.labels, model.sliding),
        check_digit=CheckDigit(what.scheme, found.valid) if what.scheme else None,
        alternatives=[
            Alternative(raw_text(one.labels), shortest_float(np.float32(one.probability)))
            for one in found.best[1:]
        ],
    )


def probabilities_by_field(
    count: int, ran: Iterable[tuple[tuple[Sequence[int], Floats], tuple[Array, ...]]], slides: Sliding
) -> list[Floats]:
    """What the network said of each of `count` fields, [L, T, 12], from what `sliding.place` gave and its outputs.

    A field that was left out has no steps.
    """
    rows: list[Floats] = [np.empty((len(slides.slants), 0, 12), np.float32)] * count
    for (indices, _), outputs in ran:
        for index, row in zip(indices, sliding_window.views(len(indices), outputs[0], slides), strict=True):
            rows[index] = row
    return rows


@dataclass(frozen=True)
class FieldRecognizer:
    """A model with what it is to read; make it by `field_recognizer`."""

    model: Model
    network: Network
    what: FieldFormat
    bar: Threshold | str
    crop: Crop | None

    def __call__(self, pictures: Sequence[bytes]) -> list[FieldPrediction]:
        """The readings of encoded pictures; raises CheckreaderError as `normalize_pictures` does."""
        found = normalize_pictures(pictures, self.crop)
        assert self.model.sliding is not None
        placed = sliding_window.place([source.field for source in found], self.model.sliding)
        ran = ((one, self.network.run(one[1])) for one in placed)
        rows = probabilities_by_field(len(found), ran, self.model.sliding)
        return [
            recognize(source, row, self.model, self.what, self.bar)
            for source, row in zip(found, rows, strict=True)
        ]


def field_recognizer(
    name: str,
    model: Model,
    network: Network,
    what: FieldFormat,
    max_error: float | None = None,
    crop: Crop | None = None,
) -> FieldRecognizer:
    """A `FieldRecognizer`; raises CheckreaderError if the model reads no fields or does not support `max_error`."""
    require_sliding(name, model)
    return FieldRecognizer(model, network, what, threshold_or_reason(model.thresholds, max_error), crop)


def _reason(found: DecodedField, what: FieldFormat) -> str | None:
    """Why a string is not accepted, however likely it is."""
    if not found.valid:
        return f"no number that fits keeps {_rules(what)}: the likeliest string is shown"
    if not found.exact:
        return "unsure: too many strings are about as likely"
    if len(found.best[0].labels) == 1:
        return "one digit alone: nothing beside it tells it from a mark or a letter"
    return found.amount.doubt if found.amount else None


def _doubt(confidence: float, found: DecodedField, what: FieldFormat, bar: Threshold | str) -> str | None:
    if isinstance(bar, str):
        return bar
    reason = rejection_reason(confidence, bar)
    if reason and found.total < 0.5:
        kept = f"probability {found.total:.2g} of what may be written keeps {_rules(what)}"
        return f"{reason}; no more than {kept}"
    return reason


def _nothing(reason: str, what: FieldFormat) -> FieldPrediction:
    check = CheckDigit(what.scheme, False) if what.scheme else None
    return FieldPrediction("", "", None, 0.0, False, reason, [], check, [])


def _rules(what: FieldFormat) -> str:
    """The rules in words."""
    scheme = f"the check digit ({what.scheme})" if what.scheme else ""
    length = f"the length of {what.length} digits" if what.length else ""
    return " and ".join(rule for rule in (scheme, length) if rule)


def _places(probabilities: Floats, labels: Sequence[int]) -> list[ctc.Place]:
    """Where each label stands, in a look in which they are clear; a slant leaves a digit's middle where it is."""
    if ctc.SEPARATOR not in labels:  # however likely one was
        probabilities = ctc.without_separators(probabilities)
    return ctc.places(probabilities[ensemble.clearest_view(probabilities, labels)], labels)


def _digits(
    source: LocatedField, places: Sequence[ctc.Place], labels: Sequence[int], slides: Sliding
) -> list[FieldDigit]:
    spans = [(first, last) for first, last, _ in places]
    found = boxes.boxes(source.field, spans, slides, source.corner, source.size)
    return [
        FieldDigit(label, shortest_float(np.float32(probability)), box)
        for label, (_, _, probability), box in zip(labels, places, found, strict=True)
        if label != ctc.SEPARATOR
    ]
