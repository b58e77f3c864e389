"""What a field network said → the likeliest string, how sure that is, and what it means as money."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serving.decoding import check_digits, ctc, ensemble
from serving.decoding.amounts import LOCALES, Amount, predict_amount
from serving.decoding.ctc import Hypothesis
from serving.errors import CheckreaderError
from serving.manifest import Confidence
from serving.runtime.network import Floats

KINDS: Final = ("amount", "number")
_COUNT: Final = 3
_SURE: Final = 1e-12  # probabilities nearer to 0 or 1 are taken for this near
# Prefixes that a search may expand: readable fields take some tens, and a millisecond; noise would take seconds
# and is rejected anyway.
_BUDGET: Final = 300
_SEPARATES: Final = 0.01  # less than this at every step, and nobody need look for separators


@dataclass(frozen=True)
class FieldFormat:
    """What the fields hold; make it by `field_format`."""

    kind: str = "amount"
    scheme: str | None = None
    length: int | None = None
    locale: str | None = None

    @functools.cached_property
    def automaton(self) -> check_digits.Automaton | None:
        """What a number has to satisfy."""
        return check_digits.parse(self.scheme, self.length)


@dataclass(frozen=True)
class DecodedField:
    """The likeliest string and others, best first.

    Attributes:
        best: the first's probability is that of everything with the same digits (and, of an amount, the same
            meaning); it is what `Confidence` is fitted on. Strings of a number have no separators.
        labels: the first as it is written, separators included.
        amount: what it means; None for a number, or where nothing is written.
        valid: False where no string keeps the rules: the likeliest of all are given instead.
        exact: False where the search gave up before it was sure of the first.
        total: probability of all strings that keep the rules.
    """

    best: tuple[Hypothesis, ...]
    labels: tuple[int, ...]
    amount: Amount | None
    valid: bool
    exact: bool
    total: float


def field_format(
    kind: str | None = None, scheme: str | None = None, length: int | None = None, locale: str | None = None
) -> FieldFormat:
    """What the fields hold.

    Args:
        kind: one of `KINDS`; None = a number where there is a scheme, else an amount.
        scheme: a key of `schemes.SCHEMES`, whose check digit the number has to satisfy.
        length: the number of digits, 1 to `schemes.MAX_LENGTH`.
        locale: one of `amounts.LOCALES`, in which the amount is written; None = any.

    Raises:
        CheckreaderError: there is no such thing, or not together.
    """
    if kind is None:
        kind = "number" if scheme else "amount"
    for name, given, known in (
        ("kind", kind, KINDS),
        ("scheme", scheme, check_digits.SCHEMES),
        ("locale", locale, LOCALES),
    ):
        if given is not None and given not in known:
            raise CheckreaderError(f"{name} must be one of {', '.join(known)}, got {given[:40]!r}")
    if scheme and kind != "number":
        raise CheckreaderError(f"scheme {scheme!r} is for kind number: an amount has no check digit")
    if locale and kind != "amount":
        raise CheckreaderError(f"locale {locale!r} is for kind amount: a number has no decimal point")
    check_digits.parse(scheme, length)
    return FieldFormat(kind, scheme, length, locale)


def decode(probabilities: Floats, what: FieldFormat, count: int = _COUNT) -> DecodedField:
    """The likeliest strings of a field.

    Args:
        probabilities: float32 [L, T, 12], for each look at it those of its own steps, T ≥ 1.
        what: the rules that a string has to keep.
        count: how many strings, at most.
    """
    merged = ctc.without_separators(probabilities)
    searched = merged if what.kind == "number" else probabilities
    found = ensemble.search(searched, what.automaton, max(count, _COUNT), _BUDGET)
    valid, total = bool(found.best), found.total
    if not valid:
        found = ensemble.search(searched, None, max(count, _COUNT), _BUDGET)
    best, amount = found.best, None
    labels = best[0].labels
    if what.kind == "number":
        labels = _separated(probabilities, labels)
    elif any(label != ctc.SEPARATOR for label in labels):
        weighed = predict_amount(best, what.locale, of_text=functools.partial(ensemble.probability, merged))
        labels, amount = weighed.labels, weighed.amount
        others = [one for one in best if one.labels != labels]
        best = [Hypothesis(labels, weighed.probability), *others]
    return DecodedField(tuple(best[:count]), labels, amount, valid, found.exact, total)


def _separated(probabilities: Floats, digits: tuple[int, ...]) -> tuple[int, ...]:
    """The digits as they are written: with the likeliest separators."""
    if probabilities[..., ctc.SEPARATOR].max() >= _SEPARATES:
        for one in ensemble.search(probabilities, None, _COUNT, _BUDGET).best:
            if tuple(label for label in one.labels if label != ctc.SEPARATOR) == digits:
                return one.labels
    return digits


def confidence(probability: float, fitted: Confidence | None) -> float:
    """The probability that a reading is right, from that of its string; None leaves it as it is."""
    if fitted is None:
        return probability
    score = fitted.scale * logit(probability) + fitted.offset
    return 1 / (1 + math.exp(-min(max(score, -700.0), 700.0)))


def logit(probability: float) -> float:
    """ln(p / (1 − p)), finite: what `Confidence` is fitted on and applied to."""
    near = min(max(probability, _SURE), 1 - _SURE)
    return math.log(near / (1 - near))


def raw_text(labels: Sequence[int]) -> str:
    """Labels as `raw` shows them."""
    return "".join("." if label == ctc.SEPARATOR else str(label) for label in labels)
