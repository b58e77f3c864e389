"""Loads a folder of labeled MICR lines.

    FOLDER/labels.csv      file,text,group

`text` is the line's symbols, A = transit, B = amount, C = on-us, D = dash; blanks do not matter. Lines of one check have
one `group`; without that column each line is its own.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
from pathlib import Path
from typing import Any, Final

from pipeline.data.folds import Index, split
from pipeline.networks.lenet5_micr import NETWORK
from serving.errors import CheckreaderError

LABELS: Final = "labels.csv"


@dataclasses.dataclass(frozen=True)
class LabeledLines:
    """Labeled lines, in the order of their labels.

    Attributes:
        name: of the folder.
        files: paths of the pictures.
        texts: their symbols, without blanks.
        groups: the check that each shows.
        sha256: of the labels.
    """

    name: str
    files: tuple[Path, ...]
    texts: tuple[str, ...]
    groups: tuple[str, ...]
    sha256: str

    def record(self) -> dict[str, Any]:
        """Describes the set for a run's record; it names no picture."""
        return {
            "name": self.name,
            "n": len(self.texts),
            "groups": len(set(self.groups)),
            "sha256": self.sha256,
        }


def folds(labeled: LabeledLines, count: int, seed: int) -> tuple[Index, ...]:
    """Splits lines as `pipeline.data.folds.split` does; those of one check stay together."""
    return split(labeled.name, labeled.groups, count, seed, "groups of lines")


def load(folder: Path) -> LabeledLines:
    """Loads a folder.

    Raises:
        CheckreaderError: there are no labels, or one names symbols that no line has or a file that is missing.
    """
    path = folder / LABELS
    try:
        content = path.read_bytes()
    except OSError:
        raise CheckreaderError(f"{path}: not found: labels are a table of file,text,group") from None
    files, texts, groups = [], [], []
    for number, row in enumerate(csv.DictReader(content.decode().splitlines()), 2):
        file, text = row.get("file"), (row.get("text") or "").replace(" ", "")
        if not file or not text or set(text) - set(NETWORK.compared):
            raise CheckreaderError(f"{path}, line {number}: expected a file and symbols 0–9, A, B, C, D")
        if not (folder / file).is_file():
            raise CheckreaderError(f"{path}, line {number}: {folder / file} is missing")
        files.append(folder / file)
        texts.append(text)
        groups.append(row.get("group") or file)
    if not files:
        raise CheckreaderError(f"{path}: names no line")
    return LabeledLines(
        folder.name, tuple(files), tuple(texts), tuple(groups), hashlib.sha256(content).hexdigest()
    )
