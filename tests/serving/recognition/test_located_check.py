"""Checks in pictures: which way up, where their fields lie, and what cannot be found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from serving.errors import CheckreaderError
from serving.images.check_paper import Paper
from serving.images.perspective import Perspective, picture_corners
from serving.images.runs import runs
from serving.recognition import boxes, check_layout, located_check
from serving.recognition.check_locator import Located
from serving.recognition.located_check import LocatedCheck, by_layout, cut, locate_pictures, turned
from tests.support.tiny import png, tiff
from tests.support.whole_checks import HEIGHT, WIDTH, check, layout

FLAT = np.asarray(check())
WHOLE = picture_corners(FLAT.shape)


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch):
    """Says where the paper lies: what finds it has tests of its own."""

    def put(corners: np.ndarray | None, problem: str | None = None) -> None:
        monkeypatch.setattr(located_check, "find_paper", lambda pixels: Paper(corners, problem))

    put(WHOLE)
    return put


def test_fields_are_cut_out_with_a_margin(paper) -> None:
    (located,) = locate_pictures([png(check())], by_layout(layout()))
    assert (located.page, located.size, located.problem) == (1, (WIDTH, HEIGHT), None)
    assert located.corners == [(0.0, 0.0), (WIDTH, 0.0), (WIDTH, HEIGHT), (0.0, HEIGHT)]
    assert set(located.fields) == {"amount", "date", "micr", "check_number"}
    places = check_layout.boxes(layout(), WIDTH, HEIGHT)
    for name, field in located.fields.items():
        x, y, width, height = places[name]
        assert field.corner[0] < x, name
        assert field.corner[1] < y, name
        assert field.size[0] > width, name
        assert field.size[1] > height, name
        assert field.field.problem is None, name
    assert located.scores == {}


def test_boxes_lie_around_the_ink(paper) -> None:
    (located,) = locate_pictures([png(check())], by_layout(layout()))
    places = check_layout.boxes(layout(), WIDTH, HEIGHT)
    assert located.boxes["micr"] == places["micr"]
    for name in ("amount", "date", "check_number"):
        left, top, width, height = places[name]
        rows, columns = np.nonzero(FLAT[top : top + height, left : left + width] < 128)
        x, y, across, down = located.boxes[name]
        edges = x, y, x + across, y + down
        ink = left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1
        np.testing.assert_allclose(edges, ink, atol=2, err_msg=name)


def test_a_place_without_ink_is_where_it_was_looked_for(paper) -> None:
    (located,) = locate_pictures([png(check(date=""))], by_layout(layout()))
    assert located.fields["date"].field.problem is not None
    assert located.boxes["date"] == check_layout.boxes(layout(), WIDTH, HEIGHT)["date"]


@pytest.mark.parametrize(("name", "farther"), [("check_number", True), ("date", True), ("amount", False)])
@pytest.mark.parametrize("side", ["left", "right"])
def test_ink_that_goes_on_beyond_a_part_is_taken_in(name: str, farther: bool, side: str) -> None:
    """A finder's box may end within a digit; but left of an amount there is a sign."""
    x, y, width, height = check_layout.boxes(layout(), WIDTH, HEIGHT)[name]
    inked = (FLAT[y : y + height, x : x + width] < 128).any(0)
    digits = [(x + first, x + last) for first, last in runs(inked)]
    first, last = digits[0][0], digits[-1][1]
    margin = 6  # of a box of 30 rows
    start = sum(digits[0]) // 2 + margin if side == "left" else first
    stop = sum(digits[-1]) // 2 - margin if side == "right" else last
    box = (start, y + 18, stop - start, 30)
    source = cut(FLAT, box, name)
    left, _, across, _ = boxes.ink_box(source.field, source.corner, source.size)
    end = (left, first) if side == "left" else (left + across, last)
    assert (abs(end[0] - end[1]) <= 2) == farther


def test_words_are_a_place_alone(paper) -> None:
    places = layout("amount") | {"words": (0.1, 0.4, 0.6, 0.5)}
    (located,) = locate_pictures([png(check())], by_layout(places))
    assert set(located.boxes) == {"amount", "words"}
    assert set(located.fields) == {"amount"}


def test_a_layout_turns_a_check_that_is_upside_down(paper) -> None:
    upright, upside_down = (
        locate_pictures([png(sheet)], by_layout(layout()))[0] for sheet in (check(), check().rotate(180))
    )
    assert upside_down.corners == [upright.corners[index] for index in (2, 3, 0, 1)]
    for name, field in upright.fields.items():
        np.testing.assert_array_equal(upside_down.fields[name].field.pixels, field.field.pixels)
    x, y, width, height = upright.in_picture(upright.boxes["amount"])
    turned_box = upside_down.in_picture(upside_down.boxes["amount"])
    assert turned_box == (WIDTH - x - width, HEIGHT - y - height, width, height)


