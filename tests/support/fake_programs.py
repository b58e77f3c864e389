"""Programs that only record how they are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

# Writes the program's name and arguments as one line, then prints what $FAKE_OUTPUT says.
_SCRIPT: Final = """#!/bin/sh
{ printf '%s' "${0##*/}"; printf '\\t%s' "$@"; echo; } >> "${0%/*}/calls"
printf '%s' "$FAKE_OUTPUT"
"""


class FakePrograms:
    """Executables in a folder, to be the first on $PATH.

    Args:
        folder: where to write them.
        names: what they are called.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).write_text(_SCRIPT)
            (folder / name).chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """Name and arguments of each call so far."""
        file = self.folder / "calls"
        return [line.split("\t") for line in file.read_text().splitlines()] if file.exists() else []
