"""Rows of symbols of one height are found among other components."""

from __future__ import annotations

import numpy as np
import pytest

from serving.images.connected_components import Components
from serving.images.micr_rows import find_rows


def page(slope: float = 0.0, height: int = 20, count: int = 12) -> np.ndarray:
    mask = np.zeros((200, 600), np.bool_)
    for index in range(count):
        x = 40 + 40 * index
        y = round(120 + slope * x)
        mask[y : y + height, x : x + 12] = True
    return mask


def test_a_row_is_measured() -> None:
    (row,) = find_rows(Components.of(page()))
    assert row.count == 12
    assert (row.top, row.height, row.left, row.right) == pytest.approx((120, 20, 40, 492))
    assert abs(row.slope) < 0.002


def test_a_sloping_row_is_one_row() -> None:
    (row,) = find_rows(Components.of(page(0.05)))
    assert row.count == 12
    assert abs(row.slope - 0.05) < 0.005


def test_the_larger_of_two_rows_comes_first() -> None:
    mask = page()
    for x in range(50, 300, 50):
        mask[40:60, x : x + 10] = True
    first, second = find_rows(Components.of(mask))
    assert (first.count, second.count) == (12, 5)


def test_other_strokes_are_no_members() -> None:
    mask = page()
    mask[10:190, 300:304] = True  # a stroke across
    mask[30:34, 400:403] = True
    row = find_rows(Components.of(mask))[0]
    assert row.height == pytest.approx(20)
    assert 10 <= row.count <= 12


def test_two_symbols_are_no_row() -> None:
    assert find_rows(Components.of(page(count=2))) == []


def test_a_cut_maps_to_the_picture() -> None:
    (row,) = find_rows(Components.of(page()))
    x, y = row.matrix(row.left, row.top, 2.0, 1.0) @ [10, 5, 1]
    assert (round(x), round(y)) == (60, 125)
