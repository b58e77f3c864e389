"""Writes a folder of drawn checks with their labels: the command `checkreader draw-checks`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline import progress
from pipeline.run import replacing, write_bytes
from pipeline.synthesis.check_layouts import PARTS, TEST, Part
from serving.arguments import number
from serving.errors import CheckreaderError

if TYPE_CHECKING:
    from pipeline.synthesis.check_hands import Hands

LABELS: Final = "labels.jsonl"
MOST: Final = 1_000_000  # of one folder
_COUNT: Final = number(int, lambda count: 1 <= count <= MOST, f"a whole number from 1 to {MOST:,}")
_SEED: Final = number(int, lambda seed: 0 <= seed < 2**32, "a whole number from 0 to 4294967295")
SUMMARY: Final = "Write pictures of checks that were drawn by code, with labels, to measure and train with."
EXAMPLE: Final = (
    "checkreader draw-checks 100 checks\n  checkreader draw-checks 1000 unseen --part test --seed 7"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("count", type=_COUNT, metavar="N", help="number of checks")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write; new or empty")
    parser.add_argument("--seed", type=_SEED, default=0, help="equal seeds give equal checks (default: 0)")
    parser.add_argument(
        "--part",
        choices=PARTS,
        default="train",
        help=f"test: layouts {TEST.start} to {TEST.stop - 1} and writers that no training sees (default: train)",
    )
    parser.add_argument(
        "--fonts",
        type=Path,
        metavar="DIR",
        help="with --part train: where `python -m pipeline.synthesis.fonts` put handwriting fonts",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="PATH",
        help="where MNIST and UNIPEN lie (default: $CHECKREADER_DATA, else the user's cache)",
    )


def run(options: argparse.Namespace) -> int:
    """Writes the folder, says on standard error what is missing, and returns the exit code."""
    if options.fonts is not None and options.part == "test":
        raise CheckreaderError("--fonts: the part test has no handwriting fonts: leave it out")
    from pipeline.synthesis.check_hands import (
        open_hands,
    )  # needs the training extra, which the parser does not

    _claim(options.folder)
    with progress.shown("open the handwriting"):
        hands = open_hands(options.part, options.data_dir, options.fonts)
        if hands.note:
            print(f"note: {hands.note}: drawn without its writers", file=sys.stderr)
        write(options.folder, options.count, options.seed, options.part, hands)
    print(f"{options.count} checks in {options.folder}, labels in {options.folder / LABELS}")
    return 0


def write(folder: Path, count: int, seed: int, part: Part, hands: Hands) -> None:
    """Writes `count` pictures and, last of all, their labels, one line of JSON a picture.

    Args:
        folder: new or empty.
        count: number of checks.
        seed: check number n of the folder has the seed [seed, n].
        part: "train" or "test".
        hands: writers of the part.

    Raises:
        CheckreaderError: the folder is a file, holds something, or cannot be written.
    """
    from pipeline.synthesis.check_capture import encode
    from pipeline.synthesis.check_drawing import draw

    _claim(folder)
    digits = len(str(count - 1))
    with replacing(folder / LABELS) as temporary, temporary.open("w", encoding="utf-8") as labels:
        for index in range(count):
            progress.note(f"check {index + 1} of {count}")
            check = draw(part, (seed, index), hands)
            content, suffix = encode(check.picture, check.kind, np.random.default_rng([seed, index]))
            name = f"{index:0{digits}}{suffix}"
            write_bytes(folder / name, content)
            entry = {"file": name, **check.label(), "part": part, "seed": [seed, index]}
            labels.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _claim(folder: Path) -> None:
    """Makes the folder unless it is there, and checks that it is empty and can be written."""
    if folder.exists() and not folder.is_dir():
        raise CheckreaderError(f"{folder}: not a folder: name a new or an empty one")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise CheckreaderError(f"{folder}: not empty: name a new or an empty folder")
    if not os.access(folder, os.W_OK):
        raise CheckreaderError(f"{folder}: no permission to write there: name another folder")
