"""Recognizes fields for calibration and evaluation, through the very code that serves."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.data.labeled_fields import Box, Labeled
from pipeline.networks.lenet5_field import POINTS, SLIDING
from pipeline.synthesis import nonfields
from serving.decoding import field_string
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet, manifest_labels
from serving.decoding.field_string import FieldFormat
from serving.decoding.thresholds import operating_point, shortest_float
from serving.images.codec import Gray
from serving.images.field import normalize_field
from serving.manifest import Confidence, Model, Sliding, Tensor, Threshold
from serving.recognition.field_recognizer import read
from serving.recognition.fields import LocatedField

Floats = npt.NDArray[np.floating[Any]]
Infer = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]

# Accepts every field that only its confidence could reject.
_ANY: Final = operating_point([Threshold(1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0)], 1.0)
_ALTERNATIVES: Final = 3
_BATCH: Final = 64
# Confidences are float32, which has no digits left for a probability near 1; it has for shrunk log-odds.
_SHRUNK: Final = 0.05


@dataclass(frozen=True)
class RecognizedField:
    """One field as it was recognized.

    Attributes:
        text: the digits alone; "" where nothing was read.
        written: the digits with all marks.
        probability: the decoder's, of the digits (kind "number") or of the amount.
        confidence: the calibrated probability that it is right; the decoder's if nothing was calibrated.
        boxes: x, y, width and height of each digit, in the picture's pixels.
        alternatives: other strings as written, with their probabilities, best first.
        problem: why the field is never accepted, however confident; None if only confidence decides.
        amount: a decimal; None for a number, and where there is a doubt.
        views: how many views of it the network read.
    """

    text: str
    written: str
    probability: float
    confidence: float
    boxes: tuple[Box, ...] = ()
    alternatives: tuple[tuple[str, float], ...] = ()
    problem: str | None = None
    amount: str | None = None
    views: int = 1


FieldRecognizer = Callable[[Sequence[Gray]], list[RecognizedField]]


def field_recognizer(
    infer: Infer,
    alphabet: Alphabet,
    confidence: Confidence | None = None,
    kind: str = "number",
    locale: str | None = None,
    sliding: Sliding = SLIDING,
) -> FieldRecognizer:
    """Returns a recognizer of pictures of fields.

    Args:
        infer: float32 [N, 32, W, 1] → probabilities float32 [N, T, K].
        alphabet: the network's.
        confidence: the calibration; None before there is one.
        kind: "number" judges the digits alone; "amount" also rejects doubtful amounts.
        locale: in which amounts are written, one of `amount_grammar.LOCALES`.
        sliding: the views, and when the first is enough.
    """
    restriction = field_string.field_format(kind, locale=locale)
    model = Model(
        "0",
        "field",
        Tensor("image", "FP32", [-1, SLIDING.height, -1, 1]),
        [],
        labels=manifest_labels(alphabet),
        sliding=sliding,
        confidence=Confidence(_SHRUNK, 0.0),
    )

    def recognize(pictures: Sequence[Gray]) -> list[RecognizedField]:
        recognized: list[RecognizedField] = []
        for start in range(0, len(pictures), _BATCH):
            recognized += _recognize(pictures[start : start + _BATCH], infer, model, restriction)
        return calibrated(recognized, confidence)

    return recognize


def recognize(recognizer: FieldRecognizer, labeled: Labeled) -> list[RecognizedField]:
    """Recognizes all fields; only a few pictures are decoded at a time."""
    recognized: list[RecognizedField] = []
    for start in range(0, len(labeled), _BATCH):
        recognized += recognizer(
            [labeled.picture(i) for i in range(start, min(start + _BATCH, len(labeled)))]
        )
    return recognized


def recognize_nonfields(
    recognizer: FieldRecognizer, count: int, seed: int, field: nonfields.Field | None = None
) -> dict[str, list[RecognizedField]]:
    """Recognizes `nonfields.pictures`; returns the results by kind."""
    by_kind: dict[str, list[RecognizedField]] = {}
    pictures = nonfields.pictures(count, seed, field)
    while batch := list(itertools.islice(pictures, _BATCH)):
        for (kind, _), recognized in zip(batch, recognizer([gray for _, gray in batch]), strict=True):
            by_kind.setdefault(kind, []).append(recognized)
    return by_kind


def _recognize(
    pictures: Sequence[Gray], infer: Infer, model: Model, restriction: FieldFormat
) -> list[RecognizedField]:
    sources = [
        LocatedField(normalize_field(gray), 1, (0, 0), (gray.shape[1], gray.shape[0])) for gray in pictures
    ]
    field_reading = read(sources, infer, model, restriction, _ANY)
    recognized = []
    for index, reading in enumerate(field_reading.predictions):
        probability = _probability(reading.confidence) if reading.text else 0.0
        boxes = tuple(tuple(map(float, digit.box)) for digit in reading.digits)
        alternatives = tuple((string.raw, string.probability) for string in reading.alternatives)
        recognized.append(
            RecognizedField(
                reading.text,
                reading.raw,
                probability,
                probability,
                boxes,  # type: ignore[arg-type]
                alternatives[:_ALTERNATIVES],
                reading.reason,
                reading.amount,
                field_reading.views[index],
            )
        )
    return recognized


def _probability(shrunk: float) -> float:
    """Returns the decoder's probability from its shrunk log-odds."""
    return 1 / (1 + math.exp(-field_string.logit(shrunk) / _SHRUNK))


