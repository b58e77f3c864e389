"""Reads handwritten digits, amounts, numbers and dates, MICR lines and whole checks.

>>> import checkreader
>>> reader = checkreader.open()
>>> print(reader.digit("models/golden/7a.png"))
7 (confidence 0.999, accepted)
>>> amount = reader.amount("models/golden/field-b.png", max_error=0.05)
>>> amount.amount, amount.accepted
(Decimal('650.00'), True)

A picture is a path, encoded bytes, a NumPy array of gray levels or colors, or a PIL image; a list of pictures is read
in one batch and gives a list of results, one for each page. Nothing leaves the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from checkreader.packages import foreign

if TYPE_CHECKING:
    from checkreader.check_results import (
        Check,
        CheckAmount,
        CheckDate,
        CheckFields,
        CheckLine,
        CheckNumber,
        Place,
        Quality,
    )
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
    "Check",
    "CheckAmount",
    "CheckDate",
    "CheckDigit",
    "CheckFields",
    "CheckLine",
    "CheckNumber",
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
    "Place",
    "Quality",
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
    from checkreader import check_results, reader, results

    modules = (reader, check_results, results)
    return getattr(next(module for module in modules if name in module.__all__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
