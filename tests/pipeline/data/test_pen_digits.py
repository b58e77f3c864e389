from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.data import pen_digits
from tests.support import unipen_files

DONORS = ["ab", "app", "ced", "cd"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A distribution in which `cd` calls a zero four and `ced` a seven eight."""
    unipen_files.write_digits(tmp_path, DONORS)
    for donor, before, after in (("cd", "0", "4"), ("ced", "7", "8")):
        file = tmp_path / "data" / "1a" / donor / f"{donor}1.dat"
        file.write_text(file.read_text().replace(f'"{before}"', f'"{after}"', 1))
    return tmp_path


def test_parts(folder: Path) -> None:
    digits = pen_digits.load(folder)
    assert digits is not None
    assert {character.donor for character in digits.train} == {"ab", "cd"}
    assert {character.donor for character in digits.validation} == {"app", "ced"}
    assert [(c.donor, c.label) for c in digits.mislabeled] == [("cd", "4"), ("ced", "8")]
    assert (len(digits.train), len(digits.validation), len(digits.unfiltered_validation)) == (39, 39, 40)
    record = digits.record()
    assert record["train"]["cd"] == {str(label): 2 - (label == 0) for label in range(10)}
    assert record["mislabeled"] == {"cd": {"4": 1}, "ced": {"8": 1}}
    assert (record["sha256"], record["passed_over"]) == (digits.sha256, 0)


def test_equal_data_give_equal_parts(folder: Path) -> None:
    first, second = pen_digits.load(folder), pen_digits.load(folder)
    assert first is not None
    assert second is not None
    assert first.record() == second.record()


def test_without_unipen_there_is_nothing(tmp_path: Path) -> None:
    assert pen_digits.load(tmp_path) is None


def test_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pen_digits.main([str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "train: 39",
        "validation: 39",
        "mislabeled: 2",
    ]
    assert "  ced    19  0:2 1:2 2:2 3:2 4:2 5:2 6:2 7:1 8:2 9:2" in lines


def test_command_without_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pen_digits.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
