"""Lays checks out: where each field stands on a bank's checks, and how they are printed.

A layout is drawn from its form by a rule whose only randomness is its number, so that a number is a layout for good.
Numbers 41 to 60 are for tests: no training sees them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import numpy as np

from pipeline.synthesis.check_forms import FORMS, Place

Part = Literal["train", "test"]
_Option = TypeVar("_Option")

COUNT: Final = 2_000
TEST: Final = range(41, 61)
PARTS: Final[tuple[Part, ...]] = ("train", "test")
FIELDS: Final = ("amount", "date", "payee", "words", "check_number", "micr", "signature", "memo")
_SEED: Final = 41_060
_ROW_SHIFT: Final = 0.022
_COLUMN_SHIFT: Final = 0.02
# Least and most that what is between date and signature moves down as a block, and how far each field goes with it.
_BLOCK_SHIFTS: Final = {"us": (-0.02, 0.06), "ca": (-0.02, 0.06), "in": (-0.03, 0.03), "gb": (-0.03, 0.03)}
_WITH_BLOCK: Final = {
    "check_number": 0.0, "date": 0.2, "payee": 1.0, "amount": 1.0, "words": 1.0, "words below": 1.0, "bank": 0.8,
    "holder": 0.0, "memo": 0.25, "signature": 0.25,
}  # fmt: skip
_ROWS: Final = {
    "check_number": 0, "date": 1, "payee": 2, "amount": 2, "words": 3, "words below": 4, "memo": 5, "signature": 5,
    "bank": 6, "holder": 7,
}  # fmt: skip


_ORDER: Final = (
    "us personal", "us business", "indian", "us template", "us personal", "canadian", "british", "us business",
    "us personal", "indian",
)  # fmt: skip

BOXES: Final = {"frame": 4, "shaded": 2, "double": 1, "dashed": 1, "corners": 1, "rule": 2, "none": 2}
BORDERS: Final = {"none": 6, "line": 3, "double": 2, "ornate": 3, "bands": 1}
GROUNDS: Final = {
    "plain": 5,
    "waves": 3,
    "guilloche": 4,
    "slants": 2,
    "pantograph": 3,
    "scene": 3,
    "weave": 1,
}


@dataclass(frozen=True)
class Layout:
    """The form of a bank's checks.

    Attributes:
        number: from 1 to `COUNT`.
        form: a key of `FORMS`.
        size: width and height in inches.
        places: of the fields and of what is printed.
        box: how the amount's box is drawn, of `BOXES`.
        sign: what currency sign is printed, "" = none.
        sign_inside: whether it stands inside the box, not before it.
        border, ground: of `BORDERS` and `GROUNDS`.
        strength: how dark the ground is printed, 0 to 1.
        wording: the printed words, by field.
        date_cells: whether the date has a cell for each digit.
        date_order: "mdy", "dmy" or "ymd".
        machine: share of checks that a machine fills in.
        micr_last: position of the MICR line's last symbol, counted from the right edge.
        micr_bottom: inches from the symbols' lower edge to the check's.
        serial: where the MICR line has the check's number: "left", "middle", "right" or "none".
        face, label_face: fonts of the bank's name and of the labels, as indices.
        rules: darkness of the printed lines, 0 to 1; 0 = the fields have none.
        microprint: whether the rules are microprinted text.
        logo: kind of the bank's mark, 0 to 3; 0 = none.
    """

    number: int
    form: str
    size: tuple[float, float]
    places: Mapping[str, Place]
    box: str
    sign: str
    sign_inside: bool
    border: str
    ground: str
    strength: float
    wording: Mapping[str, str]
    date_cells: bool
    date_order: str
    machine: float
    micr_last: int
    micr_bottom: float
    serial: str
    face: int
    label_face: int
    rules: float
    microprint: bool
    logo: int

    @property
    def country(self) -> str:
        """Returns "us", "ca", "in" or "gb"."""
        return FORMS[self.form].country


def numbers(part: Part) -> tuple[int, ...]:
    """Returns the numbers of a part's layouts; no layout is in both."""
    return tuple(number for number in range(1, COUNT + 1) if (number in TEST) == (part == "test"))


