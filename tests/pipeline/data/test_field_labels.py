"""What labels may say of a field."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import field_labels
from pipeline.networks.lenet5_field import ALPHABET
from serving.errors import CheckreaderError


@pytest.mark.parametrize(
    ("label", "text", "written"),
    [
        ("125 xx/100", "125", "125xx/100"),
        ("1,250/-", "1250", "1,250/-"),
        ("125 50/100", "12550", "12550/100"),
        ("50.", "50", "50."),
        (" ", "1.250", "1.250"),
        (None, "1250", "1250"),
    ],
)
def test_written(label: str | None, text: str, written: str) -> None:
    assert field_labels.written(label, text, "here") == written


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("$1250", r"labels.csv: line 3: written '\$1250' has '\$': write at most 200 of 0123456789\.,/-x"),
        ("1250·", "written '1250·' has '·'"),
        ("125", "written '125' does not begin with 1250, the digits of the text: correct one"),
        ("/-", "does not begin with 1250"),
        ("1250" + 200 * "-", "is 204 symbols long"),
    ],
)
def test_written_otherwise(label: str, message: str) -> None:
    with pytest.raises(CheckreaderError, match=message) as error:
        field_labels.written(label, "1.250", "labels.csv: line 3")
    assert "\n" not in str(error.value)


@given(st.text("0123456789", min_size=1, max_size=9), st.text(ALPHABET.marks, max_size=3), st.integers(0, 9))
def test_marks_stand_anywhere(text: str, marks: str, place: int) -> None:
    label = f"{text[:place]}{marks} {text[place:]}"
    assert field_labels.written(label, text, "here") == label.replace(" ", "")


@pytest.mark.parametrize("label", ["1250", "1250.50", "0.5"])
def test_amount(label: str) -> None:
    assert field_labels.amount(f" {label} ", "here") == label
    assert field_labels.amount(None, "here") is field_labels.amount(" ", "here") is None


@pytest.mark.parametrize("label", ["1,250", "$5", "5.", ".5", "-1", "nan", "9" * 201])
def test_no_amount(label: str) -> None:
    with pytest.raises(CheckreaderError, match=r"line 7: amount '.*' is no decimal such as 1250 or 1250\.50"):
        field_labels.amount(label, "line 7")


def test_marks_are_those_that_occur(tmp_path: Path) -> None:
    assert field_labels.marks(tmp_path, ["1250", "1.250,5", "7/-"]) == ".,/-"
    assert field_labels.marks(tmp_path, ["1250"]) == ""


def test_marks_are_declared(tmp_path: Path) -> None:
    (tmp_path / "marks.txt").write_text("x ,./\n")
    assert field_labels.marks(tmp_path, ["1,250"]) == ".,/x"


@pytest.mark.parametrize("content", [b".", b".,$", b".,7", b".,\xff"])
def test_marks_that_cannot_be_declared(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "marks.txt").write_bytes(content)
    with pytest.raises(
        CheckreaderError, match=r"marks.txt: it must name marks among \.,/-x, and all that labels have: ,"
    ):
        field_labels.marks(tmp_path, ["1,250"])
