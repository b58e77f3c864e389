"""Fields that are printed above or below the line are moved to its middle, column by column."""

from __future__ import annotations

import numpy as np
import pytest

from serving.images.micr_leveling import REACH, drops, leveled

DIGIT, HEIGHT = 20, 32


def line(*fields: tuple[int, int, int]) -> np.ndarray:
    """A band with fields of symbols: first column, one past the last, rows that they stand too low."""
    band = np.zeros((HEIGHT + 2 * REACH, 300), np.uint8)
    top = (len(band) - DIGIT) // 2
    for start, stop, drop in fields:
        for left in range(start, stop, 18):
            band[top + drop : top + drop + DIGIT, left : left + 12] = 255
    return band


@pytest.mark.parametrize("drop", [-REACH, -5, 2, 7, REACH])
def test_a_field_apart_is_moved_and_others_stay(drop: int) -> None:
    band = line((0, 72, 0), (120, 200, drop), (240, 300, 0))
    by_column = drops(band, DIGIT)
    assert set(by_column[120:186]) == {drop}
    assert not by_column[:80].any()
    assert not by_column[240:].any()
    assert (
        leveled(band, by_column, HEIGHT) == line((0, 72, 0), (120, 200, 0), (240, 300, 0))[REACH:-REACH]
    ).all()


def test_what_is_no_row_of_digits_stays() -> None:
    """A signature's stroke, taller than a digit, or a dash: nothing says where its line is."""
    band = line((0, 72, 0))
    band[4:50, 150:154] = 255
    band[40:44, 200:210] = 255
    assert not drops(band, DIGIT).any()


def test_a_slight_difference_stays() -> None:
    assert not drops(line((0, 72, 0), (120, 200, 1)), DIGIT).any()


def test_paper_alone() -> None:
    band = np.zeros((HEIGHT + 2 * REACH, 10), np.uint8)
    assert not leveled(band, drops(band, DIGIT), HEIGHT).any()


def test_a_smaller_field_is_moved_if_it_has_several_symbols() -> None:
    band = line((0, 72, 0))
    band[32:46, 120:190] = 255
    band[40:54, 240:252] = 255
    by_column = drops(band, DIGIT)
    assert set(by_column[120:190]) == {9}
    assert not by_column[240:].any()
