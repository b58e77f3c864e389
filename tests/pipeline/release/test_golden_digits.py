from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.export.formats import FORMATS
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


class Unsure:
    """Reads each drawing as the next of its answers, as both formats would."""

    def __init__(self, answers: list[tuple[int, float]]) -> None:
        self.rows = []
        for label, probability in answers:
            row = np.full(10, (1 - probability) / 9, np.float32)
            row[label] = probability
            self.rows += [row, row]
        self.calls = 0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.calls += 1
        return self.rows[(self.calls - 1) % len(self.rows)][np.newaxis]


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        ([(0, 0.8), (0, 0.9), (0, 0.85)], (0, 0.9)),  # the surest, where none is sure
        ([(0, 0.8), (0, 0.999), (0, 0.9999)], (0, 0.999)),  # the first that is sure
        ([(3, 0.99), (0, 0.8)], (0, 0.8)),  # rather read right
        ([(3, 0.9), (3, 0.95)], (3, 0.95)),  # a model of other handwriting
        ([(0, 0.5), (0, 0.76)], (0, 0.76)),  # never one that a last place could turn
    ],
)
def test_which_drawing_is_taken(
    answers: list[tuple[int, float]],
    chosen: tuple[int, float],
    digit_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unsure = Unsure(answers)
    monkeypatch.setattr(golden_digits, "predictor", lambda row, path: unsure)
    rows = [row for row in FORMATS if row.name in ("onnx_float32", "onnx_int8")]
    monkeypatch.setattr(golden_digits, "COUNT", 1)
    golden_digits.write(digit_run, rows, tmp_path)
    (entry,) = json.loads((tmp_path / "golden" / "digits.json").read_text())["digits"]
    for formats in entry["expected"].values():
        for answer in formats.values():
            assert (int(np.argmax(answer)), round(max(answer), 4)) == chosen


def test_no_drawing_is_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = np.full((28, 28), 255, np.uint8)
    monkeypatch.setattr(digit_drawing, "digit", lambda *_: blank)
    with pytest.raises(
        CheckreaderError, match="not released: of 100 drawings of a 0 the formats read none alike"
    ):
        release.release(run, tmp_path / "models", digit.RELEASE)
    assert not (tmp_path / "models" / "manifest.json").exists()