@pytest.mark.parametrize("line", [True, False])
def test_without_a_line_it_stays_as_it_is(paper, line: bool) -> None:
    places = layout() if line else layout("amount")
    sheet = check(line="") if line else check()
    (located,) = locate_pictures([png(sheet.rotate(180))], by_layout(places))
    assert located.corners[0] == (0.0, 0.0)


def test_the_finder_says_which_side_is_up(paper) -> None:
    seen = []

    def locate(flat: np.ndarray) -> Located:
        seen.append(flat)
        return Located(True, layout("amount"), {"amount": 0.75})

    (located,) = locate_pictures([png(check().rotate(180))], locate)
    np.testing.assert_array_equal(seen[0], turned(FLAT))
    assert located.scores == {"amount": 0.75}
    place = check_layout.boxes(layout("amount"), WIDTH, HEIGHT)["amount"]
    expected = cut(FLAT, place, "amount").field.pixels
    np.testing.assert_array_equal(located.fields["amount"].field.pixels, expected)


def test_a_problem_without_corners_ends_it(paper) -> None:
    paper(None, "two checks in one picture: post them one by one")
    (located,) = locate_pictures([png(check())], by_layout(layout()))
    assert located.problem == "two checks in one picture: post them one by one"
    assert (located.perspective, located.quality, located.fields) == (None, None, {})


def test_a_problem_with_corners_is_kept(paper) -> None:
    paper(WHOLE, "the check is cut off")
    (located,) = locate_pictures([png(check())], by_layout(layout()))
    assert located.problem == "the check is cut off"
    assert "amount" in located.fields


def test_pixels_that_are_not_square(paper) -> None:
    """A fax of 200 by 100 dots an inch: places are in its own pixels."""
    fax = check().resize((WIDTH, HEIGHT // 2))
    (located,) = locate_pictures([png(fax, dpi=(200, 100))], by_layout(layout()))
    assert located.size == (WIDTH, HEIGHT // 2)
    assert located.corners[2] == (WIDTH, HEIGHT // 2)
    x, y, width, height = check_layout.boxes(layout(), WIDTH, HEIGHT)["micr"]
    assert located.in_picture(located.boxes["micr"]) == (x, y // 2, width, height // 2)


def test_every_page(paper) -> None:
    pages = locate_pictures([tiff(check(), check()), png(check())], by_layout(layout()))
    assert [located.page for located in pages] == [1, 2, 1]
    with pytest.raises(CheckreaderError, match="picture 2 of 2: not a picture"):
        locate_pictures([png(check()), b"none"], by_layout(layout()))


def test_boxes_at_the_edge_are_cut_to_the_check() -> None:
    for box in ((0, 0, 10, 10), (WIDTH - 10, HEIGHT - 10, 10, 10), (0, 0, WIDTH, HEIGHT)):
        field = cut(FLAT, box, "amount")
        x, y = field.corner
        assert 0 <= x < x + field.size[0] <= WIDTH
        assert 0 <= y < y + field.size[1] <= HEIGHT


CORNERS = st.tuples(*(st.floats(-60, 60) for _ in range(8)))


@given(CORNERS, st.integers(0, 780), st.integers(0, 380), st.integers(1, 900), st.integers(1, 500))
def test_boxes_lie_in_the_picture(shifts: tuple[float, ...], x: int, y: int, width: int, height: int) -> None:
    corners = np.array([(100, 100), (900, 100), (900, 500), (100, 500)]) + np.reshape(shifts, (4, 2))
    located = LocatedCheck(1, (1000, 600), None, Perspective.of(corners))
    left, top, across, down = located.in_picture((x, y, width, height))
    assert 0 <= left < left + across <= 1000
    assert 0 <= top < top + down <= 600
    middle = located.perspective.to_picture(np.array([(x + width / 2, y + height / 2)]))[0]
    if (middle >= 0).all() and (middle <= (1000, 600)).all():
        assert left <= middle[0] <= left + across
        assert top <= middle[1] <= top + down


def test_blank_paper_is_no_line() -> None:
    places = layout()
    blank = np.asarray(Image.new("L", (WIDTH, HEIGHT), 255))
    assert not by_layout(places)(blank).upside_down


def test_an_amount_is_cut_out_close_to_its_left() -> None:
    """A printed sign and the side of its box stand there, ink that a box cuts on any side."""
    flat = np.arange(120 * 300, dtype=np.uint32).astype(np.uint8).reshape(120, 300)
    part, corner = located_check.with_margin(flat, (100, 50, 80, 20), "amount")
    assert corner == (98, 44)
    np.testing.assert_array_equal(part, flat[44:76, 98:186])
    assert located_check.with_margin(flat, (0, 0, 300, 120), "amount")[0].shape == flat.shape
