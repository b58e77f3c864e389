"""Pictures show the sheet where their corners say."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.synthesis import check_capture
from pipeline.synthesis.check_capture import View

SIZE = (6.0, 2.75)
VIEWS = [check_capture.view(SIZE, np.random.default_rng(seed)) for seed in range(60)]


def test_views_are_of_all_kinds_and_some_upside_down() -> None:
    kinds = [view.kind for view in VIEWS]
    assert {"scan", "bitonal", "photograph"} == set(kinds)
    upside_down = sum(view.corners[0, 0] > view.corners[1, 0] for view in VIEWS)
    assert 1 <= upside_down < 15
    assert all(90 < view.dpi <= 300 for view in VIEWS)


def test_the_check_fills_a_good_part_of_the_picture() -> None:
    for view in VIEWS:
        assert 300 < view.width < 3000
        assert 150 < view.height < 2500
        x, y = view.corners.T
        assert x.min() > -0.03 * view.width
        assert x.max() < 1.03 * view.width
        assert y.min() > -0.1 * view.height
        assert y.max() < 1.1 * view.height
        turned = np.roll(view.corners, -1, 0)
        assert (view.corners[:, 0] * turned[:, 1] - turned[:, 0] * view.corners[:, 1]).sum() > 0  # no mirror


def test_the_homography_moves_corners_to_corners() -> None:
    for view in VIEWS[:5]:
        matrix = check_capture.to_picture(view, (600, 275))
        corners = np.array([(0, 0), (600, 0), (600, 275), (0, 275)], float)
        assert np.allclose(check_capture.move(matrix, corners), view.corners)


@pytest.mark.parametrize("kind", ["scan", "bitonal", "photograph"])
def test_a_picture_shows_the_ink_where_it_is_moved_to(kind: str) -> None:
    light = np.ones((275, 600), np.float32)
    light[120:180, 400:460] = 0.05
    corners = np.array([(60, 50), (640, 30), (660, 330), (50, 300)], float)
    view = View(kind, 700, 380, 100.0, corners)
    matrix = check_capture.to_picture(view, (600, 275))
    inside, beside = check_capture.move(matrix, np.array([(430.0, 150.0), (360.0, 150.0)])).astype(int)
    for seed in range(4):
        picture = check_capture.take(light, view, np.random.default_rng(seed))
        assert picture.shape == (380, 700)
        assert picture.dtype == np.uint8
        assert int(picture[inside[1], inside[0]]) + 40 < int(picture[beside[1], beside[0]])
    if kind == "bitonal":
        assert set(np.unique(picture)) <= {0, 255}


def test_equal_seeds_take_equal_pictures() -> None:
    light = np.linspace(0.3, 1, 600, dtype=np.float32) * np.ones((275, 1), np.float32)
    view = next(view for view in VIEWS if view.kind == "photograph")
    first, second = (check_capture.take(light, view, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(("kind", "suffix"), [("scan", ".jpg"), ("photograph", ".jpg"), ("bitonal", ".png")])
def test_pictures_are_encoded_as_they_are_kept(kind: str, suffix: str) -> None:
    picture = np.full((20, 30), 255, np.uint8)
    content, ending = check_capture.encode(picture, kind, np.random.default_rng(0))
    assert ending == suffix
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (30, 20)
        assert image.mode == ("1" if kind == "bitonal" else "L")
