"""Reads handwritten digits, amounts, numbers and dates, and MICR lines.

>>> import checkreader
>>> reader = checkreader.open()
>>> print(reader.digit("models/golden/7a.png"))
7 (confidence 0.999, accepted)
>>> amount = reader.amount("models/golden/field-b.png", max_error=0.05)
>>> amount.amount, amount.accepted
(Decimal('7360.00'), True)

A picture is a path, encoded bytes, a NumPy array of gray levels or colors, or a PIL image; a list of pictures is read
in one batch and gives a list of results, one for each page. Nothing leaves the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checkreader.packages import foreign

if TYPE_CHECKING:
    from checkreader.reader import Picture, Reader, open
    from checkreader.results import (
        Alternative,
        Amount,
        CheckDigit,
        Choice,
        Date,
        Digit,
        FieldDigit,
        MicrCheckDigit,
        MicrField,
        MicrLine,
        Model,
        Number,
    )
    from serving import __version__
    from serving.errors import CheckreaderError as Error

__all__ = [
    "Alternative",
    "Amount",
    "CheckDigit",
    "Choice",
    "Date",
    "Digit",
    "Error",
    "FieldDigit",
    "MicrCheckDigit",
    "MicrField",
    "MicrLine",
    "Model",
    "Number",
    "Picture",
    "Reader",
    "__version__",
    "open",
]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use, so that the command starts without NumPy and after checking for foreign packages."""
    if name not in __all__:
        raise AttributeError(f"module 'checkreader' has no attribute {name!r}")
    if complaint := foreign():
        raise ImportError(complaint)
    if name == "__version__":
        from serving import __version__

        return __version__
    if name == "Error":
        from serving.errors import CheckreaderError

        return CheckreaderError
    from checkreader import reader, results

    return getattr(reader if name in ("Picture", "Reader", "open") else results, name)


def __dir__() -> list[str]:
    return sorted(__all__)
