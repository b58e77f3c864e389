"""Holds the fields of a check against each other: what contradicts is a reason not to accept it.

A contradiction says that something is misread, or that the check was altered; which, a person has to see. Nothing is
corrected by it. What the MICR line says twice, its routing number and the digit that checks it, is `decoding.micr`'s.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_CENTS: Final = 2
# What has the form of a date, whether there is such a day or not.
_DATE: Final = re.compile(r"\d{1,2}([-/.])\d{1,2}\1(\d{4}|\d{2})|\d{4}([-/.])\d{1,2}\3\d{1,2}|\d{8}")


def encoded_amount(written: str | None, encoded: str | None) -> str | None:
    """Compares the written amount with the MICR line's.

    The bank of first deposit encodes the amount, in cents, when it processes a check (ANSI X9.100-160, field 1).

    Args:
        written: a decimal; None where it was not read.
        encoded: digits of cents; None where the line holds none.

    Returns:
        Why the check is not accepted; None: nothing speaks against it.
    """
    if written is None or encoded is None:
        return None
    amount = Decimal(int(encoded.replace(" ", ""))).scaleb(-_CENTS)
    if amount == Decimal(written):
        return None
    return f"amounts differ: {written} is written, and the MICR line says {amount}"


def serial(number: str, encoded: str | None) -> str | None:
    """Compares the printed check number with the MICR line's serial number, where the line's layout has one.

    Zeros in front do not matter. Arguments and result as for `encoded_amount`, in digits; "" where no number was read.
    """
    if not number or encoded is None:
        return None
    serial_number = encoded.replace(" ", "")
    if number.lstrip("0") == serial_number.lstrip("0"):
        return None
    return f"check numbers differ: {number} is printed, and the MICR line says {serial_number}"


def is_no_day(raw: str, date: str | None) -> bool:
    """Tells whether a string has the form of a date, and no day is meant by it.

    Args:
        raw: as it is written.
        date: its meaning; None where it has none.
    """
    return date is None and _DATE.fullmatch(raw) is not None
