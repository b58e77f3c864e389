"""A sheet remembers where ink lies, and sets MICR lines at their true size."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis import check_sheet
from pipeline.synthesis.check_sheet import Sheet
from serving.images import e13b


def test_ink_is_remembered_where_it_lies() -> None:
    sheet = Sheet((2.0, 1.0), 100)
    sheet.ink("amount", np.ones((10, 20), np.float32), 150, 30, 0.8)
    sheet.ink(None, np.ones((5, 5), np.float32), 0, 0, 0.5)
    points = sheet.outlines["amount"]
    assert points.min(0).tolist() == [150, 30]
    assert points.max(0).tolist() == [170, 40]
    assert sheet.light[35, 160] == pytest.approx(0.2)
    assert sheet.light[2, 2] == pytest.approx(0.5)
    assert set(sheet.outlines) == {"amount"}


@pytest.mark.parametrize(("x", "y"), [(-10, 20), (190, 95), (-500, 0), (0, 500)])
def test_ink_beyond_the_edge_is_cut_off(x: float, y: float) -> None:
    sheet = Sheet((2.0, 1.0), 100)
    sheet.ink("memo", np.ones((10, 20), np.float32), x, y, 1.0)
    points = sheet.outlines.get("memo", np.zeros((0, 2)))
    assert ((points >= 0) & (points <= (200, 100))).all()
    assert (sheet.light == 0).any() == bool(len(points))


def test_outlines_span_the_ink() -> None:
    inked = np.zeros((8, 9), bool)
    inked[2, 3] = inked[5, 7] = True
    points = check_sheet.outline(inked)
    assert points.min(0).tolist() == [3, 2]
    assert points.max(0).tolist() == [8, 6]
    assert len(check_sheet.outline(np.zeros((3, 3), bool))) == 0


@pytest.mark.parametrize("dpi", [100.0, 203.7, 300.0])
def test_a_micr_line_shows_its_symbols_at_their_pitch(dpi: float) -> None:
    """Each position, an eighth of an inch from the next, looks most like the symbol that stands there."""
    text = "C001025C A021000021A 8D76543B"
    cover = check_sheet.micr_cover(text, dpi)
    module = 0.013 * dpi
    size = round(7 * module), round(9 * module)
    shapes = {
        symbol: e13b.raster(glyph, (module, module), size).astype(float)
        for symbol, glyph in e13b.GLYPHS.items()
    }
    seen = ""
    for index in range(len(text)):
        right = round(cover.shape[1] - 1 - (len(text) - 1 - index) * 0.125 * dpi)
        part = np.pad(cover, ((1, 3), (12, 12)))
        scores = {
            symbol: max(
                np.corrcoef(shape.ravel(), part[top : top + size[1], left : left + size[0]].ravel())[0, 1]
                for top in range(3)
                for left in range(right + 12 - size[0] - 1, right + 12 - size[0] + 2)
            )
            for symbol, shape in shapes.items()
            if part[:, right + 12 - size[0] : right + 12].any()
        }
        seen += max(scores, key=lambda symbol: scores[symbol]) if scores else " "
    assert seen == text


@pytest.mark.parametrize("face", [*check_sheet.FACES, *check_sheet.TEST_FACES, *check_sheet.MACHINE_FACES])
def test_every_font_is_there_and_prints(face: str) -> None:
    assert check_sheet.printed("**1,250.50", face, 20).max() > 0.8


def test_the_font_of_signs_has_them_all() -> None:
    signs = [check_sheet.printed(sign, check_sheet.SIGNS, 30) for sign in "$£₹\uffff"]
    assert len({sign.tobytes() for sign in signs}) == 4


def test_fonts_of_the_test_print_no_training() -> None:
    assert not set(check_sheet.TEST_FACES) & set(check_sheet.FACES)


def test_text_is_printed_on_the_form() -> None:
    sheet = Sheet((2.0, 1.0), 100)
    right = sheet.print("PAY TO THE\nORDER OF", 10, 50, 0.1, check_sheet.FACES[0])
    rows, columns = np.nonzero(np.asarray(sheet.form) < 200)
    assert columns.min() >= 9
    assert columns.max() <= right + 1
    assert rows.max() > 52
