import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.images.combs import find_comb
from tests.support.comb_pictures import CELL, HEIGHT, LEFT, THICK, TOP, boxes, in_cells, rings, strip, ticks


@pytest.mark.parametrize("slope", [0.0, 0.03, -0.03])
@pytest.mark.parametrize("cells", [5, 8, 12])
def test_a_strip_with_a_digit_in_each_cell(cells: int, slope: float) -> None:
    print_ = strip(cells, slope, 80 if slope else HEIGHT)
    ink = np.zeros_like(print_)
    ink[:HEIGHT] = rings(in_cells(cells), print_.shape[1], 8)
    comb = find_comb(print_ | ink)
    assert comb is not None
    assert len(comb.cells) == cells
    assert comb.closed == (True, True)
    np.testing.assert_allclose([right - left for left, right in comb.cells], CELL, atol=2)
    assert comb.slope == pytest.approx(-slope, abs=0.01)


def test_boxes_apart() -> None:
    print_ = boxes(6)
    pitch = CELL + THICK + 8
    middles = [LEFT + (CELL + THICK) / 2 + pitch * number for number in range(6)]
    comb = find_comb(print_ | rings(middles, print_.shape[1]))
    assert comb is not None
    assert [round((left + right) / 2 / pitch - 0.6) for left, right in comb.cells] == list(range(6))


def test_rules_alone_have_cells_beside_them_where_there_is_writing() -> None:
    print_ = strip(8)
    print_[TOP : TOP + THICK] = print_[TOP + CELL : TOP + CELL + THICK] = False
    print_[:, : LEFT + THICK] = print_[:, LEFT + 8 * CELL :] = False
    comb = find_comb(print_ | rings(in_cells(8), print_.shape[1]))
    assert comb is not None
    assert (len(comb.rules), len(comb.cells), comb.closed) == (7, 8, (False, False))


def test_ticks_on_a_base_line() -> None:
    print_ = ticks(8)
    line = np.full(print_.shape[1], -1)
    line[LEFT : LEFT + 8 * CELL] = TOP + CELL
    picture = print_ | rings(in_cells(8), print_.shape[1])
    comb = find_comb(picture, [line])
    assert comb is not None
    assert len(comb.cells) == 8
    assert find_comb(picture) is None  # without the line they may be strokes


def test_a_hidden_rule_is_between_two_cells() -> None:
    print_ = strip(8)
    hidden = LEFT + 3 * CELL
    print_[TOP + THICK : TOP + CELL, hidden : hidden + THICK] = False
    comb = find_comb(print_ | rings(in_cells(8), print_.shape[1]))
    assert comb is not None
    assert len(comb.cells) == 8


def test_an_empty_comb_is_none() -> None:
    assert find_comb(strip(8)) is None


@pytest.mark.parametrize("radius", [9.0, 14.0, 18.0])
def test_rows_of_digits_are_none(radius: float) -> None:
    """Zeros' sides are upright, stand in pairs at one pitch, and end alike."""
    zeros = rings(in_cells(8), 8 * CELL + 2 * LEFT, radius, HEIGHT / 2)
    assert find_comb(zeros) is None
    ones = np.zeros_like(zeros)
    for center in in_cells(8):
        ones[8:52, int(center) : int(center) + 3] = True
    assert find_comb(ones) is None  # nothing is written between them
    assert find_comb(np.zeros_like(ones)) is None
    assert find_comb(np.ones_like(ones)) is None


@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 80),
    width=st.integers(1, 200),
    share=st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_any_picture(seed: int, height: int, width: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    dark = rng.random((height, width)) < share
    dark[:, :: int(rng.integers(2, 30))] |= rng.random() < 0.5
    dark[:: int(rng.integers(2, 30))] |= rng.random() < 0.5
    line = np.full(width, int(rng.integers(height)))
    comb = find_comb(dark, [line])
    if comb is not None:
        assert len(comb.cells) >= 4
        assert all(left < right for left, right in comb.cells)
