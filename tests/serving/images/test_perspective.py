"""A perspective maps places there and back, and flattens a picture without moving its content."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from serving.images.perspective import MAX_WIDTH, Perspective, picture_corners

CORNERS = np.array([(40.0, 30.0), (520.0, 55.0), (500.0, 260.0), (20.0, 240.0)])


def gradient(height: int = 300, width: int = 560) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.asarray(20 + x * 0.2 + y * 0.3, np.uint8)


@given(
    st.lists(st.tuples(st.floats(-15, 15), st.floats(-15, 15)), min_size=4, max_size=4),
    st.lists(st.tuples(st.floats(0, 480), st.floats(0, 200)), min_size=1, max_size=9),
)
def test_places_map_there_and_back(
    shifts: list[tuple[float, float]], points: list[tuple[float, float]]
) -> None:
    perspective = Perspective.of(CORNERS + shifts)
    there = perspective.to_picture(np.array(points))
    np.testing.assert_allclose(perspective.to_check(there), points, atol=1e-6)


def test_corners_of_the_check_are_those_of_the_paper() -> None:
    perspective = Perspective.of(CORNERS)
    flat = picture_corners((perspective.height, perspective.width))
    np.testing.assert_allclose(perspective.to_picture(flat), CORNERS, atol=1e-9)


def test_size_is_of_the_longest_sides() -> None:
    perspective = Perspective.of([(0, 0), (100, 0), (110, 60), (0, 50)])
    assert perspective.width == round(np.hypot(110, 10))
    assert perspective.height == round(np.hypot(10, 60))


def test_size_is_capped() -> None:
    perspective = Perspective.of([(0, 0), (8000, 0), (8000, 3000), (0, 3000)])
    assert (perspective.width, perspective.height) == (MAX_WIDTH, 750)


def test_corners_may_be_a_list() -> None:
    assert Perspective.of(CORNERS.tolist()).width == Perspective.of(CORNERS).width


def test_a_picture_that_is_the_check_is_returned() -> None:
    pixels = gradient()
    assert Perspective.whole(pixels).flatten(pixels) is pixels


def test_upside_down_is_the_same_paper() -> None:
    pixels = gradient()
    turned = Perspective.whole(pixels).upside_down()
    np.testing.assert_array_equal(turned.flatten(pixels), pixels[::-1, ::-1])
    perspective = Perspective.of(CORNERS)
    difference = perspective.flatten(pixels)[::-1, ::-1].astype(int) - perspective.upside_down().flatten(
        pixels
    )
    assert np.abs(difference).max() <= 2


def test_levels_come_from_their_places() -> None:
    pixels = gradient()
    perspective = Perspective.of(CORNERS)
    flat = perspective.flatten(pixels)
    assert flat.shape == (perspective.height, perspective.width)
    assert flat.dtype == np.uint8
    middles = np.array([(60, 40), (240, 100), (400, 180)])
    places = perspective.to_picture(middles + 0.5) - 0.5
    expected = 20 + places[:, 0] * 0.2 + places[:, 1] * 0.3
    assert np.abs(flat[middles[:, 1], middles[:, 0]] - expected).max() < 2


def test_a_large_picture_is_averaged() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1600, 8000), dtype=np.uint8)
    flat = Perspective.whole(noise).flatten(noise)
    assert flat.shape == (400, MAX_WIDTH)
    assert flat.std() < 25  # of 74: the mean of 4×4 pixels


def test_a_part_in_a_large_picture_keeps_its_place() -> None:
    pixels = np.full((3000, 8000), 200, np.uint8)
    pixels[1500:1600, 4000:4100] = 0
    perspective = Perspective.of([(1000, 500), (7000, 500), (7000, 2500), (1000, 2500)])
    rows, columns = (perspective.flatten(pixels) < 100).nonzero()
    place = perspective.to_picture(
        np.array([(columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)])
    )
    np.testing.assert_allclose(place, [(4000, 1500), (4100, 1600)], atol=5)


def test_what_lies_beyond_the_picture_is_of_its_middle_level() -> None:
    pixels = np.full((100, 200), 180, np.uint8)
    perspective = Perspective.of([(-50, -20), (250, -20), (250, 120), (-50, 120)])
    assert set(np.unique(perspective.flatten(pixels))) == {180}


@pytest.mark.parametrize("shift", [(-1000, 0), (1000, 0), (0, 1000)])
def test_a_paper_out_of_the_picture_is_blank(shift: tuple[int, int]) -> None:
    flat = Perspective.of(CORNERS + shift).flatten(np.full((300, 560), 90, np.uint8))
    assert set(np.unique(flat)) == {90}


def test_a_flat_check_is_as_pillow_rotates() -> None:
    pixels = np.asarray(Image.fromarray(gradient(200, 400)).rotate(-90, expand=True))
    quarter = np.roll(picture_corners(pixels.shape), -1, 0)
    flat = Perspective.of(quarter).flatten(pixels)
    assert np.abs(flat.astype(int) - gradient(200, 400)).max() <= 1
