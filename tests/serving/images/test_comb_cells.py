import numpy as np

from serving.images.comb_cells import Comb, border, completed, holds_writing, written_cells
from serving.images.combs import find_comb
from tests.support.comb_pictures import CELL, LEFT, THICK, TOP, in_cells, rings, strip

PRINT = strip(8)
COMB = find_comb(PRINT | rings(in_cells(8), PRINT.shape[1]))
SAME = np.array([[1.0, 0, 0], [0, 1, 0]])


def test_borders() -> None:
    assert COMB is not None
    path, thick, share = border(PRINT, COMB, COMB.bottom)
    assert abs(int(path[100]) - (TOP + CELL + 0.5)) <= 1
    assert thick == THICK
    assert share == 1


def test_cells_that_hold_writing_are_counted() -> None:
    assert COMB is not None
    assert holds_writing(PRINT | rings(in_cells(8)[:4], PRINT.shape[1]), COMB)
    assert not holds_writing(PRINT | rings(in_cells(8)[:3], PRINT.shape[1]), COMB)


def test_written_cells_in_a_fields_columns() -> None:
    """The field begins 10 columns and 5 rows farther on, and is half as large."""
    assert COMB is not None
    pixels = (255 * rings(in_cells(8)[1:6], PRINT.shape[1])).astype(np.uint8)[5::2, 10::2]
    to_picture = np.array([[2.0, 0, 10], [0, 2, 5]])
    cells = written_cells(pixels, COMB, to_picture, len(PRINT))
    assert len(cells) == 5
    for number, (left, right) in enumerate(cells, 1):
        assert abs(left - (LEFT + 1 + number * CELL - 10) / 2) < 1
        assert abs(right - left - CELL / 2) < 1


def test_an_empty_cell_between_others_leaves_none() -> None:
    assert COMB is not None
    middles = in_cells(8)
    pixels = (255 * rings(middles[:3] + middles[4:], PRINT.shape[1])).astype(np.uint8)
    assert written_cells(pixels, COMB, SAME, len(PRINT)) == ()
    assert written_cells(np.zeros_like(pixels), COMB, SAME, len(PRINT)) == ()


def test_where_everything_is_dark_the_search_for_rules_ends() -> None:
    """Narrow cells in solid ink: the same column was found for ever."""
    dark = np.ones((30, 400), np.bool_)
    rules = np.array([10.5, 13.5, 16.5, 19.5])
    comb = Comb(0.0, (0.0, 0.0), (30.0, 0.0), rules, 1.0)
    completed_comb = completed(comb, dark, dark, 3.0)
    assert np.diff(completed_comb.rules).min() >= 1
