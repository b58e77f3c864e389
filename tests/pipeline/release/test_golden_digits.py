from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.release import digit, golden_digits, release
from pipeline.run import Run
from pipeline.synthesis import digit_drawing
from serving.errors import CheckreaderError

# Keras asks its variables for an array in NumPy 1's way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def test_they_are_the_same_each_time(
    digit_models: Path, digit_run: Run, real_digits: None, tmp_path: Path
) -> None:
    release.release(digit_run, tmp_path, digit.RELEASE)
    for path in (digit_models / "golden").iterdir():
        assert path.read_bytes() == (tmp_path / "golden" / path.name).read_bytes()


def test_each_digit_twice_with_every_formats_answer(digit_models: Path) -> None:
    content = (digit_models / "golden" / "digits.json").read_bytes()
    names = [f"{label}{which}.png" for which in "ab" for label in range(10)]
    assert golden_digits.pictures(content) == names
    for entry in json.loads(content)["digits"]:
        assert set(entry["expected"]) == {"lenet5", "lenet5-int8"}
        for formats in entry["expected"].values():
            assert all(int(np.argmax(answer)) == entry["digit"] for answer in formats.values())


def test_the_sheet_has_two_rows_of_ten(digit_models: Path) -> None:
    assert golden_digits.sheet(digit_models / "golden").size == (960, 244)


def test_no_drawing_is_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = np.full((28, 28), 255, np.uint8)
    monkeypatch.setattr(digit_drawing, "digit", lambda *_: blank)
    with pytest.raises(CheckreaderError, match="not released: in 100 drawings of a 0 none is read by every"):
        release.release(run, tmp_path / "models", digit.RELEASE)
    assert not (tmp_path / "models" / "manifest.json").exists()
