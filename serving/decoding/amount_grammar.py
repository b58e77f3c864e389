"""Describes written amounts of money as a finite automaton over a network's symbols.

In the terms of a regular expression, with `d` the decimal sign and `g` the grouping sign of a locale:

    amount      filling* units (whole | cents | hundredths | crosses)
    units       0 | [1-9][0-9]* | [1-9][0-9]{0,2} (g [0-9]{3})+ | [1-9][0-9]{0,2} (g [0-9]{2})+ g [0-9]{3}
    whole       closing | [.,] filling* | d? filling* ("xx" | "x" | "-") "/" ("xx" | "x") filling*
    cents       d [0-9]{2} closing | d? filling* [0-9]{2} "/" ("xx" | "x") filling*
    hundredths  d? filling* [0-9]{2} "/100" filling*
    crosses     d? filling* ("xx" | "x" | "-") "/100" filling*
    closing     filling* | "/" filling+
    filling     "-"

The last kind of units, lakh and crore, is India's, where a closing may be a stroke alone; "150,00,000" is written, too. An apostrophe or a gap between groups
is no symbol of the network: it shows as nothing, or as the sign that is not the decimal one. "=" shows as dashes. `alphabet.EITHER` stands for a point or a comma. Rules with marks that an alphabet lacks fall away.
Raised cents have no mark; `amounts.raised_cents` takes them from the digits' places.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from serving.decoding.alphabet import DIGITS, EITHER
from serving.decoding.automata import Automaton
from serving.decoding.expressions import Expression, symbols
from serving.decoding.locales import STYLES, NumberStyle
from serving.errors import CheckreaderError

AUTO: Final = "auto"  # any of the styles
# As a locale was called that has a name of its own now.
_ALIASES: Final = {"en": "us", "es": "cl"}
LOCALES: Final = (*STYLES, *_ALIASES, AUTO)
_SEPARATORS: Final = ".,"


class Form(Enum):
    """How an amount says its cents; with its digits alone this gives the amount.

    Attributes:
        denominator: whether the last three digits are those of "/100", and none of the value.
        cents: whether the value's last two digits are cents.
    """

    WHOLE = False, False
    CENTS = False, True
    HUNDREDTHS = True, True
    CROSSES = True, False

    def __init__(self, denominator: bool, cents: bool) -> None:
        self.denominator = denominator
        self.cents = cents


@dataclass(frozen=True)
class _Signs:
    """What a style's numbers look like to the network: the decimal sign, the grouping sign, whether there are lakhs."""

    decimal: str
    grouping: str
    lakhs: bool


@functools.lru_cache(maxsize=128)
def automaton(alphabet: str, locale: str | None = None, form: Form | None = None) -> Automaton:
    """Builds the automaton that accepts written amounts.

    Args:
        alphabet: the network's symbols.
        locale: one of `LOCALES`; None is `AUTO`, which accepts what any other one does.
        form: of the amounts; None accepts every form.

    Raises:
        CheckreaderError: an unknown locale.
    """
    # In a fixed order, so that the states' numbers are the same in every process.
    ordered = sorted(_signs(locale), key=lambda signs: (signs.decimal, signs.lakhs))
    amounts = [_amount(signs, kind, alphabet) for signs in ordered for kind in ([form] if form else Form)]
    return functools.reduce(operator.or_, amounts).automaton(len(alphabet))


def canonical(locale: str | None) -> str:
    """Returns the name of a locale that has several, and `AUTO` for None; raises CheckreaderError for an unknown one."""
    if locale is not None and locale not in LOCALES:
        raise CheckreaderError(f"unknown locale {locale!r}: the known ones are {', '.join(LOCALES)}")
    return _ALIASES.get(locale or AUTO, locale or AUTO)


def _signs(locale: str | None) -> frozenset[_Signs]:
    name = canonical(locale)
    styles = STYLES.values() if name == AUTO else [STYLES[name]]
    return frozenset(map(_appearance, styles))


def _appearance(style: NumberStyle) -> _Signs:
    (other,) = set(_SEPARATORS) - {style.decimal}
    return _Signs(
        style.decimal, style.grouping if style.grouping in _SEPARATORS else other, style.sizes[1] == 2
    )


def _amount(signs: _Signs, form: Form, alphabet: str) -> Expression:
    """Returns the expression of the module's docstring."""

    def shown(*characters: str) -> Expression:
        either = EITHER if set(characters) & set(_SEPARATORS) else ""
        return symbols(alphabet.index(symbol) for symbol in (*characters, *either) if symbol in alphabet)

    digit, leading, filling = shown(*DIGITS), shown(*DIGITS[1:]), shown("-")
    decimal, grouping, stroke = shown(signs.decimal), shown(signs.grouping), shown("/")
    first = leading + digit.repeated(0, 2)
    last = grouping + digit.repeated(3, 3)
    units = shown("0") | leading + digit.repeated() | first + last.repeated(1)
    if signs.lakhs:
        units |= first + (grouping + digit.repeated(2, 2)).repeated(1) + last
    gap = decimal.repeated(0, 1) + filling.repeated()
    crosses, cents = shown("x").repeated(1, 2), digit.repeated(2, 2)
    hundred = stroke + shown("1") + shown("0") + shown("0") + filling.repeated()
    over_crosses = stroke + crosses + filling.repeated()
    closing = filling.repeated() | stroke + filling.repeated(0 if signs.lakhs else 1)
    no_cents = gap + (crosses | filling)
    endings = {
        Form.WHOLE: closing | shown(*_SEPARATORS) + filling.repeated() | no_cents + over_crosses,
        Form.CENTS: decimal + cents + closing | gap + cents + over_crosses,
        Form.HUNDREDTHS: gap + cents + hundred,
        Form.CROSSES: no_cents + hundred,
    }
    return filling.repeated() + units + endings[form]
