"""Drawn checks are decided by their seed, and their labels name what they show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.synthesis import check_drawing
from pipeline.synthesis.check_drawing import draw
from pipeline.synthesis.check_hands import Hands, invented_hands
from pipeline.synthesis.check_layouts import TEST
from serving.images.micr_line import PITCH, normalize_micr_line


@pytest.fixture(scope="module")
def hands() -> Hands:
    return invented_hands("train", 3)


@pytest.fixture(scope="module")
def checks(hands: Hands) -> list[check_drawing.DrawnCheck]:
    return [draw("train", (0, index), hands) for index in range(10)]


def test_equal_seeds_draw_equal_checks(hands: Hands, checks: list[check_drawing.DrawnCheck]) -> None:
    again = draw("train", (0, 3), hands)
    assert np.array_equal(again.picture, checks[3].picture)
    assert again.label() == checks[3].label()
    other = draw("train", (1, 3), hands)
    assert other.label() != checks[3].label()


def test_layouts_for_tests_are_never_drawn_for_training(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="layout 41 is not of the part train"):
        draw("train", (0, 0), hands, 41)
    with pytest.raises(ValueError, match="layout 61 is not of the part test"):
        draw("test", (0, 0), hands, 61)
    numbers = []
    monkeypatch.setattr(check_drawing, "layout", lambda number: numbers.append(number) or 1 / 0)
    for part in ("train", "test"):
        for seed in range(300):
            with pytest.raises(ZeroDivisionError):
                draw(part, (0, seed), hands)
    assert not set(numbers[:300]) & set(TEST)
    assert set(numbers[300:]) == set(TEST)


def test_boxes_lie_in_the_picture_and_hold_ink(checks: list[check_drawing.DrawnCheck]) -> None:
    for check in checks:
        height, width = check.picture.shape
        assert {"amount", "date", "words", "micr"} <= set(check.boxes)
        for field, (left, top, right, bottom) in check.boxes.items():
            assert 0 <= left < right <= width, field
            assert 0 <= top < bottom <= height, field
        left, top, right, bottom = (round(edge) for edge in check.boxes["micr"])
        part = check.picture[top:bottom, left:right]
        assert np.ptp(np.percentile(part, (3, 75))) > 25
        for place in check.places.values():
            assert 0 <= min(place) < max(place) <= 1


def test_the_micr_line_of_the_label_stands_in_its_box(hands: Hands) -> None:
    """A line is found there, as long as the label says."""
    lines = 0
    for seed in range(40):
        check = draw("train", (2, seed), hands) if lines < 4 else None
        if check is None or check.kind != "scan" or check.corners[0, 0] > check.corners[1, 0]:
            continue
        left, top, right, bottom = (round(edge) for edge in check.boxes["micr"])
        margin = (bottom - top) // 2
        line = normalize_micr_line(
            check.picture[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
        )
        assert line.problem is None
        assert line.pixels.shape[1] / PITCH == pytest.approx(len(check.text.micr), abs=1.5)
        lines += 1
    assert lines == 4


def test_labels_are_json_with_one_value_for_each_thing(checks: list[check_drawing.DrawnCheck]) -> None:
    for check in checks:
        label = json.loads(json.dumps(check.label()))
        assert label["amount"] == f"{check.text.amount:.2f}"
        assert label["date"] == check.text.date.isoformat()
        assert "  " not in label["micr"]
        assert len(label["corners"]) == 4
        assert set(label["boxes"]) == set(label["places"]) == set(check.boxes)
        assert label["amount_is"] == ("printed" if check.machine else "handwritten")


def test_a_contact_sheet_is_written(
    tmp_path: Path, hands: Hands, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(check_drawing, "invented_hands", lambda part: hands)
    monkeypatch.setattr(check_drawing, "SHEET", 2)
    assert check_drawing.main([str(tmp_path / "sheet.png")]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (2480, 420)
    assert check_drawing.main([str(tmp_path / "none" / "sheet.png")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
