"""Recognizes whole fields, amounts, numbers or dates: encoded bytes become normalized fields, probabilities predictions.

`raw` is the text as written: "1.250" is no number to be parsed. What the marks mean is decided by
`amount_prediction.predict_amount`, whether cents are raised by `raised_cents`; a doubt is a reason not to accept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from serving.decoding import alphabet as alphabets
from serving.decoding import check_digits, ctc, ensemble
from serving.decoding.alphabet import Alphabet, without_marks
from serving.decoding.amounts import Amount, digit_places
from serving.decoding.field_string import DecodedField, FieldFormat, confidence, decode, raw_text
from serving.decoding.thresholds import OperatingPoint, rejection_reason, shortest_float
from serving.errors import CheckreaderError
from serving.images.codec import Frame, Gray
from serving.images.crop import Crop, PageLimit, normalize_each
from serving.images.field import Field, normalize_field
from serving.manifest import Model, Sliding
from serving.recognition import boxes
from serving.recognition.boxes import Box
from serving.recognition.raised_cents import with_raised_cents
from serving.recognition.uncovered_ink import tall_ink, uncovered_ink
from serving.runtime.network import Floats

_LEAST_MASS: Final = 1e-4  # probability of all strings as long as the cells are many
WHOLE_PAGE: Final = "this looks like a whole check or page, not one field: pass crop=x,y,width,height"


class FieldDigit(msgspec.Struct, frozen=True):
    """A digit of a field; `box` is x, y, width and height in pixels of the original picture."""

    digit: int
    probability: float
    box: Box


class CheckDigit(msgspec.Struct, frozen=True):
    """The outcome of a check-digit scheme; `valid` says whether the number satisfies it."""

    scheme: str
    valid: bool


class Alternative(msgspec.Struct, frozen=True):
    """Another string that may be written, with its total probability."""

    raw: str
    probability: float


class FieldPrediction(msgspec.Struct, frozen=True):
    """A recognized field.

    `page` is the number of its page in the picture, from 1. `raw` is everything written, `text` the digits of the
    value in writing order, and `digits` those one by one; `amount` is a decimal where the marks leave no doubt.
    `date` is that of kind date, as 2024-02-29, where there is no doubt. `reason` says why the prediction is not accepted.
    """

    page: int
    text: str
    raw: str
    amount: str | None
    date: str | None
    confidence: float
    accepted: bool
    reason: str | None
    digits: list[FieldDigit]
    check_digit: CheckDigit | None
    alternatives: list[Alternative]


@dataclass(frozen=True)
class LocatedField:
    """A normalized field and its place: the number of its page in its picture, corner x, y and size w, h there."""

    field: Field
    page: int
    corner: tuple[int, int]
    size: tuple[int, int]


def normalize_pictures(
    pictures: Sequence[bytes],
    crop: Crop | None = None,
    limit: PageLimit | None = None,
    normalize: Callable[[Gray], Field] = normalize_field,
) -> list[LocatedField]:
    """Decodes and normalizes pictures, every page of each.

    Args:
        pictures: encoded, as `codec.decode` takes them.
        crop: x, y, width and height of the field, in every page alike.
        limit: as for `normalize_each`.
        normalize: what makes a field of gray levels with square pixels, uint8 [height, width].

    Raises:
        CheckreaderError: as `normalize_each`.
    """
    corner = crop[:2] if crop else (0, 0)

    def locate(part: Frame, page: int) -> LocatedField:
        square = part.square()
        field = normalize(square)
        (height, width), (rows, columns) = part.gray.shape, square.shape
        to_picture = field.to_picture * [[width / columns], [height / rows]]
        return LocatedField(replace(field, to_picture=to_picture), page, corner, (width, height))

    return normalize_each(pictures, crop, locate, limit)


def require_sliding(name: str, model: Model) -> Sliding:
    """Returns how the model slides over a field; raises CheckreaderError if it does not read fields."""
    if model.task != "field" or model.sliding is None:
        raise CheckreaderError(f"model {name!r} does not read fields")
    return model.sliding


def unreadable(source: LocatedField, expected: FieldFormat) -> FieldPrediction:
    """Returns the prediction of a field that has a problem: nothing is read."""
    return _empty(source, _whole_page(source) or source.field.problem or "no digit read", expected)


def decode_field(source: LocatedField, steps: Floats, model: Model, expected: FieldFormat) -> DecodedField:
    """Finds the likeliest strings of a field; the arguments are those of `predict`.

    A number written into the cells of a comb has as many digits, unless that is unlikely.
    """
    assert model.sliding is not None
    alphabet, cells = alphabets.parse(model.labels), len(source.field.cells)
    inked = functools.partial(tall_ink, source.field.pixels, steps.shape[1], model.sliding)
    decoded = decode(steps, expected, alphabet, inked=inked)
    counted = cells and expected.kind == "number" and expected.length is None
    if not counted or not check_digits.allows(expected.scheme, cells) or len(decoded.best[0].labels) == cells:
        return decoded
    of_length = decode(steps, replace(expected, length=cells), alphabet)
    return of_length if of_length.valid and of_length.total >= _LEAST_MASS else decoded


def predict(
    source: LocatedField,
    steps: Floats,
    decoded: DecodedField,
    model: Model,
    expected: FieldFormat,
    point: OperatingPoint,
) -> FieldPrediction:
    """Predicts a field from the network's probabilities.

    Args:
        source: the field, without a problem.
        steps: float32 [V, T, K], for each view that was read the steps that belong to the field.
        decoded: of these by `decode_field`.
        model: the network's entry in the manifest.
        expected: the format that the field is expected to have.
        point: what is accepted.
    """
    assert model.sliding is not None
    whole_page = _whole_page(source)
    alphabet = alphabets.parse(model.labels)
    raw = raw_text(decoded.labels, alphabet)
    places = _places(steps, decoded.labels, alphabet)
    amount = decoded.amount
    if amount is not None:
        spans = [place[:2] for place in places]
        written = alphabet.text(decoded.labels)
        amount = with_raised_cents(amount, written, expected.locale, source.field, spans, model.sliding)
    kept = amount.digits if amount else digit_places(raw)
    text = "".join(raw[place] for place in kept)
    if not text:
        return _empty(source, whole_page or "no digit read", expected)
    certainty = shortest_float(np.float32(confidence(decoded.best[0].probability, model.confidence)))
    reason = (
        whole_page
        or _fault(decoded, amount, raw, expected)
        or _rejection(certainty, decoded, expected, point)
    )
    if reason is None and uncovered_ink(source.field.pixels, [place[:2] for place in places], model.sliding):
        reason = "ink beside the digits that was not read: one may be missing"
    return FieldPrediction(
        page=source.page,
        text=text,
        raw=raw,
        amount=amount.amount if amount else None,
        date=decoded.date.isoformat() if decoded.date else None,
        confidence=certainty,
        accepted=reason is None,
        reason=reason,
        digits=_digits(source, places, decoded.labels, kept, model.sliding),
        check_digit=CheckDigit(expected.scheme, decoded.valid) if expected.scheme else None,
        alternatives=[
            Alternative(
                raw_text(hypothesis.labels, alphabet), shortest_float(np.float32(hypothesis.probability))
            )
            for hypothesis in decoded.best[1:]
        ],
    )


def _whole_page(source: LocatedField) -> str | None:
    return WHOLE_PAGE if source.field.whole_page else None


def _fault(decoded: DecodedField, amount: Amount | None, raw: str, expected: FieldFormat) -> str | None:
    """Returns why a string is not accepted, however likely it is."""
    if not decoded.valid:
        return f"no {expected.kind} that fits keeps {_rules(expected)}: the likeliest string is shown"
    if not decoded.exact:
        return "unsure: too many strings are about as likely"
    if len(raw.strip(".,-")) == 1:
        return "one digit alone: nothing beside it tells it from a mark or a letter"
    return amount.doubt if amount else decoded.doubt


def _rejection(
    confidence: float, decoded: DecodedField, expected: FieldFormat, point: OperatingPoint
) -> str | None:
    """Returns why a string is not accepted with that confidence."""
    reason = rejection_reason(confidence, point)
    if reason and point.threshold and decoded.total < 0.5:
        kept = f"probability {decoded.total:.2g} of what may be written keeps {_rules(expected)}"
        return f"{reason}; no more than {kept}"
    return reason


def _empty(source: LocatedField, reason: str, expected: FieldFormat) -> FieldPrediction:
    check = CheckDigit(expected.scheme, False) if expected.scheme else None
    return FieldPrediction(source.page, "", "", None, None, 0.0, False, reason, [], check, [])


def _rules(expected: FieldFormat) -> str:
    """Puts the rules into words."""
    if expected.kind == "date":
        return str(expected.date_rules)
    scheme = f"the check digit ({expected.scheme})" if expected.scheme else ""
    length = f"the length of {expected.length} digits" if expected.length else ""
    return " and ".join(rule for rule in (scheme, length) if rule)


def _places(probabilities: Floats, labels: Sequence[int], alphabet: Alphabet) -> list[ctc.Place]:
    """Finds each label's steps in the clearest view; a slant leaves a digit's middle where it is."""
    # Marks that are not among the labels stand for nothing, however likely one was.
    probabilities = without_marks(probabilities, alphabet, alphabet.text(labels))
    return ctc.places(probabilities[ensemble.clearest_view(probabilities, labels)], labels)


def _digits(
    source: LocatedField,
    places: Sequence[ctc.Place],
    labels: Sequence[int],
    kept: Sequence[int],
    sliding: Sliding,
) -> list[FieldDigit]:
    """Returns the digits at the places that are kept in the string."""
    spans = [(first, last) for first, last, _ in places]
    symbols = boxes.boxes(source.field, spans, sliding, source.corner, source.size)
    return [
        FieldDigit(labels[place], shortest_float(np.float32(places[place][2])), symbols[place])
        for place in kept
    ]
