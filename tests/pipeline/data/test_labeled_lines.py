from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data import labeled_lines
from serving.errors import CheckreaderError


def folder(path: Path, *rows: str, header: str = "file,text,group") -> Path:
    (path / "a.png").write_bytes(b"")
    (path / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    return path


def test_lines_are_loaded_without_blanks(tmp_path: Path) -> None:
    labeled = labeled_lines.load(folder(tmp_path, "a.png,A0123A 45C 6,7", "a.png,12D3B,"))
    assert labeled.texts == ("A0123A45C6", "12D3B")
    assert labeled.groups == ("7", "a.png")
    assert labeled.files == (tmp_path / "a.png",) * 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.png,12X,0", r"line 2: expected a file and symbols 0–9, A, B, C, D"),
        ("a.png,,0", "line 2: expected"),
        ("b.png,12,0", r"line 2: .*b\.png is missing"),
    ],
)
def test_bad_labels_are_refused(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message):
        labeled_lines.load(folder(tmp_path, row))


def test_no_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match=r"labels\.csv: not found"):
        labeled_lines.load(tmp_path)
    with pytest.raises(CheckreaderError, match="names no line"):
        labeled_lines.load(folder(tmp_path))


def test_folds_keep_a_check_together_and_the_record_names_no_picture(tmp_path: Path) -> None:
    labeled = labeled_lines.load(folder(tmp_path, *(f"a.png,12,{number // 3}" for number in range(30))))
    parts = labeled_lines.folds(labeled, 5, 0)
    assert sorted(int(i) for part in parts for i in part) == list(range(30))
    homes = [{number // 3 for number in part} for part in parts]
    assert sum(map(len, homes)) == 10
    with pytest.raises(CheckreaderError, match="10 groups of lines cannot be cut into 11 folds"):
        labeled_lines.folds(labeled, 11, 0)
    record = labeled.record()
    assert (record["n"], record["groups"]) == (30, 10)
    assert "a.png" not in str(record)
