"""What a network reads on fields, as calibration and evaluation need it: through the very code that serves."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.data.labeled_fields import Box, Labeled
from pipeline.networks.lenet5_field import SLIDING
from pipeline.synthesis import nonfields
from serving.decoding import field_string
from serving.decoding.field_string import FieldFormat
from serving.decoding.thresholds import shortest_float
from serving.images.codec import Gray
from serving.images.field import normalize_field
from serving.images.sliding_window import place
from serving.manifest import Confidence, Model, Tensor, Threshold
from serving.recognition import fields
from serving.recognition.fields import LocatedField

Floats = npt.NDArray[np.floating[Any]]
Infer = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

# Accepts whatever nothing but its confidence speaks against.
_ANY: Final = Threshold(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0)
_ALTERNATIVES: Final = 3
_AT_ONCE: Final = 64
# Confidences come as float32, in which a probability near 1 has no digits left: its log-odds, shrunk, have.
_SHRUNK: Final = 0.05


@dataclass(frozen=True)
class RecognizedField:
    """One field as it was read.

    Attributes:
        text: the digits alone; "" where nothing was read.
        written: the same with a point for each separator.
        probability: of the digits (kind "number") or of the amount, as the decoder gives it.
        confidence: the calibrated probability that it is right; the decoder's where nothing was calibrated.
        boxes: x, y, width and height of each digit, in the picture's pixels.
        alternatives: other strings as written, with their probabilities, best first.
        problem: why the reading is never accepted, however confident; None where only confidence decides.
    """

    text: str
    written: str
    probability: float
    confidence: float
    boxes: tuple[Box, ...] = ()
    alternatives: tuple[tuple[str, float], ...] = ()
    problem: str | None = None


FieldRecognizer = Callable[[Sequence[Gray]], list[RecognizedField]]


def field_recognizer(
    infer: Infer, confidence: Confidence | None = None, kind: str = "number", locale: str | None = None
) -> FieldRecognizer:
    """A reader of pictures.

    Args:
        infer: float32 [N, 32, W, 1] → probabilities float32 [N, T, 12].
        confidence: the calibration; None before there is one.
        kind: "number" judges the digits alone; "amount" also rejects where the decimal point is in doubt.
        locale: in which amounts are written, one of `amounts.LOCALES`.
    """
    what = field_string.field_format(kind, locale=locale)
    model = Model(
        "0",
        "field",
        Tensor("image", "FP32", [-1, SLIDING.height, -1, 1]),
        [],
        sliding=SLIDING,
        confidence=Confidence(_SHRUNK, 0.0),
    )

    def recognize(pictures: Sequence[Gray]) -> list[RecognizedField]:
        found: list[RecognizedField] = []
        for start in range(0, len(pictures), _AT_ONCE):
            found += _read(pictures[start : start + _AT_ONCE], infer, model, what)
        return calibrated(found, confidence)

    return recognize


def recognize(recognizer: FieldRecognizer, labeled: Labeled) -> list[RecognizedField]:
    """The readings of all fields, of which only a few are decoded at a time."""
    found: list[RecognizedField] = []
    for start in range(0, len(labeled), _AT_ONCE):
        found += recognizer([labeled.picture(i) for i in range(start, min(start + _AT_ONCE, len(labeled)))])
    return found


def recognize_nonfields(
    recognizer: FieldRecognizer, count: int, seed: int, field: nonfields.Field | None = None
) -> dict[str, list[RecognizedField]]:
    """The readings of `nonfields.pictures`, by kind."""
    readings: dict[str, list[RecognizedField]] = {}
    pictures = nonfields.pictures(count, seed, field)
    while batch := list(itertools.islice(pictures, _AT_ONCE)):
        for (kind, _), raw in zip(batch, recognizer([gray for _, gray in batch]), strict=True):
            readings.setdefault(kind, []).append(raw)
    return readings


def _read(pictures: Sequence[Gray], infer: Infer, model: Model, what: FieldFormat) -> list[RecognizedField]:
    sources = [
        LocatedField(normalize_field(gray), (0, 0), (gray.shape[1], gray.shape[0])) for gray in pictures
    ]
    placed = place([source.field for source in sources], SLIDING)
    rows = fields.probabilities_by_field(len(sources), ((one, (infer(one[1]),)) for one in placed), SLIDING)
    found = []
    for source, row in zip(sources, rows, strict=True):
        reading = fields.recognize(source, row, model, what, _ANY)
        probability = _probability(reading.confidence) if reading.text else 0.0
        boxes = tuple(tuple(map(float, digit.box)) for digit in reading.digits)
        others = tuple((other.raw, other.probability) for other in reading.alternatives)
        found.append(
            RecognizedField(
                reading.text,
                reading.raw,
                probability,
                probability,
                boxes,  # type: ignore[arg-type]
                others[:_ALTERNATIVES],
                reading.reason,
            )
        )
    return found


def _probability(shrunk: float) -> float:
    """The decoder's probability from its shrunk log-odds."""
    return 1 / (1 + math.exp(-field_string.logit(shrunk) / _SHRUNK))


def calibrated(readings: Sequence[RecognizedField], confidence: Confidence | None) -> list[RecognizedField]:
    """The same readings with the confidence that a calibration gives them."""
    return [
        replace(raw, confidence=served_confidence(field_string.confidence(raw.probability, confidence)))
        for raw in readings
    ]


def served_confidence(confidence: float) -> float:
    """A confidence as the service shows it and compares it with thresholds."""
    return shortest_float(np.float32(confidence))


def scores(readings: Sequence[RecognizedField], values: Sequence[float] | None = None) -> Floats:
    """Float64 [N]: `values`, or the confidences, with 0 for what is never accepted."""
    values = [raw.confidence for raw in readings] if values is None else values
    return np.array(
        [value if raw.problem is None else 0.0 for raw, value in zip(readings, values, strict=True)], float
    )


def correct(readings: Sequence[RecognizedField], labeled: Labeled) -> npt.NDArray[np.bool_]:
    """Bool [N]: the digits are right and, where the labels name separators, so are those."""
    return exact(readings, labeled) & (exact_written(readings, labeled) | (not labeled.separators))


def exact(readings: Sequence[RecognizedField], labeled: Labeled) -> npt.NDArray[np.bool_]:
    """Bool [N]: every digit is right."""
    return np.array(
        [raw.text == digits for raw, digits in zip(readings, labeled.digits, strict=True)], np.bool_
    )


def exact_written(readings: Sequence[RecognizedField], labeled: Labeled) -> npt.NDArray[np.bool_]:
    """Bool [N]: digits and places of separators are right; a point is as good as a comma."""
    return np.array(
        [raw.written == text.replace(",", ".") for raw, text in zip(readings, labeled.texts, strict=True)],
        np.bool_,
    )
