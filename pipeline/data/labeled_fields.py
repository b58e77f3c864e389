"""Loads a folder of labeled fields: pictures, and the text written on each.

    FOLDER/labels.csv      file,text,written,amount
    FOLDER/labels.jsonl    {"file": "0001.png", "text": "1.250,50", "boxes": [[1, 4, 9, 12, 30], …]}
    FOLDER/marks.txt       .,/-x

`file` lies in FOLDER or in FOLDER/images. `text` is the digits of the value in writing order, with or without the
points and commas between them. All else is optional. `written` is everything that is written: "125 xx/100" of the
text 125. `amount` is a decimal: 125.50 of the text 12550. `boxes` are digit, x, y, width and height in the picture's
pixels, one for each digit of the text.

A set's marks are those that its labels name, so that a field whose label has none of them has none. `marks.txt`
declares them; without it they are those that occur.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from pipeline.data import field_labels
from pipeline.data.folds import Index, split
from pipeline.networks.lenet5_field import translate
from serving.decoding.alphabet import Alphabet
from serving.errors import CheckreaderError
from serving.images.codec import Gray, decode
from serving.images.pages import only_page

NAMES: Final = ("labels.csv", "labels.jsonl")

Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Labeled:
    """Labeled fields, in the order of their labels.

    Pictures are kept encoded, which takes a hundredth of the memory of their pixels.
    """

    name: str  # the folder's
    files: tuple[str, ...]  # as the labels name them
    texts: tuple[str, ...]  # as labeled, points and commas included
    written: tuple[str, ...]  # with all marks that were noted
    amounts: tuple[str | None, ...]  # decimals; None where nobody noted one
    marks: str  # that labels name, in the alphabet's order
    boxes: tuple[tuple[Box, ...] | None, ...]  # x, y, width, height per digit; None where there are none
    encoded: tuple[bytes, ...]
    digests: tuple[str, ...]  # SHA-256 of each picture's file
    sha256: dict[str, str]  # of the labels, and of all pictures together
    read_as: str | None = None  # the kind that was asked for

    def __len__(self) -> int:
        return len(self.files)

    @property
    def digits(self) -> tuple[str, ...]:
        """The texts without points and commas."""
        return tuple(re.sub("[.,]", "", text) for text in self.texts)

    @property
    def kind(self) -> str:
        """The kind of field to read these as: what was asked for, else an amount where labels say which, else a number."""
        if self.read_as is not None:
            return self.read_as
        return "number" if all(amount is None for amount in self.amounts) else "amount"

    def translated(self, alphabet: Alphabet) -> Labeled:
        """Returns the same fields with what is written, and the marks, in a network's symbols."""
        return dataclasses.replace(
            self,
            written=tuple(translate(written, alphabet) for written in self.written),
            marks="".join(dict.fromkeys(translate(self.marks, alphabet))),
        )

    def picture(self, index: int) -> Gray:
        """Decodes one field: gray levels uint8 [height, width]."""
        return decode(only_page(self.encoded[index]))

    def take(self, index: Index) -> Labeled:
        """Returns the fields at `index`, in that order; checksums stay those of the whole set."""
        rows = [int(i) for i in index]
        return dataclasses.replace(
            self,
            files=tuple(self.files[i] for i in rows),
            texts=tuple(self.texts[i] for i in rows),
            written=tuple(self.written[i] for i in rows),
            amounts=tuple(self.amounts[i] for i in rows),
            boxes=tuple(self.boxes[i] for i in rows),
            encoded=tuple(self.encoded[i] for i in rows),
            digests=tuple(self.digests[i] for i in rows),
        )

    def record(self) -> dict[str, object]:
        """Describes the data for a run's records."""
        return {
            "name": self.name,
            "n": len(self),
            "kind": self.kind,
            "digits": sum(map(len, self.digits)),
            "marks": self.marks,
            "amounts": sum(amount is not None for amount in self.amounts),
            "boxes": sum(boxes is not None for boxes in self.boxes),
            "sha256": self.sha256,
        }


class _Row(msgspec.Struct, frozen=True):
    file: str
    text: str
    written: str | None = None
    amount: str | None = None
    boxes: list[tuple[int | str, float, float, float, float]] | None = None


