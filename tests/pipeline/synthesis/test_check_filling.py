"""Ink stands in the field that is named for it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis.check_filling import fill_in
from pipeline.synthesis.check_hands import Hands, invented_hands
from pipeline.synthesis.check_layouts import layout, numbers
from pipeline.synthesis.check_sheet import Sheet
from pipeline.synthesis.check_text import CheckText, check_text

DPI = 100


@pytest.fixture(scope="module")
def hands() -> Hands:
    return invented_hands("test", 3)


def filled(number: int, machine: bool, hands: Hands, seed: int = 0) -> tuple[Sheet, CheckText]:
    rng = np.random.default_rng([seed, number])
    text = check_text(layout(number), machine, rng)
    return fill_in(layout(number), text, DPI, hands, rng), text


@pytest.mark.parametrize("machine", [False, True])
def test_boxes_touch_the_ink_that_they_name(hands: Hands, machine: bool) -> None:
    for number in numbers("test")[::3]:
        sheet, _ = filled(number, machine, hands)
        assert {"amount", "date", "payee", "words", "micr", "signature"} <= set(sheet.outlines)
        for field, points in sheet.outlines.items():
            (left, top), (right, bottom) = points.min(0).astype(int), points.max(0).astype(int)
            inked = sheet.light[top:bottom, left:right] < 0.85
            assert inked[0].any(), field
            assert inked[-1].any(), field
            assert inked[:, 0].any(), field
            assert inked[:, -1].any(), field


@pytest.mark.parametrize("machine", [False, True])
def test_fields_are_written_where_the_layout_says(hands: Hands, machine: bool) -> None:
    for number in numbers("test")[1::3]:
        sheet, _ = filled(number, machine, hands)
        for field in ("amount", "date"):
            left, top, right, bottom = sheet.box(layout(number).places[field])
            x, y = sheet.outlines[field].min(0) / 2 + sheet.outlines[field].max(0) / 2
            assert left - 10 < x < right + 10, (number, field)
            assert top - 15 < y < bottom + 15, (number, field)


def test_the_micr_line_stands_whole_at_its_true_place(hands: Hands) -> None:
    for number in numbers("test"):
        sheet, text = filled(number, False, hands)
        (left, top), (right, bottom) = sheet.outlines["micr"].min(0), sheet.outlines["micr"].max(0)
        assert right - left == pytest.approx((len(text.micr) - 1) * 0.125 * DPI + 6 * 0.013 * DPI, abs=6)
        assert right < sheet.width
        assert 0.15 < (sheet.height - bottom) / DPI < 0.35
        assert bottom - top == pytest.approx(0.117 * DPI, abs=3)
        if text.micr.endswith("B"):
            assert 0.2 < (sheet.width - right) / DPI < 0.45
