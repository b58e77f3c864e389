from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.images.bands import dark_bands, shifted, widened

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


def test_a_band_is_dark_where_enough_of_its_rows_are() -> None:
    dark = np.zeros((13, 4), np.bool_)  # four bands of three rows; the last row is in none
    dark[0:3, 0] = True
    dark[3:5, 1] = True
    dark[9:12, 2] = True
    dark[12, 3] = True
    assert np.argwhere(dark_bands(dark, 4, 0.6)).tolist() == [[0, 0], [1, 1], [3, 2]]
    assert np.argwhere(dark_bands(dark, 4, 1.0)).tolist() == [[0, 0], [3, 2]]


def test_bands_of_more_rows_than_a_byte_counts_are_dark() -> None:
    assert dark_bands(np.ones((2 * 256, 3), np.bool_), 2, 0.8).all()


def test_widened_bands_reach_to_the_columns_beside_them() -> None:
    bands = np.array([[True, False, False, False], [False, False, False, True]])
    assert widened(bands).tolist() == [[True, True, False, False], [False, False, True, True]]


@given(MASKS, st.data())
def test_rows_are_moved_to_the_left_by_each_of_several_shifts(mask: np.ndarray, data: st.DataObject) -> None:
    rows, columns = mask.shape
    shifts = data.draw(hnp.arrays(np.int64, (2, rows), elements=st.integers(-15, 15)))
    width = data.draw(st.integers(1, 15))
    moved = shifted(mask, shifts, width)
    assert moved.shape == (2, rows, width)
    for index, row, column in np.ndindex(moved.shape):
        place = column + shifts[index, row]
        assert moved[index, row, column] == (0 <= place < columns and mask[row, place])
