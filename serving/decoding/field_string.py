"""Decodes a field network's probabilities: the likeliest string, its confidence, and its meaning as money."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from serving.decoding import amount_grammar, check_digits, dates, ensemble
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet, without_marks
from serving.decoding.amount_grammar import LOCALES
from serving.decoding.amount_prediction import STROKES, AmountPrediction, Inked, predict_amount
from serving.decoding.amounts import Amount, digits_of, raised_cents
from serving.decoding.automata import Automaton, intersection
from serving.decoding.ctc import Hypothesis, Search
from serving.decoding.date_prediction import predict_date
from serving.decoding.dates import DateRules
from serving.errors import CheckreaderError
from serving.manifest import Confidence
from serving.runtime.network import Floats

KINDS: Final = ("amount", "number", "date")
_COUNT: Final = 3
_SURE: Final = 1e-12  # probabilities are kept this far from 0 and 1
# Prefixes that a search may expand: readable fields take some tens, and a millisecond; noise would take seconds
# and is rejected anyway.
_BUDGET: Final = 300
_SMALL_BUDGET: Final = (
    60  # for a first string that is likely to be the one; noise is not searched twice as long
)
# An amount that is less likely than this, relative to the likeliest string, is not taken to be what is written. Chosen
# on 767 Chilean amounts and 48 Indian ones: from 0.07 down it takes right strings for wrong amounts.
_LIKELY: Final = 0.25
# Fractions have many marks, any of which may be missed; chosen on 100 drawn ones, no other set reads otherwise.
_LIKELY_FRACTION: Final = 0.03
_MARKED: Final = 0.01  # marks less likely than this at every step are not searched for


@dataclass(frozen=True)
class FieldFormat:
    """What a field is expected to have, by the names of the parameters; made by `field_format`."""

    kind: str = "amount"
    scheme: str | None = None
    length: int | None = None
    locale: str | None = None
    order: str | None = None
    after: str | None = None
    before: str | None = None

    @functools.cached_property
    def automaton(self) -> Automaton | None:
        """The automaton that a number has to satisfy; None where there is none."""
        return check_digits.parse(self.scheme, self.length)

    @property
    def date_rules(self) -> DateRules:
        """The rules that a date has to keep."""
        return dates.parse(self.order, self.after, self.before)


@dataclass(frozen=True)
class DecodedField:
    """The decoded strings of a field.

    Attributes:
        best: the likeliest strings, best first. The first's probability is that of everything with the same
            digits (and, of an amount, the same meaning), on which `Confidence` is fitted; of a date that of all
            its strings. Strings of a number have no marks.
        labels: the first as it is written, marks included.
        amount: its meaning; None for a number or a date, or where nothing is written.
        valid: False where no string keeps the rules: the likeliest of all are given instead.
        exact: False where the search ended before the first was proven.
        total: probability of all strings that keep the rules.
        date: the meaning of a date; None for other kinds, and where there is a doubt.
        doubt: why a date has no meaning.
    """

    best: tuple[Hypothesis, ...]
    labels: tuple[int, ...]
    amount: Amount | None
    valid: bool
    exact: bool
    total: float
    date: date | None = None
    doubt: str | None = None


def field_format(
    kind: str | None = None,
    scheme: str | None = None,
    length: int | None = None,
    locale: str | None = None,
    order: str | None = None,
    after: str | None = None,
    before: str | None = None,
) -> FieldFormat:
    """Makes a `FieldFormat`.

    Args:
        kind: one of `KINDS`; None = a number where there is a scheme, else an amount.
        scheme: a key of `check_digits.SCHEMES`, whose check digit the number has to satisfy.
        length: the number of digits, 1 to `check_digits.MAX_LENGTH`.
        locale: one of `amount_grammar.LOCALES`, in which the amount is written; None = any.
        order: one of `dates.ORDERS`, in which day, month and year are written; None = any.
        after: the first day that the date may be, as 2024-02-29; None = `dates.FIRST`.
        before: the last one; None = `dates.LAST`.

    Raises:
        CheckreaderError: a parameter is unknown, or does not go with another.
    """
    if kind is None:
        kind = "number" if scheme else "amount"
    for name, choice, choices in (
        ("kind", kind, KINDS),
        ("scheme", scheme, check_digits.SCHEMES),
        ("locale", locale, LOCALES),
    ):
        if choice is not None and choice not in choices:
            raise CheckreaderError(f"{name} must be one of {', '.join(choices)}, got {choice[:40]!r}")
    if scheme and kind != "number":
        raise CheckreaderError(f"scheme {scheme!r} is for kind number: {_a(kind)} has no check digit")
    if locale and kind != "amount":
        raise CheckreaderError(f"locale {locale!r} is for kind amount: {_a(kind)} has no decimal point")
    if length is not None and kind == "date":
        raise CheckreaderError(f"length {length} is for kind number: a date has the lengths of its order")
    for name, choice in (("order", order), ("after", after), ("before", before)):
        if choice is not None and kind != "date":
            raise CheckreaderError(f"{name} {choice[:40]!r} is for kind date, and this is {_a(kind)}")
    check_digits.parse(scheme, length)
    dates.parse(order, after, before)
    return FieldFormat(kind, scheme, length, locale, order, after, before)


def decode(
    probabilities: Floats,
    expected: FieldFormat,
    alphabet: Alphabet,
    count: int = _COUNT,
    inked: Inked | None = None,
) -> DecodedField:
    """Finds the likeliest strings of a field.

    Args:
        probabilities: float32 [V, T, K], for each view the steps that belong to the field, T ≥ 1.
        expected: the rules that a string has to keep.
        alphabet: of the network's K − 1 symbols.
        count: how many strings, at most.
        inked: as for `predict_amount`.
    """
    if expected.kind == "date":
        return _decode_date(probabilities, expected.date_rules, alphabet, count)
    search_steps = probabilities if expected.kind == "amount" else without_marks(probabilities, alphabet)
    search = ensemble.search(search_steps, expected.automaton, max(count, _COUNT), _BUDGET)
    valid, total = bool(search.best), search.total
    if not valid:
        search = ensemble.search(search_steps, None, max(count, _COUNT), _BUDGET)
    best, exact, amount = search.best, search.exact, None
    labels = best[0].labels
    if expected.kind == "number":
        labels = _with_marks(probabilities, labels, alphabet)
    elif digits_of(alphabet.text(labels)):
        likeliest, exact = _amount(probabilities, search, expected, alphabet, inked)
        labels, amount = likeliest.labels, likeliest.amount
        others = [hypothesis for hypothesis in best if hypothesis.labels != labels]
        best = [Hypothesis(labels, likeliest.probability), *others]
    return DecodedField(tuple(best[:count]), labels, amount, valid, exact, total)


def _amount(
    probabilities: Floats, search: Search, expected: FieldFormat, alphabet: Alphabet, inked: Inked | None
) -> tuple[AmountPrediction, bool]:
    """Finds the likeliest amount, and whether it is proven to be.

    If the likeliest string of all is an amount, it is also the likeliest amount; else that one is searched for. It is
    passed over where it is much less likely than what seems to be written.
    """
    predict = functools.partial(
        predict_amount, alphabet=alphabet, locale=expected.locale, views=probabilities, inked=inked
    )
    likeliest = predict(search.best)
    if (
        search.exact
        and likeliest.amount.amount is None
        and raised_cents(likeliest.raw, expected.locale) is None
    ):
        grammar = _grammar(alphabet.symbols, expected.locale, expected.length)
        amounts = ensemble.search(probabilities, grammar, _COUNT, _BUDGET)
        least = _LIKELY_FRACTION if set(likeliest.raw) & set(STROKES) else _LIKELY
        if amounts.best and amounts.best[0].probability >= least * likeliest.probability:
            return predict(amounts.best), amounts.exact
    return likeliest, search.exact


@functools.lru_cache(maxsize=32)
def _grammar(symbols: str, locale: str | None, length: int | None) -> Automaton:
    grammar = amount_grammar.automaton(symbols, locale)
    digits = check_digits.parse(None, length)
    return intersection(grammar, digits) if digits else grammar


def _decode_date(probabilities: Floats, rules: DateRules, alphabet: Alphabet, count: int) -> DecodedField:
    likeliest = predict_date(probabilities, rules, alphabet, max(count, _COUNT), _BUDGET)
    if likeliest is None:
        invalid = ensemble.search(probabilities, None, max(count, _COUNT), _BUDGET).best[:count]
        return DecodedField(tuple(invalid), invalid[0].labels, None, False, True, 0.0)
    labels = likeliest.best[0].labels
    if max(labels) < len(DIGITS):
        labels = _with_marks(probabilities, labels, alphabet)
    best, doubt = likeliest.best[:count], likeliest.doubt
    return DecodedField(best, labels, None, True, likeliest.exact, likeliest.total, likeliest.meaning, doubt)


def _with_marks(probabilities: Floats, digits: tuple[int, ...], alphabet: Alphabet) -> tuple[int, ...]:
    """Inserts the likeliest marks into the digits."""
    if probabilities[..., len(DIGITS) : -1].max(initial=0.0) >= _MARKED:
        likeliest = ensemble.search(probabilities, None, 1, _SMALL_BUDGET)
        if likeliest.exact and _digits(likeliest.best[0]) == digits:  # as nearly everywhere
            return likeliest.best[0].labels
        for hypothesis in ensemble.search(probabilities, None, _COUNT, _BUDGET).best:
            if _digits(hypothesis) == digits:
                return hypothesis.labels
    return digits


def _digits(hypothesis: Hypothesis) -> tuple[int, ...]:
    return tuple(label for label in hypothesis.labels if label < len(DIGITS))


def _a(kind: str) -> str:
    return f"{'an' if kind == 'amount' else 'a'} {kind}"


def confidence(probability: float, fitted: Confidence | None) -> float:
    """Calibrates a string's probability to the probability that it is right; None leaves it as it is."""
    if fitted is None:
        return probability
    score = fitted.scale * logit(probability) + fitted.offset
    return 1 / (1 + math.exp(-min(max(score, -700.0), 700.0)))


def logit(probability: float) -> float:
    """Returns ln(p / (1 − p)), finite; `Confidence` is fitted on it and applied to it."""
    bounded = min(max(probability, _SURE), 1 - _SURE)
    return math.log(bounded / (1 - bounded))


def raw_text(labels: Sequence[int], alphabet: Alphabet) -> str:
    """Writes labels as a field's `raw`: a point for each separator that may be a comma."""
    return alphabet.text(labels).replace(EITHER, ".")
