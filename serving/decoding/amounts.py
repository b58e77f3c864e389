"""Interprets written strings as amounts of money, or says why there is none.

A factor of 100 is the worst error there is: the meaning of a separator is
decided from all groups of digits together, and whatever does not fit
completely is a doubt, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from serving.decoding import amount_grammar, amount_meanings
from serving.decoding.alphabet import DIGITS, EITHER, Alphabet
from serving.decoding.amount_grammar import Form
from serving.decoding.automata import accepts

MAX_DIGITS = 15
_THOUSANDS = 3
_CENTS = 2
_WRITTEN: Final = Alphabet(f"{DIGITS}.,{EITHER}/-x")
_SEPARATORS: Final = f".,{EITHER}"
_DENOMINATOR: Final = "100"


@dataclass(frozen=True)
class Amount:
    """Either `amount`, digits with a decimal point before cents ("1250", "1250.50"), or `doubt`.

    `digits` are the places in the written string of the value's digits; of all digits, where there is a doubt.
    """

    amount: str | None
    doubt: str | None
    digits: tuple[int, ...] = ()


def interpret(raw: str, locale: str | None = None) -> Amount:
    """Interprets a written string as an amount.

    Money has no decimals or two, so three digits after a separator are
    thousands and two at the end are cents:

    | written | means | because |
    |---|---|---|
    | `1250` | 1250 | no separator: whole units |
    | `16·228`, `1·250·000` | 16228, 1250000 | only groups of three after the first: thousands |
    | `1,50,000`, `2,14,00,000` | 150000, 21400000 | groups of two before the last one of three: lakh and crore |
    | `12·50`, `1250·50`, `0·50` | 12.50, 1250.50, 0.50 | two digits after the last separator: cents |
    | `1·250·50` | 1250.50 | thousands, then cents |
    | `12550/100`, `125.50/100`, `125-50/100` | 125.50 | hundredths; the denominator is no digit of the value |
    | `12550/xx` | 125.50 | crosses below say a hundred |
    | `125xx/100`, `125-/100`, `125xx/xx` | 125 | no hundredths |
    | `1250/-`, `1250-`, `1250.-`, `1250,`, `--1250` | 1250 | closings behind, and filling in front, mean nothing |

    Doubt arises, and there is no amount, where

    - a group has another length: `12·5`, `1·2345`, `1·25·50`, `1250·000`;
    - a group is empty: `·50`, `1··250` (a digit or a mark may have been missed);
    - a number begins with a zero that no amount has: `007`, `050`, `0·500` (a separator may have been missed);
    - known characters contradict each other: thousands and cents after the same one, `1.250.50`,
      or thousands after both, `1.250,500`;
    - the locale writes it otherwise: `1.250`, `12,50`, `1,50,000` and `1250/` in "us", `1,250` and `12.50` in "de";
    - a mark stands where no amount has it: `12-50`, `50/100`;
    - there are no digits, or more than 15.

    There is an amount for exactly what `amount_grammar` accepts, up to 15 digits. Amounts with three decimals (Kuwait,
    Tunisia) are read as thousands and are not for this function.

    Args:
        raw: ASCII digits, "." and "," where the character is known, `EITHER` where it is not, "/", "-", and "x" for
            a cross.
        locale: one of `amount_grammar.LOCALES`; None where any may be meant.

    Raises:
        CheckreaderError: an unknown locale.
        ValueError: other characters in `raw`.
    """
    amount = _clear(raw, locale)
    if amount is None:
        return Amount(None, f"unclear amount: {_fault(raw, locale)}", digit_places(raw))
    return amount


def raised_cents(raw: str, locale: str | None = None) -> Amount | None:
    """Interprets the last two digits as cents, raised or underlined instead of marked off by a sign.

    Args:
        raw, locale: as for `interpret`, which raises the same errors.

    Returns:
        None where no amount is written so: there is a sign already, or nothing before the two digits.
    """
    places = digit_places(raw)
    if len(places) <= _CENTS:
        return None
    first = places[-_CENTS]
    amount = _clear(raw[:first] + EITHER + raw[first:], locale)
    if amount is None:
        return None
    return replace(amount, digits=tuple(place - (place > first) for place in amount.digits))


def _clear(raw: str, locale: str | None) -> Amount | None:
    """Interprets a string; returns None where there is a doubt."""
    labels = _labels(raw)
    places = digit_places(raw)
    if not _accepted(labels, locale) or len(places) > MAX_DIGITS:
        return None
    form = _form(raw, places[-1])
    value = places[: -len(_DENOMINATOR)] if form.denominator else places
    return Amount(amount_meanings.amount(digits_of(raw), form), None, value)


def digits_of(raw: str) -> str:
    """Returns the digits of a string alone."""
    return "".join(filter(DIGITS.__contains__, raw))


def digit_places(raw: str) -> tuple[int, ...]:
    """Returns where a string's digits are."""
    return tuple(place for place, character in enumerate(raw) if character in DIGITS)


def _labels(raw: str) -> tuple[int, ...]:
    try:
        return _WRITTEN.labels(raw)
    except ValueError:
        raise ValueError(f"an amount has digits and the marks {_WRITTEN.marks} only, got {raw!r}") from None


def _accepted(labels: Sequence[int], locale: str | None) -> bool:
    return accepts(amount_grammar.automaton(_WRITTEN.symbols, locale), labels)


def _form(raw: str, last: int) -> Form:
    """Returns the form of a string that the grammar accepts; `last` is its last digit's place."""
    numerator, stroke, _ = raw.partition("/" + _DENOMINATOR)
    if stroke:
        return Form.HUNDREDTHS if numerator[-1] in DIGITS else Form.CROSSES
    marked_off = last >= _CENTS and raw[last - _CENTS] in _SEPARATORS
    return Form.CENTS if marked_off or raw.startswith("/x", last + 1) else Form.WHOLE


def _fault(raw: str, locale: str | None) -> str:
    """Says why a string is no amount."""
    digits = len(digit_places(raw))
    if not digits:
        return "there are no digits"
    if digits > MAX_DIGITS:
        return f"{digits} digits are more than the {MAX_DIGITS} that an amount has"
    if _accepted(_labels(raw), None):
        return f"locale {locale!r} has its marks elsewhere"
    core = re.sub(rf"(/-*|[{_SEPARATORS}]?-*)$", "", raw.lstrip("-"))
    groups = re.split(f"[{_SEPARATORS}]", core)
    misplaced = "a mark stands where no amount has it"
    if not all(character in DIGITS + _SEPARATORS for character in core):
        return misplaced
    cents = len(groups) > 1 and len(groups[-1]) == _CENTS
    separators = re.findall(f"[{_SEPARATORS}]", core)
    return (
        _malformed(groups, groups[:-1] if cents else groups) or _contradiction(separators, cents) or misplaced
    )


def _malformed(groups: list[str], units: list[str]) -> str | None:
    """Returns the fault in the lengths of the groups of digits; `units` are all of them but the cents."""
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


def _contradiction(separators: list[str], cents: bool) -> str | None:
    """Returns the fault in the characters, as far as they are known."""
    thousands = separators[:-1] if cents else separators
    decimal = separators[-1:] if cents else []
    grouping = {character for character in thousands if character != EITHER}
    pointing = {character for character in decimal if character != EITHER}
    if len(grouping) > 1:
        return "thousands are separated by a point and by a comma"
    if grouping & pointing:
        return "the same character separates thousands and cents"
    return None
