"""Reads a user's labeled pictures of digits: a folder of LABEL/*.png, or a CSV of file,label."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from serving.errors import CheckreaderError
from serving.images.codec import FORMATS, decode
from serving.images.digit import normalize
from serving.images.pages import only_page

_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
_LEAST: Final = 3  # of every digit: one each for training, validation and test
_SHOWN: Final = 10  # pictures that cannot be used, in an error

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]


def read(path: Path) -> tuple[Pixels, Labels]:
    """Reads and normalizes the pictures, in the order of their names or of the CSV's lines.

    Args:
        path: the folder or the CSV.

    Returns:
        uint8 [N, 28, 28] (0 = paper), and uint8 [N].

    Raises:
        CheckreaderError: no pictures, too few of a digit, a line of the CSV that cannot be used; or pictures that cannot
            be used, of which all are counted and the first ten are named.
    """
    rows = _csv_rows(path) if path.is_file() else _tree_rows(path)
    if not rows:
        raise CheckreaderError(f"{path}: no pictures found: expected LABEL/*.png or a CSV of file,label")
    images, labels, problems = [], [], []
    for file, label, where in rows:
        if label not in tuple("0123456789"):
            raise CheckreaderError(f"{where}: label {label!r} is not a digit 0–9")
        try:
            images.append(_read_picture(file))
            labels.append(int(label))
        except OSError as error:
            problems.append(f"{where}: cannot read {file}: {error.strerror}")
        except CheckreaderError as error:
            problems.append(f"{file}: {error}")
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        advice = "" if len(problems) == 1 else f" ({len(problems)} of {len(rows)} pictures cannot be used)"
        raise CheckreaderError("; ".join(problems[:_SHOWN]) + more + advice)
    counts = np.bincount(labels, minlength=10)
    if (counts < _LEAST).any():
        digit = int(np.argmin(counts))
        raise CheckreaderError(
            f"{path}: {counts[digit]} pictures of the digit {digit}: at least {_LEAST} of every digit are needed, "
            "one each for training, validation and test"
        )
    return np.stack(images), np.array(labels, np.uint8)


def _read_picture(file: Path) -> Pixels:
    pixels = normalize(decode(only_page(file.read_bytes())))
    if not pixels.any():
        raise CheckreaderError("blank: no ink found: remove it or mend it")
    return pixels


def _tree_rows(folder: Path) -> list[tuple[Path, str, str]]:
    """Lists the pictures in the labels' folders; an unreadable folder is an error, not an empty one."""
    # What begins with a dot is the system's, as a Mac's `._7.png`.
    try:
        labels = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and entry.name[0] != "."]
        files = [file for label in labels for file in sorted(label.iterdir()) if file.name[0] != "."]
    except OSError as error:
        raise CheckreaderError(f"{error.filename}: {error.strerror}") from None
    return [(file, file.parent.name, str(file)) for file in files if file.suffix.lower() in _SUFFIXES]


def _csv_rows(path: Path) -> list[tuple[Path, str, str]]:
    if path.suffix.lower() != ".csv":
        raise CheckreaderError(
            f"{path}: not a CSV file; pictures ({', '.join(FORMATS)}) go into LABEL/ folders"
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"file", "label"} <= set(reader.fieldnames or ()):
                raise CheckreaderError(f"{path}: line 1: expected a header with the columns file and label")
            return [
                (
                    path.parent / (row["file"] or ""),
                    (row["label"] or "").strip(),
                    f"{path}: line {reader.line_num}",
                )
                for row in reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CheckreaderError(f"{path}: not a readable CSV file ({error})") from None
