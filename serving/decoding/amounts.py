"""Interprets written strings as amounts of money, or says why there is none.

A factor of 100 is the worst error there is: the meaning of a separator is
decided from all groups of digits together, and whatever does not fit
completely is a doubt, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from serving.decoding.alphabet import DIGITS, EITHER, Alphabet
from serving.decoding.ctc import Hypothesis
from serving.errors import CheckreaderError

LOCALES = {"en": ".", "de": ",", "es": ","}  # the decimal character; the other one groups thousands
MAX_DIGITS = 15
SHARE = 0.01
_THOUSANDS = 3
_CENTS = 2


@dataclass(frozen=True)
class Amount:
    """Either `amount`, digits with a decimal point before cents ("1250", "1250.50"), or `doubt`."""

    amount: str | None
    doubt: str | None


@dataclass(frozen=True)
class AmountPrediction:
    """The likeliest amount of a field.

    Attributes:
        labels: its likeliest string, as the decoder's labels.
        raw: the same as characters.
        text: the digits alone.
        amount: its meaning.
        probability: of all hypotheses with this text and this meaning together.
    """

    labels: tuple[int, ...]
    raw: str
    text: str
    amount: Amount
    probability: float


def interpret(raw: str, locale: str | None = None) -> Amount:
    """Interprets a string of digits and separators as an amount.

    Money has no decimals or two, so three digits after a separator are
    thousands and two at the end are cents:

    | written | means | because |
    |---|---|---|
    | `1250` | 1250 | no separator: whole units |
    | `16·228`, `1·250·000` | 16228, 1250000 | only groups of three after the first: thousands |
    | `12·50`, `1250·50`, `0·50` | 12.50, 1250.50, 0.50 | two digits after the only separator: cents |
    | `1·250·50` | 1250.50 | thousands, then cents |

    Doubt arises, and there is no amount, where

    - a group has another length: `12·5`, `1·2345`, `1·25·50`, `1250·000`;
    - a group is empty: `·50`, `12·`, `1··250` (a digit or a mark may have been missed);
    - a number begins with a zero that no amount has: `007`, `050`, `0·500` (a separator may have been missed);
    - known characters contradict each other: thousands and cents after the same one, `1.250.50`,
      or thousands after both, `1.250,500`;
    - known characters contradict the locale: `1.250` and `12,50` in "en", `1,250` and `12.50` in "de";
    - there are no digits, or more than 15.

    Amounts with three decimals (Kuwait, Tunisia) are read as thousands and are not for this function.

    Args:
        raw: ASCII digits, "." and "," where the character is known, `EITHER` where it is not.
        locale: a key of `LOCALES`, or None where both uses are possible.

    Raises:
        CheckreaderError: an unknown locale.
        ValueError: other characters in `raw`.
    """
    if locale is not None and locale not in LOCALES:
        raise CheckreaderError(f"unknown locale {locale!r}: the known ones are {', '.join(LOCALES)}")
    if not re.fullmatch(f"[0-9.,{EITHER}]*", raw):
        raise ValueError(f"an amount has digits and separators only, got {raw!r}")
    groups = re.split(f"[.,{EITHER}]", raw)
    separators = re.findall(f"[.,{EITHER}]", raw)
    cents = len(groups) > 1 and len(groups[-1]) == _CENTS
    units = groups[:-1] if cents else groups
    doubt = _malformed(groups, units) or _contradiction(separators, cents, locale)
    if doubt:
        return Amount(None, f"unclear amount: {doubt}")
    return Amount("".join(units) + ("." + groups[-1] if cents else ""), None)


def predict_amount(
    hypotheses: Sequence[Hypothesis],
    alphabet: Alphabet,
    locale: str | None = None,
    share: float = SHARE,
    of_text: Callable[[tuple[int, ...]], float] | None = None,
) -> AmountPrediction:
    """Finds the likeliest amount among the decoder's strings, which differ also in separators.

    "1250" and "1·250" mean the same, so their probabilities add up; "12·50" is
    a rival: the same digits, another amount (or none). If the rivals are more
    than `share` as likely as the best, that is a doubt and there is no amount.

    Args:
        hypotheses: one or more strings; the more, the less a rival can hide among those left out.
        alphabet: of their labels.
        locale: as for `interpret`.
        share: how likely rivals may be, relative to the best.
        of_text: total probability of a string of digits whatever its separators; with it no rival can
            hide: `lambda digits: ctc.probability(without_marks(probabilities, alphabet), digits)`.

    Raises:
        CheckreaderError: an unknown locale.
        ValueError: no hypotheses.
    """
    if not hypotheses:
        raise ValueError("nothing to weigh")
    predictions: dict[tuple[str, str | None], AmountPrediction] = {}
    for hypothesis in sorted(hypotheses, key=lambda hypothesis: -hypothesis.probability):
        raw = alphabet.text(hypothesis.labels)
        text = digits_of(raw)
        amount = interpret(raw, locale)
        prediction = AmountPrediction(hypothesis.labels, raw, text, amount, hypothesis.probability)
        likelier = predictions.get((text, amount.amount))
        if likelier is not None:
            prediction = replace(likelier, probability=likelier.probability + hypothesis.probability)
        predictions[text, amount.amount] = prediction
    best = max(predictions.values(), key=lambda prediction: prediction.probability)
    if best.amount.amount is None:
        return best
    rivals = [rival for rival in predictions.values() if rival.text == best.text and rival is not best]
    weight = sum(rival.probability for rival in rivals)
    if of_text is not None:
        digits = alphabet.labels(best.text)
        weight = max(weight, of_text(digits) - best.probability)
    if weight <= share * best.probability:
        return best
    other = max(rivals, key=lambda rival: rival.probability).raw if rivals else "other separators"
    part = weight / (weight + best.probability)
    doubt = f"unclear amount: {best.raw} may be {other}, probability {part:.2g} that it is not as written"
    return replace(best, amount=Amount(None, doubt))


def digits_of(raw: str) -> str:
    """Returns the digits of a string alone."""
    return "".join(character for character in raw if character in DIGITS)


def _malformed(groups: list[str], units: list[str]) -> str | None:
    """Returns the fault in the lengths of the groups of digits; `units` are all of them but the cents."""
    digits = sum(map(len, groups))
    if not digits:
        return "there are no digits"
    if digits > MAX_DIGITS:
        return f"{digits} digits are more than the {MAX_DIGITS} that an amount has"
    if not all(groups):
        return "a separator without digits on both sides"
    first, *thousands = units
    if len(first) > _THOUSANDS and thousands:
        return f"{len(first)} digits before a separator that is followed by three"
    if any(len(group) != _THOUSANDS for group in thousands):
        # Cents are not among them, so the last group shows what else it could be.
        lengths = "-".join(str(len(group)) for group in groups)
        return f"groups of {lengths} digits are neither thousands nor cents"
    if first.startswith("0") and (thousands or first != "0"):
        return "it begins with a zero"
    return None


def _contradiction(separators: list[str], cents: bool, locale: str | None) -> str | None:
    """Returns the fault in the characters, as far as they are known."""
    thousands = separators[:-1] if cents else separators
    decimal = separators[-1:] if cents else []
    grouping = {character for character in thousands if character != EITHER}
    pointing = {character for character in decimal if character != EITHER}
    if len(grouping) > 1:
        return "thousands are separated by a point and by a comma"
    if grouping & pointing:
        return "the same character separates thousands and cents"
    if locale is not None and (LOCALES[locale] in grouping or pointing - {LOCALES[locale]}):
        return f"a point or comma is not where locale {locale!r} has it"
    return None
