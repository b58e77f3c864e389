"""Recognizes MICR lines: a normalized line and the network's probabilities become symbols, fields and a decision.

What the network reads is parsed by `serving.decoding.micr`. No rule changes a reading in silence: a routing number that
fails its check digit is reported, and where a less likely string satisfies it, that one is shown and never accepted.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from serving.decoding import alphabet as alphabets
from serving.decoding import ctc, micr
from serving.decoding.ctc import Hypothesis, Place
from serving.decoding.field_string import confidence
from serving.decoding.micr import FieldName, MicrFields
from serving.decoding.thresholds import OperatingPoint, rejection_reason, shortest_float
from serving.errors import CheckreaderError
from serving.images import sliding_window
from serving.images.digit import INK_LEVEL
from serving.images.field import Field
from serving.images.micr_line import PITCH
from serving.manifest import Model, Sliding
from serving.recognition import boxes
from serving.recognition.boxes import Box
from serving.recognition.fields import LocatedField
from serving.recognition.uncovered_ink import rows_of_ink, uncovered_ink
from serving.runtime.network import Floats

_APART: Final = 3  # steps between a symbol and one that was left out, three quarters of a pitch
_SEEN: Final = 0.05  # probability of a symbol at its clearest step
_TALL: Final = 15  # rows of ink in a symbol that is no dash
_BUDGET: Final = 300  # of a search; real lines need less than 200, what is no line as many as there are
_COUNT: Final = 5  # strings that are searched for where the likeliest fails its check digit
_RIVAL: Final = 0.05  # of the likeliest string's probability, in one that a check digit may prefer


class MicrField(msgspec.Struct, frozen=True):
    """A field of a line: its digits, with blanks where there are gaps, and the probability that they are right."""

    text: str
    confidence: float


class MicrCheckDigit(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of the check digit inside the routing number.

    `valid` judges the likeliest string. Where it is invalid and another one that satisfies the scheme is shown in its
    place, `corrected_from` is the likeliest string's text.
    """

    scheme: str
    valid: bool
    corrected_from: str | None = None


class MicrPrediction(msgspec.Struct, frozen=True):
    """A recognized MICR line.

    `page` is the number of its page in the picture, from 1. `text` is the line in digits, A (transit), B (amount),
    C (on-us) and D (dash), with a blank at each gap, `symbols` the same with ⑆ ⑇ ⑈ ⑉. `country` is null where the line
    fits no layout; `fields` are by name, in the order of the line. `reason` says why the line is not accepted; `boxes`
    are one for each symbol: x, y, width and height in pixels of the original picture.
    """

    page: int
    text: str
    symbols: str
    country: str | None
    fields: dict[FieldName, MicrField]
    check_digit: MicrCheckDigit | None
    confidence: float
    accepted: bool
    reason: str | None
    boxes: list[Box]


@dataclass(frozen=True)
class DecodedLine:
    """The decoded strings of a line.

    Attributes:
        best: the likeliest string of all, or those that are left from the shown one on, best first. The first's
            probability is that on which `Confidence` is fitted.
        text: the first, with blanks.
        places: of the symbols of the first.
        exact: False where the search ended before the first was proven.
    """

    best: tuple[Hypothesis, ...]
    text: str
    places: tuple[Place, ...]
    exact: bool


def require_micr(name: str, model: Model) -> Sliding:
    """Returns how the model slides over a line; raises CheckreaderError if it does not read MICR lines."""
    if model.task != "micr" or model.sliding is None:
        raise CheckreaderError(f"model {name!r} does not read MICR lines")
    return model.sliding


def unreadable(source: LocatedField) -> MicrPrediction:
    """Returns the prediction of a line that has a problem: nothing is read."""
    return _empty(source, source.field.problem or "no symbol read")


def decode_line(field: Field, steps: Floats, model: Model) -> DecodedLine:
    """Finds the likeliest string of a line.

    A worn symbol may be less likely than none. Tall ink between two symbols that stand well apart is taken for one where
    the network sees one at all; the probability stays that of the network.

    Args:
        field: the line.
        steps: float32 [T, K], the probabilities at the steps that belong to the line.
        model: the network's entry in the manifest.
    """
    assert model.sliding is not None
    search = ctc.likeliest(steps, _BUDGET)
    best = search.best[0]
    places = ctc.places(steps, best.labels)
    worn = _worn_symbols(field, places, steps, model.sliding)
    if worn:
        inked = steps.copy()
        inked[worn, -1] = 0
        inked /= inked.sum(1, keepdims=True)
        labels = ctc.likeliest(inked, _BUDGET).best[0].labels
        best, places = Hypothesis(labels, ctc.probability(steps, labels)), ctc.places(steps, labels)
    return DecodedLine((best,), _text(best.labels, places, model), tuple(places), search.exact)


