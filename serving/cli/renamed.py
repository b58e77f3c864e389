"""Lists what was renamed, and refuses an old name with one line that states the new one.

The product was called checkdigit until version 0.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from serving.errors import CheckreaderError

VARIABLES: Final = {
    "CHECKDIGIT_MODELS": "CHECKREADER_MODELS",
    "CHECKDIGIT_API_KEYS": "CHECKREADER_API_KEYS",
    "CHECKDIGIT_DATA": "CHECKREADER_DATA",
    "CHECKDIGIT_HEALTH": "CHECKREADER_HEALTH",
}
COMMANDS: Final = {
    ("benchmark", "serve"): "python -m benchmarks.load, in a checkout",
}


def check_variables(environment: Mapping[str, str]) -> None:
    """Refuses environment variables of the old name, unless the new one is set as well.

    Raises:
        CheckreaderError: one is set; the message names its successor.
    """
    for old, new in VARIABLES.items():
        if old in environment and new not in environment:
            raise CheckreaderError(f"${old} is now ${new}: set that instead")


def check_command(arguments: Sequence[str]) -> None:
    """Refuses commands that have another name now.

    Raises:
        CheckreaderError: `arguments` begin with such a command; the message names its successor.
    """
    for old, new in COMMANDS.items():
        if tuple(arguments[: len(old)]) == old:
            raise CheckreaderError(f"'checkreader {' '.join(old)}' is now {new}")
