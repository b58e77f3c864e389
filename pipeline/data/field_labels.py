"""Checks what labels say of a field: its text, what is written in full, its amount, and which marks labels name.

Errors name the file and the line, `where`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.networks.lenet5_field import ALPHABET
from serving.decoding.alphabet import DIGITS
from serving.errors import CheckreaderError

MARKS: Final = "marks.txt"
_TEXT: Final = re.compile(r"[0-9]+([.,][0-9]+)*")
_AMOUNT: Final = re.compile(r"[0-9]+(\.[0-9]+)?")
_COUNT: Final = 200  # symbols; more is a slip of the pen, and no field is that long


def text(label: str, where: str) -> str:
    """Returns the label's digits, with single points and commas between them.

    Raises:
        CheckreaderError: it is empty, or something else.
    """
    label = label.strip()
    if not label:
        raise CheckreaderError(f"{where}: text is empty: write the digits of the field, or remove the line")
    if not _TEXT.fullmatch(label) or len(label) > _COUNT:
        raise CheckreaderError(
            f"{where}: text {label[:40]!r} is not digits with single points or commas between them: "
            "write only those, without currency signs and spaces"
        )
    return label


def written(label: str | None, text: str, where: str) -> str:
    """Returns what is written, without spaces; the text where nobody noted that.

    Raises:
        CheckreaderError: it has symbols that no network reads, or does not begin with the digits of the text.
    """
    symbols = "".join((label or "").split())
    if not symbols:
        return text
    unknown = next((symbol for symbol in symbols if symbol not in ALPHABET.symbols), None)
    if unknown is not None or len(symbols) > _COUNT:
        problem = f"has {unknown!r}" if unknown is not None else f"is {len(symbols)} symbols long"
        raise CheckreaderError(
            f"{where}: written {symbols[:40]!r} {problem}: write at most {_COUNT} of {ALPHABET.symbols}, and leave out "
            "what else there is"
        )
    digits = _digits(text)
    if not _digits(symbols).startswith(digits):
        raise CheckreaderError(
            f"{where}: written {symbols[:40]!r} does not begin with {digits[:40]}, the digits of the text: correct one"
        )
    return symbols


def amount(label: str | None, where: str) -> str | None:
    """Returns a decimal such as 1250.50; None where nobody noted one.

    Raises:
        CheckreaderError: it is no such decimal.
    """
    label = (label or "").strip()
    if label and (not _AMOUNT.fullmatch(label) or len(label) > _COUNT):
        raise CheckreaderError(
            f"{where}: amount {label[:40]!r} is no decimal such as 1250 or 1250.50: correct it, or leave it empty"
        )
    return label or None


def marks(folder: Path, labels: Sequence[str]) -> str:
    """Returns the marks that a set of labels names, in the alphabet's order.

    Args:
        folder: its `marks.txt` declares them; where there is none, they are those that occur.
        labels: what is written in each field.

    Raises:
        CheckreaderError: `marks.txt` names something else, or leaves out one that occurs.
    """
    occurring = set("".join(labels)) - set(DIGITS)
    declared, path = occurring, folder / MARKS
    if path.exists():
        declared = set("".join(path.read_text(encoding="utf-8-sig", errors="replace").split()))
        if not occurring <= declared <= set(ALPHABET.marks):
            raise CheckreaderError(
                f"{path}: it must name marks among {ALPHABET.marks}, and all that labels have: "
                f"{_ordered(occurring) or 'none'}"
            )
    return _ordered(declared)


def _ordered(declared: set[str]) -> str:
    return "".join(mark for mark in ALPHABET.marks if mark in declared)


def _digits(label: str) -> str:
    return "".join(char for char in label if char in DIGITS)
