"""Drawn lines show their text where they say so, and are as different as real ones."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.synthesis import micr_lines
from pipeline.synthesis.scanner import PaperStock, paper_stock


@pytest.fixture(scope="module")
def stock() -> PaperStock:
    return paper_stock(np.random.default_rng(0), 4)


def test_equal_seeds_draw_equal_lines(stock: PaperStock) -> None:
    first, second = (micr_lines.draw_line(np.random.default_rng(3), stock) for _ in range(2))
    assert first.text == second.text
    assert np.array_equal(first.picture, second.picture)


def test_sizes_and_texts(stock: PaperStock) -> None:
    rng = np.random.default_rng(1)
    lines = [micr_lines.draw_line(rng, stock) for _ in range(60)]
    heights = [line.height for line in lines]
    assert 8 <= min(heights) < 18
    assert 34 < max(heights) <= 60
    for line in lines:
        assert line.picture.dtype == np.uint8
        assert line.text == line.text.strip()
        (left, _), (right, _) = line.ends
        assert left < right
        assert left > -line.height
        assert right < line.picture.shape[1] + line.height
    bitonal = sum(len(np.unique(line.picture)) <= 2 for line in lines)
    assert 10 < bitonal < 50


def test_ink_lies_between_the_ends(stock: PaperStock) -> None:
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(30):
        line = micr_lines.draw_line(rng, stock, "A021000021A 0123456789C")
        (left, top), (right, bottom) = line.ends
        middle = round((top + bottom) / 2)
        assert 0 < middle < len(line.picture)
        columns = np.linspace(left, right, 200).round().astype(int).clip(0, line.picture.shape[1] - 1)
        rows = np.linspace(top, bottom, 200).round().astype(int).clip(0, len(line.picture) - 1)
        levels = line.picture[rows, columns].astype(float)
        inside.append(np.ptp(levels))
    assert np.median(inside) > 60


def test_a_contact_sheet_is_written(tmp_path) -> None:
    micr_lines.write_sheet(str(tmp_path / "sheet.png"), count=2)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (1600, 240)
