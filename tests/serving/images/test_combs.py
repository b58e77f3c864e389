import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageFont

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


def test_rules_between_groups_of_cells_alone() -> None:
    """As on Canadian checks' dates: |0|3||0|2||2|0|2|1| without frame, and digits whose sides end alike, too."""
    pairs, pitch, apart = (2, 2, 4), 30, 8
    picture, places = np.zeros((40, 8 * pitch + 2 * apart), np.bool_), []
    left = 0
    for count in pairs:
        for number in range(count):
            places.append(left + pitch * (number + 0.5))
            if left + pitch * number > 0:  # the picture ends at the outer rules
                picture[:, left + pitch * number - 1 : left + pitch * number + 1] = True
            if left + pitch * (number + 1) < picture.shape[1]:
                picture[:, left + pitch * (number + 1) - 1 : left + pitch * (number + 1) + 1] = True
        left += pitch * count + apart
    for place in places:
        picture[10:30, round(place) - 6 : round(place) + 6] = True
        picture[13:27, round(place) - 3 : round(place) + 3] = False
    comb = find_comb(picture)
    assert comb is not None
    np.testing.assert_allclose([(first + last) / 2 for first, last in comb.cells], places, atol=2)


@pytest.mark.parametrize("size", [24, 28, 32, 40])
@pytest.mark.parametrize("blur", [0.0, 0.7, 1.0])
def test_a_machines_print_is_none(size: int, blur: float) -> None:
    """Its digits' sides stand as regularly as rules, and end alike."""
    font = ImageFont.load_default(size)
    for text in ("04/10/2007", "10/13/2028", "**1,625.36", "25/12/2009", "88,808.80"):
        for spacing in (0, 1, 2):
            width = sum(font.getlength(sign) + spacing for sign in text)
            paper = Image.new("L", (math.ceil(width) + 6, math.ceil(0.9 * size) + 6), 0)
            place = 3.0
            for sign in text:
                ImageDraw.Draw(paper).text((place, 0), sign, fill=255, font=font)
                place += font.getlength(sign) + spacing
            picture = np.asarray(paper.filter(ImageFilter.GaussianBlur(blur)))
            assert find_comb(picture > 64) is None, (text, spacing)


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