def _worn_symbols(field: Field, places: Sequence[Place], steps: Floats, sliding: Sliding) -> list[int]:
    """Finds the steps at which a symbol seems to stand that the likeliest string leaves out."""
    ink = field.pixels >= INK_LEVEL
    worn = []
    for (_, left, _), (right, _, _) in itertools.pairwise(places):
        inner = slice(left + _APART, right - _APART + 1)
        if inner.start >= inner.stop:
            continue
        step = inner.start + int(steps[inner, :-1].max(1).argmax())
        middle = round(sliding_window.center(step, sliding))
        part = ink[:, max(0, middle - PITCH // 2) : middle + PITCH // 2 + 1]
        if steps[step, :-1].max() >= _SEEN and rows_of_ink(part) >= _TALL:
            worn.append(step)
    return worn


def predict(
    source: LocatedField,
    steps: Floats,
    decoded: DecodedLine,
    model: Model,
    country: str,
    point: OperatingPoint,
) -> MicrPrediction:
    """Predicts a line from the network's probabilities.

    A field's confidence comes from the product of its symbols' place probabilities: that its stretch of the line,
    taken alone, reads as these digits. The whole line's probability is such a product over all symbols, so that the
    map fitted on lines calibrates a part of one, too. A field is at least as sure as the line that it is a part of.

    Args:
        source: the line, without a problem.
        steps: float32 [T, K], as for `decode_line`.
        decoded: of these by `decode_line`.
        model: the network's entry in the manifest.
        country: one of `serving.decoding.micr.COUNTRIES`.
        point: what is accepted.

    Raises:
        CheckreaderError: such a country is not known.
    """
    assert model.sliding is not None
    if not decoded.text:
        return _empty(source, "no symbol read")
    line = micr.parse(decoded.text, country)
    check = MicrCheckDigit(line.scheme, line.valid) if line.scheme else None
    shown, reason = decoded, line.problem
    if check is not None and not check.valid:
        corrected = _corrected(steps, decoded, line, model, country)
        if corrected is not None:
            shown, line = corrected
            check = MicrCheckDigit(check.scheme, False, decoded.text)
            reason = f"{reason}; a less likely reading that does is shown"
    certainty = _calibrated(shown.best[0].probability, model)
    spans = [place[:2] for place in shown.places]
    if not shown.exact:
        reason = "unsure: too many strings are about as likely"
    reason = source.field.doubt or reason or rejection_reason(certainty, point)
    if reason is None and uncovered_ink(source.field.pixels, spans, model.sliding):
        reason = "ink beside the symbols that was not read: one may be missing"
    return MicrPrediction(
        page=source.page,
        text=shown.text,
        symbols=shown.text.translate(micr.SYMBOLS),
        country=line.country,
        fields=_fields(line, shown, certainty, model),
        check_digit=check,
        confidence=certainty,
        accepted=reason is None,
        reason=reason,
        boxes=boxes.boxes(source.field, spans, model.sliding, source.corner, source.size),
    )


def _corrected(
    steps: Floats, decoded: DecodedLine, line: MicrFields, model: Model, country: str
) -> tuple[DecodedLine, MicrFields] | None:
    """Finds the likeliest other string of the same layout that satisfies the check digit; None where none is near."""
    best = ctc.search(steps, count=_COUNT, budget=_BUDGET).best
    for index, hypothesis in enumerate(best[1:], 1):
        if hypothesis.probability < _RIVAL * decoded.best[0].probability:
            break
        places = ctc.places(steps, hypothesis.labels)
        text = _text(hypothesis.labels, places, model)
        other = micr.parse(text, country)
        if other.country == line.country and other.scheme == line.scheme and other.valid:
            return DecodedLine(tuple(best[index:]), text, tuple(places), decoded.exact), other
    return None


def _text(labels: Sequence[int], places: Sequence[Place], model: Model) -> str:
    """Writes labels with blanks at the gaps between their places."""
    assert model.sliding is not None
    middles = [sliding_window.center((first + last) / 2, model.sliding) for first, last, _ in places]
    return micr.spaced(alphabets.parse(model.labels).text(labels), middles, PITCH)


def _fields(
    line: MicrFields, decoded: DecodedLine, certainty: float, model: Model
) -> dict[FieldName, MicrField]:
    """Returns the fields of a line with their confidences."""
    probabilities = [probability for _, _, probability in decoded.places]
    return {
        field.name: MicrField(
            field.text,
            max(certainty, _calibrated(math.prod(probabilities[field.start : field.stop]), model)),
        )
        for field in line.fields
    }


def _calibrated(probability: float, model: Model) -> float:
    return shortest_float(np.float32(confidence(probability, model.confidence)))


def _empty(source: LocatedField, reason: str) -> MicrPrediction:
    return MicrPrediction(source.page, "", "", None, {}, None, 0.0, False, reason, [])
