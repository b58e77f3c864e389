"""The likeliest quadrangle is a sheet's, whatever lines are on it or around it."""

from __future__ import annotations

import numpy as np
import pytest

from serving.images.edge_lines import EdgePoints, find_lines
from serving.images.perspective import picture_corners
from serving.images.quadrangles import Quadrangle, find_quadrangle
from tests.support.check_scenes import lay, table, turned


def search(small: np.ndarray) -> Quadrangle:
    points = EdgePoints.of(small)
    return find_quadrangle(small, points, find_lines(points, float(np.hypot(*small.shape)) / 2))


def scene(corners: np.ndarray, paper: np.ndarray) -> np.ndarray:
    return lay(table(220, 320, 60, 1.0), paper, corners)


def test_a_sheet_is_first_and_its_sides_are_seen() -> None:
    corners = turned(6, (160, 110), 220, 95)
    quadrangle = search(scene(corners, np.full((95, 220), 220, np.uint8)))
    np.testing.assert_allclose(quadrangle.corners, corners, atol=1)
    assert quadrangle.score > 0
    assert (quadrangle.sides >= 0).all()
    assert (quadrangle.visible > 0.9).all()


def test_a_ruled_line_is_no_side() -> None:
    paper = np.full((95, 220), 220, np.uint8)
    paper[40:42] = 60
    corners = turned(0, (160, 110), 220, 95)
    np.testing.assert_allclose(search(scene(corners, paper)).corners, corners, atol=1)


def test_a_sheet_that_leaves_the_picture_has_a_side_that_is_not_seen() -> None:
    corners = turned(0, (250, 110), 220, 95)
    quadrangle = search(scene(corners, np.full((95, 220), 220, np.uint8)))
    assert quadrangle.sides.tolist()[1] == -1
    assert quadrangle.visible[1] == 0
    np.testing.assert_allclose(quadrangle.corners[1:3, 0], 320)


def test_without_edges_the_picture_is_the_sheet() -> None:
    quadrangle = search(np.full((100, 220), 200, np.uint8))
    np.testing.assert_array_equal(quadrangle.corners, picture_corners((100, 220)))
    assert quadrangle.score == 0


@pytest.mark.parametrize("shape", [(1, 340), (340, 1), (3, 3), (20, 340)])
def test_a_picture_too_narrow_for_sides_is_itself(shape: tuple[int, int]) -> None:
    np.testing.assert_array_equal(search(np.full(shape, 200, np.uint8)).corners, picture_corners(shape))


def test_print_on_an_empty_plate_limits_the_sheet() -> None:
    plate = np.full((220, 320), 250, np.uint8)
    rng = np.random.default_rng(0)
    plate[60:130, 70:230] = np.where(rng.random((70, 160)) < 0.3, 40, 250)
    left, top, right, bottom = (
        *search(plate).corners.min(0),
        *search(plate).corners.max(0),
    )
    assert 52 < left < 70
    assert 42 < top < 60
    assert 230 < right < 248
    assert 130 < bottom < 148
