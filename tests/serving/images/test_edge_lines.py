"""Edges are found where levels change, with the side on which it is brighter."""

from __future__ import annotations

import numpy as np
import pytest

from serving.images.edge_lines import EdgePoints, find_lines, on_lines
from tests.support.check_scenes import lay, table, turned


def square(degrees: float, paper: int = 220, ground: int = 60) -> np.ndarray:
    corners = turned(degrees, (160, 110), 180, 90)
    return lay(table(220, 320, ground, 1.0), np.full((90, 180), paper, np.uint8), corners)


@pytest.mark.parametrize("degrees", [0, 5, 33, 80])
@pytest.mark.parametrize("levels", [(220, 60), (60, 220)])
def test_the_four_edges_of_a_sheet(degrees: float, levels: tuple[int, int]) -> None:
    points = EdgePoints.of(square(degrees, *levels))
    lines = find_lines(points, 194)
    toward_middle = levels[0] > levels[1]
    for turn, reach in ((0, 90), (90, 45), (180, 90), (270, 45)):
        angle = np.radians(degrees + turn)
        normal = angle + (np.pi if toward_middle else 0)
        apart = np.abs((lines.angle - normal + np.pi) % (2 * np.pi) - np.pi)
        offset = -reach if toward_middle else reach
        near = (apart < 0.02) & (np.abs(lines.offset - offset) < 1)
        assert near.sum() == 1


def test_points_are_on_their_line() -> None:
    points = EdgePoints.of(square(0))
    lines = find_lines(points, 194)
    strongest = int(lines.count.argmax())
    assert on_lines(points, lines)[strongest].sum() == pytest.approx(180, abs=8)


def test_an_even_picture_has_no_lines() -> None:
    points = EdgePoints.of(np.full((50, 80), 128, np.uint8))
    assert points.place.shape == (2, 0)
    assert points.strong.shape == (2, 0)
    assert len(find_lines(points, 47).angle) == 0


def test_an_edge_one_pixel_from_the_border_is_seen() -> None:
    picture = np.full((100, 200), 230, np.uint8)
    picture[:, :2] = 20
    lines = find_lines(EdgePoints.of(picture), 112)
    assert np.abs(lines.offset + 98).min() < 0.6


def test_strong_points_are_those_of_dark_ink() -> None:
    picture = np.full((100, 200), 200, np.uint8)
    picture[50:, :] = 194
    picture[20:24, 20:180] = 30
    strong = EdgePoints.of(picture).strong
    assert strong.shape[1]
    assert (strong[1] < -20).all()


def test_a_selection_of_points() -> None:
    points = EdgePoints.of(square(0))
    left = points.select(points.place[0] < 0)
    assert 0 < len(left.step) < len(points.step)
    assert (left.place[0] < 0).all()