def load(folder: Path, name: str | None = None, read_as: str | None = None) -> Labeled:
    """Loads the labeled fields in `folder`.

    Args:
        folder: with labels and pictures.
        name: what to call them; None = the folder's name.
        read_as: the kind of field to read them as; None = as their labels suggest, see `Labeled.kind`.

    Raises:
        CheckreaderError: no labels, or a line that cannot be used; the message says
            which line, what is wrong, and what to do.
    """
    path = _labels(folder)
    files: dict[str, str] = {}
    first: dict[str, tuple[str, str]] = {}  # digest → file and text
    texts, written, amounts, boxes, encoded, digests = [], [], [], [], [], []
    for where, row in _csv_rows(path) if path.suffix == ".csv" else _json_rows(path):
        if row.file in files:
            raise CheckreaderError(
                f"{where}: {row.file} is labeled a second time, first in {files[row.file]}: remove one"
            )
        text = field_labels.text(row.text, where)
        raw = _read(folder, row.file, where)
        digest = hashlib.sha256(raw).hexdigest()
        twin, twin_text = first.setdefault(digest, (row.file, text))
        if twin_text != text:
            raise CheckreaderError(
                f"{where}: {row.file} is the same picture as {twin}, but labeled {text} instead of {twin_text}: "
                "correct one or remove both"
            )
        files[row.file] = where
        texts.append(text)
        written.append(field_labels.written(row.written, text, where))
        amounts.append(field_labels.amount(row.amount, where))
        boxes.append(_boxes(row, text, where))
        encoded.append(raw)
        digests.append(digest)
    if not files:
        raise CheckreaderError(f"{path}: no labels in it: expected a line with file and text for each field")
    pictures = hashlib.sha256("".join(digests).encode()).hexdigest()
    labels = hashlib.sha256(path.read_bytes()).hexdigest()
    return Labeled(
        name or folder.resolve().name,
        tuple(files),
        tuple(texts),
        tuple(written),
        tuple(amounts),
        field_labels.marks(folder, written),
        tuple(boxes),
        tuple(encoded),
        tuple(digests),
        {path.name: labels, "pictures": pictures},
        read_as,
    )


def folds(labeled: Labeled, count: int, seed: int) -> tuple[Index, ...]:
    """Splits the fields into `count` parts of nearly equal size, for k-fold cross-validation.

    Files with equal bytes stay together, and the split does not depend on the order of the labels.

    Args:
        labeled: the fields.
        count: how many parts, at least 2.
        seed: the same seed gives the same parts.

    Returns:
        The ascending indices of each part's fields; every field is in exactly one part.

    Raises:
        CheckreaderError: fewer than two parts, or fewer different pictures than parts.
    """
    return split(labeled.name, labeled.digests, count, seed, "different pictures")


def _labels(folder: Path) -> Path:
    if not folder.is_dir():
        raise CheckreaderError(f"{folder}: no such folder: expected one with {' or '.join(NAMES)} in it")
    paths = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(paths) != 1:
        problem = "both" if paths else "neither"
        raise CheckreaderError(
            f"{folder}: {problem} labels.csv {'and' if paths else 'nor'} labels.jsonl in it: "
            "one of them must name each picture's file and text"
        )
    return paths[0]


def _csv_rows(path: Path) -> Iterator[tuple[str, _Row]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            if not {"file", "text"} <= set(reader.fieldnames or ()):
                raise CheckreaderError(f"{path}: line 1: expected a header with the columns file and text")
            for row in reader:
                where = f"{path}: line {reader.line_num}"
                if None in row:
                    raise CheckreaderError(
                        f"{where}: more columns than the header has: put a text with a comma into quotes"
                    )
                yield (
                    where,
                    _Row(
                        (row["file"] or "").strip(), row["text"] or "", row.get("written"), row.get("amount")
                    ),
                )
    except (UnicodeDecodeError, csv.Error) as error:
        raise CheckreaderError(
            f"{path}: not a readable CSV file ({error}): save it as CSV in UTF-8"
        ) from None


def _json_rows(path: Path) -> Iterator[tuple[str, _Row]]:
    for number, line in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if line.strip():
            where = f"{path}: line {number}"
            try:
                yield where, msgspec.json.decode(line, type=_Row)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise CheckreaderError(
                    f'{where}: {error}: expected {{"file": "…", "text": "…"}}, '
                    'and where there are any "boxes": [[digit, x, y, width, height], …]'
                ) from None


def _boxes(row: _Row, text: str, where: str) -> tuple[Box, ...] | None:
    if row.boxes is None:
        return None
    digits = re.sub("[.,]", "", text)
    if "".join(str(digit) for digit, *_ in row.boxes) != digits:
        raise CheckreaderError(
            f"{where}: the boxes are not those of the digits {digits}, one for each, in their order: "
            "correct them, or leave boxes out"
        )
    if any(width <= 0 or height <= 0 for *_, width, height in row.boxes):
        raise CheckreaderError(f"{where}: a box without width or height: correct it, or leave boxes out")
    return tuple((x, y, width, height) for _, x, y, width, height in row.boxes)


def _read(folder: Path, name: str, where: str) -> bytes:
    if not name:
        raise CheckreaderError(f"{where}: file is empty: name the picture, or remove the line")
    if not name.isprintable():
        raise CheckreaderError(f"{where}: {name!r} is no file's name: correct it, or remove the line")
    try:
        path = next((path for path in (folder / name, folder / "images" / name) if path.is_file()), None)
        if path is None:
            raise CheckreaderError(f"not found in {folder} or {folder / 'images'}: correct the name")
        raw = path.read_bytes()
        decode(only_page(raw))
    except OSError as error:
        raise CheckreaderError(f"{where}: cannot read {name}: {error.strerror}") from None
    except CheckreaderError as error:
        raise CheckreaderError(f"{where}: {name}: {error}") from None
    return raw
