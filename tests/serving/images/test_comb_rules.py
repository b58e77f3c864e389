import numpy as np
import pytest

from serving.images import comb_rules
from tests.support.comb_pictures import CELL, LEFT, TOP, strip


@pytest.mark.parametrize("slope", [0.0, 0.037, -0.055])
def test_upright_slope(slope: float) -> None:
    measured = comb_rules.upright_slope(strip(8, -slope, 80))
    assert measured == pytest.approx(slope, abs=0.02)


def test_too_few_upright_lines() -> None:
    assert comb_rules.upright_slope(strip(2)) is None
    assert comb_rules.upright_slope(np.zeros((60, 200), np.bool_)) is None


def test_sheared_lines_are_upright() -> None:
    dark = strip(8, 0.05, 80)
    upright = comb_rules.sheared(dark, -0.05)
    assert comb_rules.upright_slope(upright) == pytest.approx(0, abs=0.001)
    np.testing.assert_array_equal(upright[40], dark[40])


def test_uprights() -> None:
    columns, tops, bottoms, thick = comb_rules.uprights(strip(8), 20)
    np.testing.assert_allclose(columns, LEFT + 1 + CELL * np.arange(9))
    assert set(tops) == {TOP}
    assert set(bottoms) == {TOP + CELL + 2}
    assert set(thick) == {2}


def test_lines_of_equal_ends() -> None:
    columns = 30.0 * np.arange(8)
    tops, bottoms = 5 + 0.02 * columns, 40 + 0.02 * columns
    tops[3] += 9
    group = comb_rules.of_equal_ends(columns, tops, bottoms, -0.02, 2)
    assert group.tolist() == [number != 3 for number in range(8)]


def test_the_smallest_width_that_most_rules_keep() -> None:
    columns = np.sort(np.append(30.0 * np.arange(8), 47.0))
    width, members = comb_rules.cell_width(columns, 40)
    assert width == pytest.approx(30)
    assert columns[~members].tolist() == [47.0]


def test_a_line_through_ends_passes_over_one_that_differs() -> None:
    columns = 20.0 * np.arange(9)
    rows = 7 + 0.03 * columns
    rows[4] += 6
    start, slope = comb_rules.line_through(columns, rows, 0.02)
    assert (start, slope) == (pytest.approx(7), pytest.approx(0.03))


@pytest.mark.parametrize(
    ("gaps", "regular"),
    [
        ([30] * 6, True),
        ([30, 30, 45, 30, 45, 30, 30, 30], True),
        ([30, 17, 44, 30, 12, 30], False),
        ([30, 7, 30, 31, 7, 30, 30, 30], True),
        ([30, 7, 30, 44, 7, 30, 30, 30], False),
    ],
)
def test_regular_rules(gaps: list[float], regular: bool) -> None:
    assert comb_rules.is_regular(np.cumsum([0.0, *gaps]), 30) is regular
