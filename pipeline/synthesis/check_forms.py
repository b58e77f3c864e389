"""Lists the forms of checks in four countries: their sizes, where their fields stand, and what is printed on them.

Places follow where fields lie on 60 real checks, and the standards of each country: CTS-2010 (India),
CPA 006 (Canada), ANSI X9.100-160 (United States), C&CCC 3 (United Kingdom).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Place = tuple[
    float, float, float, float
]  # left, top, right, bottom, as shares of the check's width and height


@dataclass(frozen=True)
class Form:
    """What the layouts of one kind of check have in common.

    Attributes:
        country: "us", "ca", "in" or "gb".
        sizes: widths and heights in inches.
        places: of the fields, of what the bank and the holder of the account have printed, and of a second line of words.
        machine: share of checks that a machine fills in.
        last: least and most position of the MICR line's last symbol, counted from the right edge as banks do.
        wording: what is printed before payee, after the words, at date, memo and signature.
        signs: what may be printed at the amount's box.
        date_cells: share of layouts whose date has a cell for each digit.
        serial: "left" or "right": where the MICR line has the check's number, or "none".
    """

    country: str
    sizes: tuple[tuple[float, float], ...]
    places: Mapping[str, Place]
    machine: float
    last: tuple[int, int]
    wording: Mapping[str, tuple[str, ...]]
    signs: tuple[str, ...]
    date_cells: float
    serial: tuple[str, ...]


_ENGLISH: Final = {
    "payee": ("PAY TO THE\nORDER OF", "PAY TO THE ORDER OF", "Pay to the\norder of", "PAY\nTO THE\nORDER OF"),
    "words": ("DOLLARS", "Dollars", "DOLLARS", "/100 DOLLARS"),
    "date": ("DATE", "Date", "", "DATE"),
    "memo": ("MEMO", "FOR", "Memo", "RE"),
    "signature": ("", "AUTHORIZED SIGNATURE", "PER", "MP"),
}  # fmt: skip

FORMS: Final[dict[str, Form]] = {
    "us personal": Form(
        country="us",
        sizes=((6.0, 2.75), (6.0, 2.75), (6.0, 2.6), (6.25, 2.75)),
        places={
            "holder": (0.04, 0.05, 0.34, 0.24), "check_number": (0.85, 0.05, 0.95, 0.12),
            "date": (0.68, 0.16, 0.88, 0.25), "payee": (0.14, 0.31, 0.72, 0.41), "amount": (0.78, 0.31, 0.96, 0.42),
            "words": (0.05, 0.44, 0.81, 0.54), "bank": (0.05, 0.59, 0.36, 0.69), "memo": (0.1, 0.73, 0.42, 0.82),
            "signature": (0.54, 0.7, 0.95, 0.81),
        },
        machine=0.06,
        last=(12, 17),
        wording=_ENGLISH,
        signs=("$", "$", "$", ""),
        date_cells=0.05,
        serial=("right", "right", "middle"),
    ),
    "us template": Form(
        country="us",
        sizes=((6.0, 2.6), (6.0, 2.75), (6.0, 2.65)),
        places={
            "check_number": (0.83, 0.05, 0.93, 0.12), "date": (0.65, 0.18, 0.84, 0.27),
            "payee": (0.1, 0.33, 0.72, 0.43), "amount": (0.78, 0.33, 0.94, 0.43), "words": (0.03, 0.46, 0.75, 0.55),
            "memo": (0.08, 0.75, 0.38, 0.84), "signature": (0.5, 0.75, 0.96, 0.85),
        },
        machine=0.04,
        last=(15, 19),
        wording=_ENGLISH,
        signs=("$", "$", ""),
        date_cells=0.0,
        serial=("right",),
    ),
    "us business": Form(
        country="us",
        sizes=((8.5, 3.5), (8.5, 3.0), (8.25, 3.0), (8.5, 3.667), (7.5, 3.0)),
        places={
            "holder": (0.05, 0.05, 0.36, 0.2), "bank": (0.42, 0.05, 0.66, 0.17),
            "check_number": (0.86, 0.05, 0.96, 0.12), "date": (0.72, 0.19, 0.88, 0.27),
            "payee": (0.13, 0.31, 0.66, 0.39), "amount": (0.76, 0.31, 0.96, 0.39), "words": (0.06, 0.43, 0.82, 0.5),
            "memo": (0.08, 0.72, 0.44, 0.79), "signature": (0.6, 0.66, 0.95, 0.79),
        },
        machine=0.75,
        last=(12, 20),
        wording=_ENGLISH,
        signs=("$", "$", "", ""),
        date_cells=0.0,
        serial=("left", "left", "none"),
    ),
    "canadian": Form(
        country="ca",
        sizes=((6.25, 2.75), (6.25, 2.75), (8.5, 3.5), (8.0, 3.0)),
        places={
            "holder": (0.05, 0.05, 0.36, 0.2), "check_number": (0.84, 0.04, 0.95, 0.11),
            "date": (0.66, 0.16, 0.94, 0.25), "payee": (0.13, 0.32, 0.72, 0.42), "amount": (0.78, 0.31, 0.96, 0.42),
            "words": (0.05, 0.45, 0.8, 0.54), "bank": (0.05, 0.59, 0.38, 0.7), "memo": (0.08, 0.74, 0.4, 0.82),
            "signature": (0.54, 0.71, 0.95, 0.81),
        },
        machine=0.25,
        last=(12, 16),
        wording=_ENGLISH,
        signs=("$", "$", "$"),
        date_cells=0.65,
        serial=("left",),
    ),
    "indian": Form(
        country="in",
        sizes=((7.95, 3.62), (7.95, 3.62), (8.0, 3.667)),
        places={
            "bank": (0.05, 0.05, 0.42, 0.18), "date": (0.755, 0.07, 0.97, 0.15), "payee": (0.09, 0.2, 0.8, 0.295),
            "words": (0.14, 0.305, 0.95, 0.4), "words below": (0.04, 0.41, 0.7, 0.5),
            "amount": (0.74, 0.385, 0.96, 0.48), "holder": (0.64, 0.54, 0.93, 0.62), "memo": (0.06, 0.53, 0.36, 0.61),
            "signature": (0.68, 0.64, 0.95, 0.78),
        },
        machine=0.1,
        last=(14, 16),
        wording={
            "payee": ("Pay", "PAY", "PAY TO", "Pay"), "words": ("", "", "", ""), "date": ("", "Date", "", "DATE"),
            "memo": ("A/c No.", "A/c. No.", "Account No.", "A/C NO."),
            "signature": ("Please sign above", "AUTHORISED SIGNATORY", "Please sign above", ""),
        },
        signs=("₹", "₹", "₹", "Rs."),
        date_cells=0.85,
        serial=("left",),
    ),
    "british": Form(
        country="gb",
        sizes=((8.0, 3.6), (6.0, 3.0), (7.5, 3.5), (8.0, 3.25)),
        places={
            "bank": (0.05, 0.06, 0.42, 0.2), "date": (0.7, 0.13, 0.94, 0.22), "payee": (0.1, 0.29, 0.9, 0.37),
            "words": (0.05, 0.41, 0.68, 0.49), "words below": (0.05, 0.53, 0.68, 0.61),
            "amount": (0.74, 0.41, 0.96, 0.54), "holder": (0.6, 0.6, 0.94, 0.66), "signature": (0.58, 0.68, 0.95, 0.81),
        },
        machine=0.12,
        last=(13, 16),
        wording={
            "payee": ("Pay", "PAY", "Pay", "Pay"), "words": ("", "", "", ""), "date": ("Date", "", "DATE", "Date"),
            "memo": ("", "", "", ""), "signature": ("", "", "Signature", ""),
        },
        signs=("£", "£", "£"),
        date_cells=0.15,
        serial=("left",),
    ),
}  # fmt: skip
