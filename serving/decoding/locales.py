"""How countries write numbers; made from the Unicode CLDR 49 by `scripts/make_locales.py`, not edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written.

    Attributes:
        decimal: the sign before cents, a point or a comma.
        grouping: the sign between groups of digits: a point, a comma, an apostrophe or a space.
        sizes: digits of the last group before the cents, and of each group before it.
    """

    decimal: str
    grouping: str
    sizes: tuple[int, int]


STYLES: Final = {
    "us": NumberStyle(".", ",", (3, 3)),
    "in": NumberStyle(".", ",", (3, 2)),
    "cl": NumberStyle(",", ".", (3, 3)),
    "de": NumberStyle(",", ".", (3, 3)),
    "fr": NumberStyle(",", " ", (3, 3)),
    "ch": NumberStyle(".", "'", (3, 3)),
}