def calibrated(recognized: Sequence[RecognizedField], confidence: Confidence | None) -> list[RecognizedField]:
    """Returns the same fields with the confidence that a calibration gives them."""
    return [
        replace(field, confidence=served_confidence(field_string.confidence(field.probability, confidence)))
        for field in recognized
    ]


def served_confidence(confidence: float) -> float:
    """Rounds a confidence as the service does, before it shows it and compares it with thresholds."""
    return shortest_float(np.float32(confidence))


def scores(recognized: Sequence[RecognizedField], values: Sequence[float] | None = None) -> Floats:
    """Returns `values`, or the confidences, float64 [N], with 0 for fields that are never accepted."""
    values = [field.confidence for field in recognized] if values is None else values
    return np.array(
        [score if field.problem is None else 0.0 for field, score in zip(recognized, values, strict=True)],
        float,
    )


def correct(recognized: Sequence[RecognizedField], labeled: Labeled) -> npt.NDArray[np.bool_]:
    """Returns bool [N]: the amount is right where the label has one, else the digits and the marks that labels name."""
    amounts = amount_right(recognized, labeled)
    labels_amount = np.array([amount is not None for amount in labeled.amounts], np.bool_)
    written = exact_written(recognized, labeled) if labeled.marks else True
    return np.where(labels_amount, amounts, exact(recognized, labeled) & written)


def amount_right(recognized: Sequence[RecognizedField], labeled: Labeled) -> npt.NDArray[np.bool_]:
    """Returns bool [N]: the label has an amount, and that is the one read."""
    return np.array(
        [
            amount is not None and field.amount is not None and Decimal(field.amount) == Decimal(amount)
            for field, amount in zip(recognized, labeled.amounts, strict=True)
        ],
        np.bool_,
    )


def exact(recognized: Sequence[RecognizedField], labeled: Labeled) -> npt.NDArray[np.bool_]:
    """Returns bool [N]: every digit of the text is right, whatever the marks."""
    return np.array(
        [field.text == digits for field, digits in zip(recognized, labeled.digits, strict=True)], np.bool_
    )


def exact_written(recognized: Sequence[RecognizedField], labeled: Labeled) -> npt.NDArray[np.bool_]:
    """Returns bool [N]: what is written is right, but for marks that labels leave out; a point is as good as a comma."""
    points = POINTS + EITHER
    counted = DIGITS + labeled.marks + (points if set(points) & set(labeled.marks) else "")

    def comparable(text: str) -> str:
        return "".join(points[0] if char in points else char for char in text if char in counted)

    return np.array(
        [
            comparable(field.written) == comparable(written)
            for field, written in zip(recognized, labeled.written, strict=True)
        ],
        np.bool_,
    )
