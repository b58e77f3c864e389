"""Finds the likeliest valid date among all strings of a field.

Two exact searches share the strings: those of dates in two digits a part, which are read as numbers are, whatever marks
stand in between, and those with a day or a month of one digit, which mean nothing without their separators.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from serving.decoding import ctc, ensemble
from serving.decoding.alphabet import DIGITS, Alphabet, without_marks
from serving.decoding.automata import accepts
from serving.decoding.ctc import Hypothesis
from serving.decoding.dates import SEPARATOR, SEPARATORS, DateRules
from serving.runtime.network import Floats

SHARE: Final = 0.01
_MARK: Final = "/"  # any separator, in a string
_UNSEEN: Final = 0.01  # separators less likely than this at every step are not searched for
_CLEAR: Final = 0.95  # a string as likely as this is searched for no further
_SHORT: Final = len("ddmmyy")  # the digits that either search may find
_LABELS: Final = Alphabet(DIGITS + _MARK)


@dataclass(frozen=True)
class DatePrediction:
    """The likeliest date of a field.

    Attributes:
        best: its likeliest string, then others, by the network's labels, without marks where the digits are enough. The
            first's probability is that of the date: of all its strings that were found.
        meaning: what they mean; None where there is a doubt.
        doubt: why it means nothing.
        exact: whether no other date can be likelier.
        total: probability of all strings that mean a date.
    """

    best: tuple[Hypothesis, ...]
    meaning: date | None
    doubt: str | None
    exact: bool
    total: float


def predict_date(
    probabilities: Floats, rules: DateRules, alphabet: Alphabet, count: int, budget: int
) -> DatePrediction | None:
    """Finds the likeliest date.

    Strings of one date add up: `5/1/2019`, `05/01/2019`, `050119`. There is a doubt where a string means a date in one
    order and another in another, or where separators that may have been missed would make it another date.

    Args:
        probabilities: float32 [V, T, K], for each view the steps that belong to the field, T ≥ 1.
        rules: what a date has to keep.
        alphabet: of the network's K − 1 symbols.
        count: how many strings to find, for each search.
        budget: of each search, as for `ctc.search`.

    Returns:
        The date; None where no string that keeps the rules has a probability.
    """
    written = _with_separators(probabilities, alphabet)
    searches = [(without_marks(probabilities, alphabet), rules.bare)]
    if written[..., SEPARATOR].max() >= _UNSEEN:
        # The one that settles it is the first.
        searches.insert(not accepts(rules.separated, _greedy(written)), (written, rules.separated))
    strings: dict[str, float] = {}
    total = 0.0
    for views, automaton in searches:
        # What is less than this changes neither the date nor, by much, how likely it is.
        least = min(1 - _CLEAR, max(strings.values(), default=0.0))
        search = ensemble.search(views, automaton, count, budget, least)
        shares = {_LABELS.text(hypothesis.labels): hypothesis.probability for hypothesis in search.best}
        total += search.total - sum(shares.values())
        if len(searches) > 1 and automaton is rules.bare:
            shares = {text: _share_of_digits(text, share, written) for text, share in shares.items()}
        total += sum(shares.values())
        strings |= shares
        if any(_settles(string, share, rules) for string, share in shares.items()):
            break
    if not strings:
        return None
    means = {string: rules.dates(string) for string in strings}
    meanings: dict[frozenset[date], float] = {}
    for string, share in strings.items():
        meanings[means[string]] = meanings.get(means[string], 0.0) + share
    dates, *others = sorted(meanings, key=lambda dates: -meanings[dates])
    probability = meanings[dates]
    ranked = sorted(strings, key=lambda string: (means[string] != dates, -strings[string]))
    best = [
        Hypothesis(_network_labels(string, probabilities, written, alphabet), strings[string])
        for string in ranked
    ]
    best[0] = Hypothesis(best[0].labels, probability)
    unlisted = max(total - sum(strings.values()), 0.0)
    rival = meanings[others[0]] if others else 0.0
    doubt = _doubt(ranked[0], dates, rules, written)
    return DatePrediction(
        tuple(best),
        None if doubt else next(iter(dates)),
        doubt,
        probability >= rival + unlisted,
        min(total, 1.0),
    )


def _with_separators(probabilities: Floats, alphabet: Alphabet) -> Floats:
    """Returns the shares of the digits, of all separators together, of all other marks together, and of the blank."""
    columns = [
        alphabet.labels("".join(mark for mark in alphabet.marks if (mark in SEPARATORS) is separators))
        for separators in (True, False)
    ]
    marks = [probabilities[..., column].sum(-1, keepdims=True) for column in columns]
    return np.concatenate([probabilities[..., :SEPARATOR], *marks, probabilities[..., -1:]], axis=-1)


def _greedy(written: Floats) -> list[int]:
    """Returns the string of the likeliest symbols, step by step."""
    path = written.mean(0).argmax(-1).tolist()
    blank = written.shape[-1] - 1
    return [
        label for label, before in zip(path, [blank, *path], strict=False) if label not in (before, blank)
    ]


def _settles(string: str, probability: float, rules: DateRules) -> bool:
    """Says whether a string is so likely that the other search does not matter, not even for what it means."""
    text = string.replace(_MARK, "")
    return probability >= _CLEAR and (len(text) != _SHORT or len(set(rules.readings(text).values())) == 1)


def _share_of_digits(text: str, share: float, written: Floats) -> float:
    """Returns how likely digits are a date, of their share whatever marks are in between.

    In eight digits marks do not matter. Six are another date, or none, where separators are elsewhere: `2011/1/2`.
    """
    if len(text) != _SHORT or share < SHARE:
        return share
    return _probability(text, written) + _probability(_separated(text), written)


def _separated(string: str) -> str:
    """Returns a string with separators; those of digits alone are behind the second and the fourth."""
    return string if _MARK in string else _MARK.join((string[:2], string[2:4], string[4:]))


def _probability(string: str, written: Floats) -> float:
    return ensemble.probability(written, _LABELS.labels(string))


def _doubt(string: str, dates: frozenset[date], rules: DateRules, written: Floats) -> str | None:
    """Returns why a string does not mean one date, or None if it does."""
    if len(dates) > 1:
        return f"unclear date: it may be {_either(dates)}, as the order of day, month and year is"
    text = string.replace(_MARK, "")
    rivals = {rival: day for rival, day in rules.readings(text).items() if day not in dates}
    if not rivals:
        return None
    others = sum(_probability(_separated(rival), written) for rival in rivals)
    if len(text) == _SHORT:
        others += _probability(text, written)  # separators may have been missed
    if others <= SHARE * _probability(_separated(string), written):
        return None
    return f"unclear date: it may be {_either({*dates, *rivals.values()})}, as its separators stand"


def _either(dates: Iterable[date]) -> str:
    return " or ".join(day.isoformat() for day in sorted(dates))


def _network_labels(
    string: str, probabilities: Floats, written: Floats, alphabet: Alphabet
) -> tuple[int, ...]:
    """Returns a string by the network's labels: for each separator the likeliest mark in its place."""
    labels = _LABELS.labels(string)
    if SEPARATOR not in labels:
        return labels
    view = ensemble.clearest_view(written, labels)
    separators = [label for label, mark in enumerate(alphabet.symbols) if mark in SEPARATORS]
    return tuple(
        label
        if label < SEPARATOR
        else separators[int(probabilities[view][first : last + 1, separators].sum(0).argmax())]
        for label, (first, last, _) in zip(labels, ctc.places(written[view], labels), strict=True)
    )
