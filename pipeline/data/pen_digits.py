"""Opens UNIPEN's digits as strokes of the pen: a part to train on, a part to validate on, and those mislabeled.

    python -m pipeline.data.pen_digits [FOLDER]      # counts by donor and class, and what was passed over

No donor is in both parts. The strokes become pictures in `pipeline.synthesis.digit_pictures`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.data import unipen
from pipeline.data.mislabeled import mislabeled
from pipeline.data.unipen import Character
from pipeline.data.unipen_format import Problem
from serving.errors import CheckreaderError

VALIDATION_DONORS: Final = ("app", "ced")
# Marks that a stray stroke of a digit may look like, and no digit as a whole.
_LINES: Final = ("-", "_", "=")


@dataclass(frozen=True)
class PenDigits:
    """The digits of the collection, in the order of its files.

    Attributes:
        train: the digits to train on, without those mislabeled.
        validation: the digits of `VALIDATION_DONORS`, without those mislabeled.
        mislabeled: of all donors, those that `pipeline.data.mislabeled` takes out.
        problems: what could not be read.
        sha256: of the archive, or of the folder's files.
    """

    train: tuple[Character, ...]
    validation: tuple[Character, ...]
    mislabeled: tuple[Character, ...]
    problems: tuple[Problem, ...]
    sha256: str

    @property
    def unfiltered_validation(self) -> tuple[Character, ...]:
        """The digits of `VALIDATION_DONORS` with those mislabeled after the others."""
        return (*self.validation, *(c for c in self.mislabeled if c.donor in VALIDATION_DONORS))

    def record(self) -> dict[str, Any]:
        """Describes the digits for a run's record."""
        return {
            "name": unipen.NAME,
            "doi": unipen.DOI,
            "sha256": self.sha256,
            "validation_by": "donor",
            "passed_over": len(self.problems),
            "train": counts(self.train),
            "validation": counts(self.validation),
            "mislabeled": counts(self.mislabeled),
        }


def counts(characters: Iterable[Character]) -> dict[str, dict[str, int]]:
    """Counts characters by donor and label."""
    table: dict[str, dict[str, int]] = {}
    for character in sorted(characters, key=lambda c: (c.donor, c.label)):
        row = table.setdefault(character.donor, {})
        row[character.label] = row.get(character.label, 0) + 1
    return table


def load(folder: Path | None = None) -> PenDigits | None:
    """Loads the digits; half a minute on one core.

    Args:
        folder: where the data sets lie, as for `pipeline.data.unipen.locate`.

    Returns:
        None where the folder holds no UNIPEN.

    Raises:
        CheckreaderError: as `pipeline.data.unipen.open_collection`.
    """
    source = unipen.locate(folder)
    if source is None:
        return None
    digits, lines = unipen.open_collection(source, {"1a": unipen.DIGITS, "1d": _LINES})
    flags = mislabeled(
        [character.segment.strokes for character in digits.characters],
        np.array([int(character.label) for character in digits.characters]),
        [character.donor for character in digits.characters],
        [character.segment.strokes for character in lines.characters],
        [character.donor for character in lines.characters],
    )
    kept = [c for c, flag in zip(digits.characters, flags, strict=True) if not flag]
    return PenDigits(
        tuple(c for c in kept if c.donor not in VALIDATION_DONORS),
        tuple(c for c in kept if c.donor in VALIDATION_DONORS),
        tuple(c for c, flag in zip(digits.characters, flags, strict=True) if flag),
        digits.problems,
        digits.sha256,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the counts and what was passed over; returns the exit status."""
    folder = (sys.argv[1:] if arguments is None else arguments)[:1]
    try:
        digits = load(Path(folder[0]) if folder else None)
        if digits is None:
            raise CheckreaderError("no UNIPEN there: its archive belongs in the folder's subfolder unipen")
    except CheckreaderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for part in ("train", "validation", "mislabeled"):
        characters: tuple[Character, ...] = getattr(digits, part)
        print(f"{part}: {len(characters)}")
        for donor, row in counts(characters).items():
            print(f"  {donor} {sum(row.values()):5}  {' '.join(f'{label}:{n}' for label, n in row.items())}")
    for problem in digits.problems:
        print(problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
