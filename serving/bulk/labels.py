"""Turns a review's corrections into labeled folders, which calibration and fine-tuning take.

    FOLDER/amounts/labels.csv    file,text,written,amount
    FOLDER/dates/labels.csv      file,text,written
    FOLDER/micr/labels.csv       file,text,group

The pictures lie beside: the crops that the networks read, byte by byte.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from serving.bulk import review as reviews
from serving.bulk.new_folder import writing
from serving.bulk.review import CheckInDoubt, FieldInDoubt, Review
from serving.decoding.alphabet import EITHER
from serving.decoding.amounts import digits_of, interpret
from serving.errors import CheckreaderError
from serving.recognition.check import Decisive

LABELS: Final = "labels.csv"
FOLDERS: Final[Mapping[Decisive, str]] = {"amount": "amounts", "date": "dates", "micr": "micr"}
_COLUMNS: Final[Mapping[Decisive, tuple[str, ...]]] = {
    "amount": ("file", "text", "written", "amount"),
    "date": ("file", "text", "written"),
    "micr": ("file", "text", "group"),
}
_LONGEST: Final = 200  # symbols, as labels may have
_WRITTEN: Final[Mapping[Decisive, re.Pattern[str]]] = {
    "amount": re.compile(rf"[0-9.,{EITHER}/x-]*[0-9][0-9.,{EITHER}/x-]*"),
    "date": re.compile(rf"[0-9.,{EITHER}/-]*[0-9][0-9.,{EITHER}/-]*"),
    "micr": re.compile("[0-9A-D]*[0-9][0-9A-D]*"),
}


class Correction(msgspec.Struct, frozen=True):
    """A line of the file that the page saves: what a person says is written in a field."""

    review: str
    key: str
    text: str


@dataclass(frozen=True)
class LabelCounts:
    """What became of the corrections.

    Attributes:
        labeled: how many fields of each kind are labeled.
        unclear: amounts among them whose marks do not say what they mean, so that only their digits are labeled.
        without_crop: corrections of fields that were not found, which have no picture to label.
    """

    labeled: Mapping[Decisive, int]
    unclear: int
    without_crop: int


def write_labels(corrections: Path, review_folder: Path, target: Path) -> LabelCounts:
    """Writes the labeled folders, all of them or none.

    Args:
        corrections: the file that the page saved; of two lines on one field the last holds.
        review_folder: of the review.
        target: a new or an empty folder.

    Raises:
        CheckreaderError: one of them is something else or of another review, pictures are missing, or nothing is left
            to label.
        OSError: `target` cannot be written.
    """
    review = reviews.load(review_folder)
    texts = _read(corrections, review)
    corrected = [(check, field) for check, field in review.fields if field.key in texts]
    _require_crops(review_folder, corrected)
    rows: dict[Decisive, list[list[str]]] = {}
    with writing(target) as hidden:
        for check, field in corrected:
            if field.crop is None:
                continue
            folder = hidden / FOLDERS[field.name]
            folder.mkdir(exist_ok=True)
            file = f"{field.key}.png"
            shutil.copyfile(review_folder / field.crop, folder / file)
            label = _label(field.name, texts[field.key], check, review.locale)
            rows.setdefault(field.name, []).append([file, *label])
        if not rows:
            raise CheckreaderError(
                f"{corrections}: nothing to label: none of the corrected fields was found on its check"
            )
        for name, lines in rows.items():
            _write_csv(hidden / FOLDERS[name] / LABELS, [list(_COLUMNS[name]), *lines])
    return LabelCounts(
        {name: len(lines) for name, lines in rows.items()},
        sum(not amount for *_, amount in rows.get("amount", [])),
        sum(field.crop is None for _, field in corrected),
    )


def _read(path: Path, review: Review) -> dict[str, str]:
    """Returns what is written in each corrected field, by its key; no error holds it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckreaderError(f"{path}: {error.strerror}") from None
    fields = {field.key: field for _, field in review.fields}
    texts = {}
    for where, correction in _corrections(content, path):
        if correction.review != review.id:
            raise CheckreaderError(f"{where}: of another review: name the one that it was saved from")
        if correction.key not in fields:
            raise CheckreaderError(f"{where}: of no field of the review: save the file anew from its page")
        texts[correction.key] = _checked(correction.text, fields[correction.key], where)
    if not texts:
        raise CheckreaderError(f"{path}: holds no corrections: take at least one field on the page, and save")
    return texts


def _corrections(content: bytes, path: Path) -> Iterator[tuple[str, Correction]]:
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            where = f"{path}, line {number}"
            try:
                yield where, msgspec.json.decode(line, type=Correction)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise CheckreaderError(
                    f"{where}: not a correction: name the file that the page of a review saved"
                ) from None


def _checked(text: str, field: FieldInDoubt, where: str) -> str:
    """Returns what is written without spaces; raises CheckreaderError if no such field is written so."""
    symbols = "".join(text.split())
    if len(symbols) > _LONGEST or not _WRITTEN[field.name].fullmatch(symbols):
        allowed = {
            "amount": ", and the marks . , / - x",
            "date": ", and the marks . , / -",
            "micr": ", A, B, C, D",
        }
        raise CheckreaderError(
            f"{where}: text must be digits{allowed[field.name]}: correct it on the page, and save"
        )
    return symbols


def _require_crops(folder: Path, corrected: list[tuple[CheckInDoubt, FieldInDoubt]]) -> None:
    crops = [field.crop for _, field in corrected if field.crop is not None]
    missing = [crop for crop in crops if not (folder / crop).is_file()]
    if missing:
        raise CheckreaderError(
            f"{folder}: {len(missing)} of {len(crops)} pictures are missing, the first {missing[0]}: "
            "put them back, or make the review again"
        )


def _label(name: Decisive, written: str, check: CheckInDoubt, locale: str | None) -> list[str]:
    """Returns the columns after the file."""
    if name == "micr":
        return [written, f"{check.file}:{check.page}"]
    noted = "" if EITHER in written else written  # whoever labels knows a point from a comma
    if name == "date":
        return [digits_of(written), noted]
    amount = interpret(written, locale)
    return ["".join(written[place] for place in amount.digits), noted, amount.amount or ""]


def _write_csv(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
