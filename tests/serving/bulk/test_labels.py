"""Corrections become labeled folders that calibration and fine-tuning load."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pipeline.data import labeled_fields, labeled_lines
from serving.bulk.labels import write_labels
from serving.bulk.review import Review
from serving.errors import CheckreaderError
from tests.support.reviews import review, write_review

TEXTS = {
    "1-amount": "1,250.50",
    "1-date": "24/11/2019",
    "2-micr": "A021000021A 123C 0101",
    "3-amount": "12.50",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_review(tmp_path / "review", review())


def saved(tmp_path: Path, texts: dict[str, str], content: Review | None = None) -> Path:
    """Writes what the page saves."""
    content = content or review()
    path = tmp_path / "corrections.jsonl"
    lines = (json.dumps({"review": content.id, "key": key, "text": text}) for key, text in texts.items())
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "labels.csv").read_text().splitlines()))


def test_labels_are_loaded(folder: Path, tmp_path: Path) -> None:
    counts = write_labels(saved(tmp_path, TEXTS | {"3-micr": "A1A"}), folder, tmp_path / "to")
    assert counts.labeled == {"amount": 2, "date": 1, "micr": 1}
    assert (counts.unclear, counts.without_crop) == (0, 1)
    amounts = labeled_fields.load(tmp_path / "to" / "amounts")
    assert (amounts.digits, amounts.written) == (("125050", "1250"), ("1,250.50", "12.50"))
    assert (amounts.amounts, amounts.kind) == (("1250.50", "12.50"), "amount")
    dates = labeled_fields.load(tmp_path / "to" / "dates")
    assert (dates.texts, dates.written, dates.kind) == (("24112019",), ("24/11/2019",), "number")
    lines = labeled_lines.load(tmp_path / "to" / "micr")
    assert (lines.texts, lines.groups) == (("A021000021A123C0101",), ("scan.tif:2",))
    crop = (tmp_path / "to" / "amounts" / "1-amount.png").read_bytes()
    assert crop == (folder / "crops" / "1-amount.png").read_bytes()


@pytest.mark.parametrize(
    ("locale", "text", "label"),
    [
        ("us", "1,250", ("1250", "1,250", "1250")),
        ("us", " 1 250 xx/100 ", ("1250", "1250xx/100", "1250")),
        ("in", "2,14,00,000/-", ("21400000", "2,14,00,000/-", "21400000")),
        ("cl", "1.250", ("1250", "1.250", "1250")),
        (None, "12.50/100", ("1250", "12.50/100", "12.50")),
        ("us", "1.250", ("1250", "1.250", "")),  # no amount there
        (None, "12·50", ("1250", "", "12.50")),
    ],
)
def test_amounts_mean_what_the_locale_says(
    tmp_path: Path, locale: str | None, text: str, label: tuple[str, ...]
) -> None:
    content = review(locale)
    folder = write_review(tmp_path / "review", content)
    counts = write_labels(saved(tmp_path, {"1-amount": text}, content), folder, tmp_path / "to")
    (row,) = table(tmp_path / "to" / "amounts")
    assert (row["text"], row["written"], row["amount"]) == label
    assert counts.unclear == (not label[2])
    assert labeled_fields.load(tmp_path / "to" / "amounts").digits == (label[0],)


def test_the_last_word_on_a_field_holds(folder: Path, tmp_path: Path) -> None:
    path = saved(tmp_path, {"1-amount": "5"})
    path.write_text(path.read_text() + "\n" + saved(tmp_path, {"1-amount": "7.25"}).read_text())
    write_labels(path, folder, tmp_path / "to")
    assert [row["amount"] for row in table(tmp_path / "to" / "amounts")] == ["7.25"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("", "holds no corrections"),
        ("{}", "line 1: not a correction"),
        ("\xff\n", "line 1: not a correction"),
        ('{"review": "other", "key": "1-amount", "text": "5"}', "line 1: of another review"),
        ('{"review": "ID", "key": "../../secret", "text": "5"}', "line 1: of no field of the review"),
        ('{"review": "ID", "key": "3-micr", "text": "A1A"}', "nothing to label"),
    ],
)
def test_other_files_are_refused(folder: Path, tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "corrections.jsonl"
    if content is not None:
        path.write_text(content.replace("ID", review().id), encoding="latin-1")
    with pytest.raises(CheckreaderError, match=message):
        write_labels(path, folder, tmp_path / "to")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("1-amount", "twelve"),
        ("1-amount", ""),
        ("1-amount", ".,"),
        ("1-amount", "1" * 201),
        ("1-date", "24x11"),
        ("2-micr", "A12E"),
    ],
)
def test_what_cannot_be_written_is_refused_without_being_told(
    folder: Path, tmp_path: Path, key: str, text: str
) -> None:
    with pytest.raises(CheckreaderError, match="line 2: text must be digits") as refusal:
        write_labels(saved(tmp_path, {"3-amount": "1", key: text}), folder, tmp_path / "to")
    assert not text or text not in str(refusal.value)


def test_missing_pictures_are_told(folder: Path, tmp_path: Path) -> None:
    (folder / "crops" / "1-amount.png").unlink()
    with pytest.raises(CheckreaderError, match=r"1 of 4 pictures are missing, the first crops/1-amount.png"):
        write_labels(saved(tmp_path, TEXTS), folder, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match="not empty"):
        write_labels(saved(tmp_path, TEXTS), folder, folder)
