"""Invents the texts of MICR lines as banks of several countries lay them out.

A = transit, B = amount, C = on-us, D = dash; a space is a position left blank. All numbers are invented.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

Layout = Callable[[np.random.Generator], str]

_WEIGHTS: Final = (3, 7, 1, 3, 7, 1, 3, 7)
_SHORTEST: Final = 4  # symbols of a part
_PREFIXES: Final = (*range(1, 13), *range(21, 33), *range(61, 73))  # of routing numbers in use


def micr_text(rng: np.random.Generator) -> str:
    """Invents the text of one line, or of a part of one as crops show it."""
    layouts, shares = zip(*_LAYOUTS, strict=True)
    text: str = layouts[rng.choice(len(layouts), p=np.array(shares) / sum(shares))](rng)
    if rng.random() < 0.3 and len(text) > 12:
        length = int(rng.integers(8, len(text)))
        start = int(rng.integers(0, len(text) - length + 1))
        part = text[start : start + length].strip()
        if len(part) >= _SHORTEST:  # in front of an amount a line may be blank for longer than a crop
            text = part
    return text


def routing_number(rng: np.random.Generator) -> str:
    """Invents an ABA routing number: nine digits, the last of which checks the others."""
    first = f"{rng.choice(_PREFIXES):02d}{_digits(rng, 6)}"
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first, strict=True))
    return f"{first}{-total % 10}"


def _digits(rng: np.random.Generator, least: int, most: int | None = None) -> str:
    count = least if most is None else int(rng.integers(least, most + 1))
    if rng.random() < 0.25:  # leading zeros fill fields up, and test checks hold little else
        tail = int(rng.integers(0, count + 1))
        return "0" * (count - tail) + _digits(rng, tail) if tail < count else "0" * count
    return "".join(map(str, rng.integers(0, 10, count)))


def _gap(rng: np.random.Generator, most: int = 3) -> str:
    return " " * int(rng.integers(0, most + 1))


def _amount(rng: np.random.Generator, share: float) -> str:
    """Invents an encoded amount in front of which the line is blank, or none."""
    if rng.random() >= share:
        return ""
    return f"{' ' * int(rng.integers(0, 16))}B{_digits(rng, int(rng.integers(2, 8))).zfill(10)}B"


def _account(rng: np.random.Generator, least: int, most: int) -> str:
    """Invents an account number, at times with blanks or dashes inside."""
    text = _digits(rng, least, most)
    for mark, share in (("D", 0.15), (" ", 0.2)):
        if rng.random() < share and len(text) > 4:
            at = int(rng.integers(2, len(text) - 1))
            text = text[:at] + mark + text[at:]
    return text


def _personal(rng: np.random.Generator) -> str:
    """United States, a person's check."""
    serial = _digits(rng, 3, 5)
    on_us = f"{_account(rng, 6, 14)}C"
    behind = f"{on_us}{_gap(rng)}{serial}" if rng.random() < 0.6 else f"{serial}{_gap(rng)}{on_us}"
    return f"A{routing_number(rng)}A{_gap(rng)}{behind}{_amount(rng, 0.35)}"


def _business(rng: np.random.Generator) -> str:
    """United States, a firm's check: its number stands left of the routing number."""
    serial = f"C{_digits(rng, 4, 10)}C"
    digit = _digits(rng, 1) if rng.random() < 0.05 else ""
    account = f"{_account(rng, 4, 17)}C"
    return f"{serial}{_gap(rng)}{digit}A{routing_number(rng)}A{_gap(rng)}{account}{_amount(rng, 0.35)}"


def _old(rng: np.random.Generator) -> str:
    """United States, a routing number of eight digits with a dash."""
    return f"A{_digits(rng, 4)}D{_digits(rng, 4)}A{_gap(rng)}{_account(rng, 5, 12)}C{_amount(rng, 0.3)}"


def _canadian(rng: np.random.Generator) -> str:
    code = f"{_gap(rng)}{_digits(rng, 2)}" if rng.random() < 0.3 else ""
    branch = f"A{_digits(rng, 5)}D{_digits(rng, 3)}A"
    return f"C{_digits(rng, 3, 8)}C{_gap(rng)}{branch}{_gap(rng)}{_account(rng, 7, 12)}C{code}{_amount(rng, 0.3)}"


def _indian(rng: np.random.Generator) -> str:
    account = f"{_gap(rng, 2)}{_digits(rng, 6)}C" if rng.random() < 0.8 else ""
    code = f"{_digits(rng, 9)}A"
    return f"C{_digits(rng, 6)}C{_gap(rng)}{code}{account}{_gap(rng, 4)}{_digits(rng, 2)}{_amount(rng, 0.2)}"


def _british(rng: np.random.Generator) -> str:
    code = f"{_gap(rng, 4)}{_digits(rng, 2)}" if rng.random() < 0.6 else ""
    sort_code = f"{_digits(rng, 2)}D{_digits(rng, 4)}A"
    account = f"{_account(rng, 8, 8)}C"
    return f"C{_digits(rng, 6)}C{_gap(rng)}{sort_code}{_gap(rng)}{account}{code}{_amount(rng, 0.2)}"


def _branch_first(rng: np.random.Generator) -> str:
    """Pakistan, Malaysia and others: number, bank and branch, account, code."""
    dash = "D" if rng.random() < 0.7 else ""
    branch = f"{_digits(rng, 2, 4)}{dash}{_digits(rng, 3, 5)}A"
    code = f"{_gap(rng, 4)}{_digits(rng, 1, 3)}" if rng.random() < 0.8 else ""
    return f"C{_digits(rng, 5, 8)}C{_gap(rng)}{branch}{_gap(rng)}{_account(rng, 8, 16)}C{code}{_amount(rng, 0.2)}"


def _any_order(rng: np.random.Generator) -> str:
    """Fields of any length between any symbols, so that no order is learned."""
    parts = [
        rng.choice(list("AABCCD")) + _digits(rng, int(rng.integers(0, 12))) + _gap(rng, 2)
        for _ in range(rng.integers(2, 7))
    ]
    return "".join(parts).strip()


def _any_symbols(rng: np.random.Generator) -> str:
    """Symbols in no order at all."""
    return "".join(rng.choice(list("0123456789ABCD "), int(rng.integers(6, 30)))).strip() or "0"


_LAYOUTS: Final[tuple[tuple[Layout, float], ...]] = (
    (_personal, 0.22),
    (_business, 0.16),
    (_old, 0.04),
    (_canadian, 0.1),
    (_indian, 0.1),
    (_british, 0.1),
    (_branch_first, 0.1),
    (_any_order, 0.1),
    (_any_symbols, 0.08),
)
