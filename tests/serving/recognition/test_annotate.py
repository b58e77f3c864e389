"""Drawings of recognized fields."""

from __future__ import annotations

import numpy as np
import pytest

from serving.recognition import annotate
from serving.recognition.fields import FieldDigit, FieldPrediction
from serving.recognition.micr import MicrPrediction

GREEN, RED = (18, 120, 60), (190, 40, 40)
BOXES = [(20, 10, 30, 40), (80, 12, 30, 36)]


def prediction(accepted: bool = True, reason: str | None = None, boxes: list = BOXES) -> FieldPrediction:
    digits = [FieldDigit(4, 0.99, box) for box in boxes]
    return FieldPrediction(1, "44", "44", "44", None, 0.98, accepted, reason, digits, None, [])


def pixels(
    gray: np.ndarray, field: FieldPrediction, crop: tuple[int, int, int, int] | None = None
) -> np.ndarray:
    return np.asarray(annotate.draw(gray, field, crop))


def where(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    return (picture == color).all(-1)


PAPER = np.full((60, 160), 230, np.uint8)


def test_a_small_picture_is_enlarged() -> None:
    picture = pixels(PAPER, prediction())
    assert picture.shape[1] == 640
    assert picture.shape[0] > 4 * 60
    assert picture.shape[2] == 3
    # The paper, four times as large, below the margin with the digits.
    assert (picture[40:260, 5] == 230).all()


def test_a_large_picture_is_reduced() -> None:
    picture = pixels(np.full((600, 4800), 230, np.uint8), prediction())
    assert picture.shape[1] == 2400


@pytest.mark.parametrize(("accepted", "color", "other"), [(True, GREEN, RED), (False, RED, GREEN)])
def test_color_says_whether_it_is_accepted(accepted: bool, color, other) -> None:
    picture = pixels(PAPER, prediction(accepted, None if accepted else "unsure"))
    assert where(picture, color).sum() > 500
    assert not where(picture, other).any()


def test_a_box_stands_where_the_digit_is() -> None:
    frame = where(pixels(PAPER, prediction()), GREEN)
    margin = 32
    for x, y, width, height in BOXES:
        left, top, right, bottom = 4 * x, margin + 4 * y, 4 * (x + width) - 1, margin + 4 * (y + height) - 1
        assert frame[top, left : right + 1].all()
        assert frame[bottom, left : right + 1].all()
        assert frame[top : bottom + 1, left].all()
        assert frame[top : bottom + 1, right].all()
        assert not frame[top + 3 : bottom - 3, left + 3 : right - 3].any()


def test_of_a_crop_that_part_alone_is_drawn() -> None:
    gray = PAPER.copy()
    gray[:, 80:] = 100
    picture = pixels(gray, prediction(boxes=[(20, 10, 30, 40)]), (10, 5, 64, 50))
    assert picture.shape[1] == 640
    assert not (picture == 100).all(-1).any()
    frame = where(picture, GREEN)
    assert frame[32 + 50, 100:400].all()  # 10 columns and 5 rows into the part, ten times as large


def test_a_long_reason_is_broken_into_lines() -> None:
    short = pixels(PAPER, prediction(False, "unsure")).shape[0]
    long = pixels(PAPER, prediction(False, "unsure: the confidence is below the threshold " * 3)).shape[0]
    assert long - short in (60, 90)


def test_nothing_read() -> None:
    empty = FieldPrediction(1, "", "", None, None, 0.0, False, "blank: no ink found", [], None, [])
    picture = pixels(PAPER, empty)
    assert where(picture, RED).sum() > 100
    assert (picture[32:260, 10:600] == 230).all()


def test_a_micr_line_has_its_letters() -> None:
    line = MicrPrediction(1, "A 4", "⑆ 4", None, {}, None, 0.98, True, None, BOXES)
    picture = pixels(PAPER, line)
    assert where(picture, GREEN).any()
    assert (pixels(PAPER, prediction()) != picture).any()
