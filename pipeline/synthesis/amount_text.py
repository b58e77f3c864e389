"""Invents the texts of synthetic fields: amounts and numbers, with marks around them.

Labels name what is to be read, left to right: digits, and a point or comma
**that a digit follows**. Everything else (a currency sign before the amount,
".-", "=", "**", a lone point or comma after it) has no label, so that the
network learns to read nothing there. A slash comes only before a dash ("/-"):
alone it would be some writer's one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

# Marks around the digits with their relative frequencies.
_BEFORE: Final = {"$": 5, "#": 1, "=": 1, "-": 1, "*": 1, "**": 1}
_AFTER: Final = {
    ",": 16, ".": 16, ".-": 18, "-": 16, "=": 12, "—": 6, ",-": 4, ".=": 4, "--": 3, "**": 3, "~": 2, ".—": 2, "#": 1,
    ";": 1, "/-": 3, ".,": 2, "-.": 2, ".--": 1, "-#": 2,
}  # fmt: skip


@dataclass(frozen=True)
class AmountText:
    """A field's characters with their labels.

    Attributes:
        chars: the characters; a space is a wide gap.
        labels: for each character itself where it is to be read, else None.
        raised: index of the first raised character; the length of `chars` where none is.
    """

    chars: str
    labels: tuple[str | None, ...]
    raised: int

    def text(self) -> str:
        """Returns what the network is to read, left to right."""
        return "".join(label for label in self.labels if label is not None)


def random_text(rng: np.random.Generator) -> AmountText:
    """Invents a field's text; three in five are amounts of two to seven digits, many of them round."""
    kind, raised = rng.random(), -1
    if kind < 0.64:
        text = _amount(rng)
    elif kind < 0.75:
        text = _amount(rng)
        style = rng.random()
        if style < 0.25:  # small raised cents
            text += ("", " ", ".", ",")[int(rng.integers(4))]
            raised = len(text)
        else:
            text += "." if style < 0.65 else ","
        text += "00" if rng.random() < 0.3 else f"{rng.integers(100):02d}"
    elif kind < 0.82:
        text = str(rng.integers(10)) * int(rng.integers(1, 5))
        text += str(rng.integers(10)) if rng.random() < 0.5 else ""
    else:
        text = "".join(map(str, rng.integers(0, 10, rng.integers(1, 11))))
    before = _choose(_BEFORE, rng) if rng.random() < 0.08 else ""
    after = _choose(_AFTER, rng) if rng.random() < 0.4 else ""
    if after and rng.random() < 0.25:
        after = " " + after
    return label(text, before, after, raised)


def label(text: str, before: str = "", after: str = "", raised: int = -1) -> AmountText:
    """Labels digits, separators and spaces with marks around them; `raised` counts in `text`, -1 = nothing is raised."""
    chars = before + text + after
    last = len(before) + max((i for i, char in enumerate(text) if char.isdigit()), default=-1)
    labels = tuple(
        char if char.isdigit() or (char in ".," and len(before) <= i < last) else None
        for i, char in enumerate(chars)
    )
    return AmountText(chars, labels, len(chars) if raised < 0 else len(before) + raised)


def _amount(rng: np.random.Generator) -> str:
    digits = 2 + int(np.searchsorted((0.06, 0.26, 0.57, 0.87, 0.97), rng.random()))
    number = rng.integers(10, size=digits)
    # First digits of amounts are small ones more often (Benford 1938).
    number[0] = int(10 ** rng.random()) if rng.random() < 0.6 else rng.integers(1, 10)
    if rng.random() < 0.42:
        number[int(rng.integers(1, digits)) :] = 0
    text = "".join(map(str, number))
    style = rng.random()
    if digits > 3 and style < 0.65:
        text = f"{int(text):,}".replace(",", "." if style < 0.45 else "," if style < 0.53 else " ")
    return text


def _choose(shares: dict[str, int], rng: np.random.Generator) -> str:
    place = rng.random() * sum(shares.values())
    for text, share in shares.items():
        place -= share
        if place < 0:
            return text
    return text