@functools.cache
def layout(number: int) -> Layout:
    """Returns the layout of a number from 1 to `COUNT`."""
    if not 1 <= number <= COUNT:
        raise ValueError(f"layout {number}: expected a number from 1 to {COUNT}")
    rng = np.random.default_rng([_SEED, number])
    name = _ORDER[number % len(_ORDER)]
    form = FORMS[name]
    date_cells = rng.random() < form.date_cells
    orders = {"us": "mdy", "in": "dmy", "gb": "dmy", "ca": ("mdy", "dmy", "ymd")[int(rng.random() * 3)]}
    return Layout(
        number=number,
        form=name,
        size=_pick(form.sizes, rng),
        places=_places(name, rng),
        box=choose(BOXES, rng),
        sign=_pick(form.signs, rng),
        sign_inside=rng.random() < 0.35,
        border=choose(BORDERS, rng) if name != "us template" else _pick(("ornate", "line", "double"), rng),
        ground=choose(GROUNDS, rng) if name != "us template" else _pick(("plain", "plain", "weave"), rng),
        strength=0.15 + 0.85 * rng.random(),
        wording={field: _pick(options, rng) for field, options in form.wording.items()},
        date_cells=date_cells,
        date_order=orders[form.country],
        machine=form.machine,
        micr_last=form.last[0] + int(rng.random() * (form.last[1] - form.last[0] + 1)),
        micr_bottom=0.22 + 0.07 * rng.random(),
        serial=_pick(form.serial, rng),
        face=int(rng.random() * 1000),
        label_face=int(rng.random() * 1000),
        rules=0.0 if rng.random() < 0.08 else 0.3 + 0.6 * rng.random(),
        microprint=rng.random() < 0.2,
        logo=int(rng.random() * 4),
    )


def choose(shares: Mapping[str, float], rng: np.random.Generator) -> str:
    """Draws a key with the frequency that its share says."""
    place = rng.random() * sum(shares.values())
    for choice, share in shares.items():
        place -= share
        if place < 0:
            return choice
    return choice


def _pick(options: tuple[_Option, ...], rng: np.random.Generator) -> _Option:
    return options[int(rng.random() * len(options))]


def _places(name: str, rng: np.random.Generator) -> dict[str, Place]:
    """Moves the form's rows up and down and its fields to the sides; at times fields change places."""
    places = dict(FORMS[name].places)
    swapped, window, low, beside = rng.random(4)
    if name.startswith("us") and swapped < 0.2:
        (left, top, right, bottom), (first, upper, last, lower) = places["payee"], places["words"]
        places["payee"] = left, upper, right, lower
        places["words"] = first, top, min(last, 0.72), bottom
    if name == "us business":
        if window < 0.3:  # the payee's address is seen through the envelope's window
            left, _, right, _ = places["payee"]
            places["payee"] = left, 0.54, right, 0.61
        if low < 0.15:
            left, _, right, _ = places["amount"]
            places["amount"] = left, 0.52, right, 0.6
        if beside < 0.15:  # a row of number, date and amount
            places["check_number"] = 0.5, 0.19, 0.6, 0.26
    lowest, highest = _BLOCK_SHIFTS[FORMS[name].country]
    block = lowest + (highest - lowest) * rng.random()
    shifts = (rng.random(8) * 2 - 1) * _ROW_SHIFT
    moved = {}
    for field, (left, top, right, bottom) in places.items():
        shift = shifts[_ROWS[field]] + block * _WITH_BLOCK[field]
        first, last = (rng.random(2) * 2 - 1) * _COLUMN_SHIFT
        if field in ("amount", "date", "check_number"):
            first = last + first * 0.3  # they move as a whole
        edges = max(0.02, left + first), top + shift, min(0.985, right + last), bottom + shift
        moved[field] = (float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3]))
    payee, amount = moved["payee"], moved["amount"]
    if amount[1] < payee[3] and payee[1] < amount[3]:  # in one row
        moved["payee"] = payee[0], payee[1], min(payee[2], amount[0] - 0.05), payee[3]
    return moved
