"""Each word is said of a picture with that fault alone, and none of a good one."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageFilter

from serving.images.check_quality import quality
from serving.images.perspective import Perspective
from tests.support.micr_lines import strip

CORNERS = [(100, 60), (1300, 60), (1300, 600), (100, 600)]


def check(paper: int = 200) -> np.ndarray:
    """Draws a sheet with three lines of symbols on a dark table, uint8 [660, 1400]."""
    picture = np.full((660, 1400), 40, np.uint8)
    picture[60:600, 100:1300] = paper
    ink = strip(module=3.0)
    height, width = ink.shape
    for top in (120, 280, 480):
        picture[top : top + height, 200 : 200 + width] -= ((255 - ink) * (paper / 300)).astype(np.uint8)
    return picture


def blurred(picture: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def test_a_good_picture_has_no_problem() -> None:
    measures = quality(check(), Perspective.of(CORNERS))
    assert measures.problems == ()
    assert measures.width == 1200
    assert measures.light == 200
    assert measures.glare == measures.cut_off == measures.skew == 0


def test_sharpness_falls_with_blur() -> None:
    places = Perspective.of(CORNERS)
    sharp, soft, softer = (quality(blurred(check(), radius), places) for radius in (0, 2, 6))
    assert sharp.sharpness > soft.sharpness > softer.sharpness
    assert soft.problems == ()
    assert softer.problems == ("blurred",)


def test_a_hand_that_moved_sideways_blurs() -> None:
    picture = check()
    moved = np.mean([np.roll(picture, shift, 1) for shift in range(-9, 10)], 0).astype(np.uint8)
    assert quality(moved, Perspective.of(CORNERS)).problems == ("blurred",)


def test_a_dark_picture() -> None:
    picture = (check() * 0.2).astype(np.uint8)
    assert quality(picture, Perspective.of(CORNERS)).problems == ("dark",)


def test_glare_is_white_on_gray_paper() -> None:
    picture = check(150)
    picture[200:400, 600:900] = 255
    measures = quality(picture, Perspective.of(CORNERS))
    assert measures.problems == ("glare",)
    assert measures.glare == pytest.approx(200 * 300 / (1200 * 540), abs=0.02)


def test_white_paper_is_no_glare() -> None:
    assert quality(check(255), Perspective.of(CORNERS)).glare == 0


def test_a_small_picture() -> None:
    small = np.asarray(Image.fromarray(check()).reduce(3))
    measures = quality(small, Perspective.of(np.array(CORNERS) / 3))
    assert measures.problems == ("too small",)
    assert measures.width == 400


def test_a_check_that_leaves_the_picture() -> None:
    measures = quality(check()[:, 340:], Perspective.of(np.array(CORNERS) - (340, 0)))
    assert measures.problems == ("cut off",)
    assert measures.cut_off == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(("degrees", "problems"), [(8, ()), (30, ("skewed",)), (-30, ("skewed",)), (90, ())])
def test_skew_is_the_angle_of_the_length(degrees: float, problems: tuple[str, ...]) -> None:
    picture = Image.fromarray(np.pad(check(), ((500, 500), (130, 130)), constant_values=40))
    turned = np.asarray(picture.rotate(-degrees, Image.Resampling.BILINEAR, fillcolor=40))
    middle = np.array(picture.size) / 2
    angle = np.radians(degrees)
    corners = np.array(CORNERS) + np.array((130, 500)) - middle
    corners = corners @ np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))]) + middle
    measures = quality(turned, Perspective.of(corners))
    assert abs(measures.skew) == pytest.approx(abs(degrees), abs=0.01)
    assert measures.problems == problems


def test_a_blank_sheet_is_not_called_sharp() -> None:
    assert (
        quality(np.full((600, 1200), 220, np.uint8), Perspective.whole(np.zeros((600, 1200)))).sharpness == 0
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1)])
def test_a_picture_of_a_line_is_measured(shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 120, np.uint8)
    assert quality(pixels, Perspective.whole(pixels)).light == 120


def test_a_paper_out_of_the_picture() -> None:
    assert quality(check(), Perspective.of(np.array(CORNERS) + 5000)).cut_off == 1


def test_measures_become_json() -> None:
    """Pixels and levels are whole numbers there."""
    measures = quality(check(), Perspective.of(CORNERS))
    read = json.loads(msgspec.json.encode(measures))
    assert {type(read[name]) for name in ("width", "light")} == {int}
    assert read["problems"] == []
    assert msgspec.convert(read, type(measures)) == measures
