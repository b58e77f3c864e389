"""Invents what stands in the cells of forms, and amounts whose cents are a fraction, which a training sees more often."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.synthesis.amount_text import AmountText, fraction, label

_FORMS: Final = ("over hundred", "over crosses", "slanted", "level")
_FORM_SHARES: Final = (0.36, 0.18, 0.28, 0.18)
_NUMERATORS: Final = ("", "00", "xx", "x", "-")  # "" = any two digits
_NUMERATOR_SHARES: Final = (0.52, 0.18, 0.22, 0.03, 0.05)


def cell_text(rng: np.random.Generator) -> AmountText:
    """Invents a number of a form's cell: one to three digits, or a measure with a comma or point, or thousands."""
    chance = rng.random()
    if chance < 0.6:
        return label(_number(int(rng.choice(4, p=[0.15, 0.47, 0.33, 0.05])) + 1, rng))
    sign = "," if rng.random() < 0.6 else "."
    if chance < 0.85:
        places = 1 if rng.random() < 0.7 else 2
        return label(_number(int(rng.integers(1, 4)), rng) + sign + _digits(places, rng))
    thousands = _number(int(rng.integers(1, 3)), rng)
    return label(thousands + sign + (_digits(1, rng) + "00" if rng.random() < 0.7 else _digits(3, rng)))


def fraction_text(rng: np.random.Generator) -> AmountText:
    """Invents an amount in dollars whose cents are a fraction of a hundred, in any of its forms."""
    dollars = int(10 ** rng.uniform(0, 4.3))
    units = f"{dollars:,}" if rng.random() < 0.55 else str(dollars)
    before = ("", "$", "$ ")[int(rng.choice(3, p=[0.66, 0.28, 0.06]))]
    gap = ("", " ", ".", " - ")[int(rng.choice(4, p=[0.4, 0.5, 0.07, 0.03]))]
    numerator = _NUMERATORS[int(rng.choice(len(_NUMERATORS), p=_NUMERATOR_SHARES))] or _digits(2, rng)
    return label(before + units + gap) + fraction(_FORMS[int(rng.choice(4, p=_FORM_SHARES))], numerator)


def _number(count: int, rng: np.random.Generator) -> str:
    """Draws a number of so many digits that begins with no zero."""
    return str(rng.integers(1, 10)) + _digits(count - 1, rng)


def _digits(count: int, rng: np.random.Generator) -> str:
    return "".join(map(str, rng.integers(0, 10, count).tolist()))
