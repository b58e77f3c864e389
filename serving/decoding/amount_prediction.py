"""Predicts the amount of a field from the decoder's strings, or says that another one is too likely."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.decoding import amount_meanings, ctc, ensemble
from serving.decoding.alphabet import Alphabet, without_marks
from serving.decoding.amounts import Amount, digits_of, interpret
from serving.decoding.ctc import Hypothesis
from serving.runtime.network import Floats

SHARE: Final = 0.01  # how likely rivals may be, relative to the best
STROKES: Final = "/x"  # marks that are taller than points and dashes

Inked = Callable[[], npt.NDArray[np.bool_]]  # bool [T], at which steps ink stands that is as tall as a stroke


@dataclass(frozen=True)
class AmountPrediction:
    """The likeliest amount of a field.

    Attributes:
        labels: its likeliest string, as the decoder's labels.
        raw: the same as characters.
        text: the value's digits alone.
        amount: its meaning.
        probability: of all hypotheses with these digits and this meaning together.
    """

    labels: tuple[int, ...]
    raw: str
    text: str
    amount: Amount
    probability: float


def predict_amount(
    hypotheses: Sequence[Hypothesis],
    alphabet: Alphabet,
    locale: str | None = None,
    views: Floats | None = None,
    share: float = SHARE,
    inked: Inked | None = None,
) -> AmountPrediction:
    """Finds the likeliest amount among the decoder's strings, which differ also in marks.

    "1250" and "1·250" mean the same, so their probabilities add up; "12·50" is
    a rival: the same digits, another amount. If the rivals are more than `share`
    as likely as the best, that is a doubt and there is no amount. Strings that
    are no amount are no rivals: they only lower the probability. Nor is a string
    that leaves a stroke or a cross of the best unread where tall ink stands:
    "12500100" is no rival of "125 00/100".

    Args:
        hypotheses: one or more strings.
        alphabet: of their labels.
        locale: as for `interpret`.
        views: float32 [V, T, K], where the strings were found; with them no rival can hide among those left out.
        share: how likely rivals may be, relative to the best.
        inked: returns bool [T], at which steps ink stands that is tall; called where there is a doubt about a stroke.

    Raises:
        CheckreaderError: an unknown locale.
        ValueError: no hypotheses.
    """
    if not hypotheses:
        raise ValueError("nothing to weigh")
    predictions: dict[tuple[str, str | None], AmountPrediction] = {}
    for hypothesis in sorted(hypotheses, key=lambda hypothesis: -hypothesis.probability):
        raw = alphabet.text(hypothesis.labels)
        amount = interpret(raw, locale)
        text = "".join(raw[place] for place in amount.digits)
        prediction = AmountPrediction(hypothesis.labels, raw, text, amount, hypothesis.probability)
        key = digits_of(raw), amount.amount
        likelier = predictions.get(key)
        if likelier is not None:
            prediction = replace(likelier, probability=likelier.probability + hypothesis.probability)
        predictions[key] = prediction
    best = max(predictions.values(), key=lambda prediction: prediction.probability)
    if best.amount.amount is None:
        return best
    digits = digits_of(best.raw)
    rivals = {
        rival: prediction.probability
        for (text, rival), prediction in predictions.items()
        if text == digits and rival not in (None, best.amount.amount)
    }
    enough = (1 + share) * best.probability
    elsewhere = sum(prediction.probability for (text, _), prediction in predictions.items() if text != digits)
    if views is not None and enough < 1 - elsewhere:  # else all other strings together are too unlikely
        merged = without_marks(views, alphabet)
        if ensemble.probability(merged, alphabet.labels(digits)) > enough:
            # Other marks may mean the same amount, or none; few fields need this closer look.
            meanings = amount_meanings.probabilities(views, digits, alphabet, locale)
            rivals = {amount_meanings.amount(digits, form): meaning for form, meaning in meanings.items()}
            best = replace(best, probability=rivals.pop(str(best.amount.amount)))
    weight = sum(rivals.values())
    if weight <= share * best.probability:
        return best
    if views is not None and inked is not None and set(STROKES) & set(best.raw):
        meanings = amount_meanings.probabilities(
            _with_strokes(views, best.labels, alphabet, inked()), digits, alphabet, locale
        )
        as_written = next(
            meaning
            for form, meaning in meanings.items()
            if amount_meanings.amount(digits, form) == best.amount.amount
        )
        if sum(meanings.values()) <= (1 + share) * as_written:
            return best
    other = max(rivals, key=lambda rival: rivals[rival])
    part = weight / (weight + best.probability)
    doubt = f"unclear amount: {best.raw} may be {other}, probability {part:.2g} that it is not as written"
    return replace(best, amount=replace(best.amount, amount=None, doubt=doubt))


def _with_strokes(
    views: Floats, labels: Sequence[int], alphabet: Alphabet, inked: npt.NDArray[np.bool_]
) -> Floats:
    """Returns the probabilities if what stands in the middle of a string's inked strokes and crosses is no blank."""
    read = views.copy()
    for view in read:
        for label, (first, last, _) in zip(labels, ctc.places(view, labels), strict=True):
            peak = first + int(view[first : last + 1, label].argmax())
            if alphabet.symbols[label] in STROKES and inked[peak]:
                view[peak, -1] = 0
                view[peak] /= view[peak].sum()
    return read
