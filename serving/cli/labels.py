"""`checkreader labels`: turns the corrections of a review into labeled folders."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import msgspec

from serving.bulk.labels import FOLDERS, LabelCounts, write_labels

FEWEST: Final = 59  # amounts without an error that certify a bound of 5 % with 95 % confidence
_NOUNS: Final = {"amount": "amounts", "date": "dates", "micr": "MICR lines"}


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds the options."""
    command.add_argument(
        "corrections", type=Path, metavar="FILE", help="corrections.jsonl, as the page of the review saved it"
    )
    command.add_argument(
        "--review",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="that `checkreader read --as check --review` wrote",
    )
    command.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="where to write the labels; new or empty"
    )
    command.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Writes the folders and says what is in them, and what comes next.

    Raises:
        CheckreaderError: the corrections, the review or the new folder cannot be used.
        OSError: a file cannot be written.
    """
    counts = write_labels(options.corrections, options.review, options.to)
    if options.json:
        print(msgspec.json.encode(counts).decode())
    else:
        _print(counts, options.to)
    return 0


def _print(counts: LabelCounts, target: Path) -> None:
    for name, count in counts.labeled.items():
        print(f"labeled {count:,} {_NOUNS[name]} in {target / FOLDERS[name]}")
    if counts.unclear:
        print(
            f"of {counts.unclear:,} amounts the marks leave open what they mean: labeled by their digits alone"
        )
    if counts.without_crop:
        print(f"left out {counts.without_crop:,} that were not found on their checks, and have no picture")
    amounts = counts.labeled.get("amount", 0)
    if 0 < amounts < FEWEST:
        print(
            f"calibrate takes {FEWEST} amounts or more, of those that were accepted, too: with fewer nothing is accepted"
        )
    if amounts:
        stage = "evaluate" if amounts < FEWEST else "calibrate"
        print(f"next: checkreader {stage} --models mine --data {target / FOLDERS['amount']}")
    elif "micr" in counts.labeled:
        print(f"next: checkreader calibrate --run micr --data {target / FOLDERS['micr']}")
    else:
        print(f"next: checkreader evaluate --models mine --data {target / FOLDERS['date']}")
