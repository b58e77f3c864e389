"""The grammar accepts what regular expressions that were written by themselves match, and `interpret` gives it a value."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decoding.alphabet import DIGITS, EITHER, Alphabet
from serving.decoding.amount_grammar import LOCALES, Form, automaton, canonical
from serving.decoding.amounts import interpret
from serving.decoding.automata import DEAD, Automaton, accepts
from serving.errors import CheckreaderError

NEXT = Alphabet(f"{DIGITS}.,/-x")
TODAY = Alphabet(DIGITS + EITHER)
BOTH = Alphabet(f"{DIGITS}.,{EITHER}/-x")

# Each style as one pattern, with a point and a comma in their places.
_CROSSES = "(x|xx)"
_UNITS = r"(0|[1-9]\d*|[1-9]\d{0,2}(%s\d{3})+%s)"
_ENDING = rf"(%s|[.,]-*|%s\d\d%s|%s?-*\d\d/(100|{_CROSSES})-*|%s?-*{_CROSSES}/(100|{_CROSSES})-*|%s?-+/(100|{_CROSSES})-*)"


def pattern(decimal: str, grouping: str, lakhs: bool) -> str:
    closing = "(-*|/-*)" if lakhs else "(-*|/-+)"
    crores = rf"|[1-9]\d{{0,2}}({grouping}\d\d)+{grouping}\d{{3}}" if lakhs else ""
    return "-*" + _UNITS % (grouping, crores) + _ENDING % (closing, decimal, closing, *(decimal,) * 3)


POINT, COMMA = pattern("[.]", ",", False), pattern(",", "[.]", False)
INDIA = pattern("[.]", ",", True)
PATTERNS = {
    "us": [POINT],
    "en": [POINT],
    "ch": [POINT],
    "in": [INDIA],
    "cl": [COMMA],
    "es": [COMMA],
    "de": [COMMA],
    "fr": [COMMA],
    "auto": [INDIA, COMMA],
}


def matches(raw: str, locale: str | None) -> bool:
    """Tries a point and a comma for each separator that may be either."""
    places = raw.count(EITHER)
    variants = ("".join(_filled(raw, signs)) for signs in itertools.product(".,", repeat=places))
    return any(re.fullmatch(style, text) for text in variants for style in PATTERNS[locale or "auto"])


def _filled(raw: str, signs: tuple[str, ...]) -> list[str]:
    remaining = iter(signs)
    return [next(remaining) if character == EITHER else character for character in raw]


def check(raw: str, alphabet: Alphabet, locale: str | None) -> None:
    accepted = accepts(automaton(alphabet.symbols, locale), alphabet.labels(raw))
    assert accepted is matches(raw, locale), raw
    assert accepted is (interpret(raw, locale).amount is not None), raw


@pytest.mark.parametrize("locale", ["us", "in", "de", "auto"])
@pytest.mark.parametrize(("characters", "length"), [("01.,-", 6), ("01/-x", 7), (f"01{EITHER}", 8)])
def test_all_short_strings(characters: str, length: int, locale: str) -> None:
    for count in range(length + 1):
        for letters in itertools.product(characters, repeat=count):
            check("".join(letters), BOTH, locale)


# Pieces of amounts, so that long strings come close to the rules.
_PIECES = st.sampled_from(
    [*"0159", "25", "250", "1250", ".", ",", EITHER, ".", ",", "-", "/", "x", "/100", "/xx", ",50", ",250"]
)


@settings(deadline=None, max_examples=500)
@given(st.lists(_PIECES, max_size=7).map("".join), st.sampled_from([None, *LOCALES]))
def test_long_strings(raw: str, locale: str | None) -> None:
    if sum(character.isdigit() for character in raw) <= 15:
        check(raw, BOTH, locale)


@settings(deadline=None, max_examples=300)
@given(st.data(), st.sampled_from([NEXT, TODAY]), st.sampled_from([None, *LOCALES]))
def test_what_an_automaton_accepts_has_an_amount(
    data: st.DataObject, alphabet: Alphabet, locale: str | None
) -> None:
    """Strings are walks through the automaton, so that rare rules are met, too."""
    walked = automaton(alphabet.symbols, locale)
    state, labels = walked.start, []
    for _ in range(data.draw(st.integers(0, 14))):
        moves = [label for label in range(walked.step.shape[1]) if walked.step[state, label] != DEAD]
        if not moves:
            break
        labels.append(data.draw(st.sampled_from(moves)))
        state = int(walked.step[state, labels[-1]])
    check(alphabet.text(labels), alphabet, locale)


def texts(accepted: Automaton, alphabet: Alphabet, raws: list[str]) -> list[str]:
    return [raw for raw in raws if accepts(accepted, alphabet.labels(raw))]


def test_rules_without_their_marks_fall_away() -> None:
    assert texts(
        automaton(TODAY.symbols), TODAY, ["1250", f"12{EITHER}50", f"1250{EITHER}", f"1{EITHER}25"]
    ) == [
        "1250",
        f"12{EITHER}50",
        f"1250{EITHER}",
        f"1{EITHER}25",
    ]
    assert automaton(TODAY.symbols, form=Form.HUNDREDTHS).empty
    assert accepts(automaton("0123456789"), (1, 2))


def test_other_symbols_of_a_network_are_in_no_amount() -> None:
    wide = Alphabet(f"{NEXT.symbols}$")
    assert texts(automaton(wide.symbols), wide, ["1250/-", "$1250"]) == ["1250/-"]


@pytest.mark.parametrize("locale", LOCALES)
def test_forms_are_the_parts_of_the_whole(locale: str) -> None:
    """No string has two: its form and its digits give the amount."""
    parts = [automaton(NEXT.symbols, locale, form) for form in Form]
    every = automaton(NEXT.symbols, locale)
    for letters in itertools.product("15.,", "0,.", "0-", "05x/", "/0x-", "1-", "0", "0"):
        labels = NEXT.labels("".join(letters))
        assert sum(accepts(part, labels) for part in parts) == accepts(every, labels)


def test_names_of_one_locale() -> None:
    names = [canonical(locale) for locale in ("us", "en", "cl", "es", "auto", None)]
    assert names == ["us", "us", "cl", "cl", "auto", "auto"]


def test_an_unknown_locale() -> None:
    with pytest.raises(
        CheckreaderError, match="unknown locale 'en-US': the known ones are us, in, cl, de, fr, ch, en"
    ):
        automaton(TODAY.symbols, "en-US")


def test_the_automata_are_small() -> None:
    """The search's time grows with the states."""
    assert len(automaton(NEXT.symbols).step) < 45
    assert len(automaton(TODAY.symbols).step) < 20
