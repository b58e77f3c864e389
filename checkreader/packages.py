"""Finds out whether `serving` and `pipeline` are this wheel's own: both are names that others use, too."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

_OWN: Final = ("serving", "pipeline")
_SITE: Final = Path(__file__).resolve().parents[1]  # where this package lies, and `_OWN` too


def foreign(site: Path = _SITE) -> str | None:
    """Returns one line about a package of another distribution that is imported instead of ours; else None.

    Args:
        site: the folder in which ours lie.
    """
    for name in _OWN:
        spec = importlib.util.find_spec(name)
        folders = [Path(place).resolve() for place in (spec.submodule_search_locations or ())] if spec else []
        if site / name not in folders[:1]:
            place = str(folders[0]) if folders else (spec.origin if spec else None)
            if place is None:
                return f"the package '{name}' of checkreader is missing: install checkreader again"
            return (
                f"Python imports '{name}' from {place}, which is not checkreader's: "
                "rename or uninstall that, or give checkreader a virtual environment of its own"
            )
    return None
