"""Pixels that are not square."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from serving.images.frame import Frame
from tests.support.tiny import seven

SEVEN = np.asarray(seven())


def test_square_pixels_stay() -> None:
    assert Frame(SEVEN).square() is SEVEN


@pytest.mark.parametrize(("aspect", "shape"), [(2, (80, 40)), (0.5, (40, 80)), (204 / 98, (83, 40))])
def test_the_finer_side_keeps_its_pixels(aspect: float, shape: tuple[int, int]) -> None:
    assert Frame(SEVEN, aspect).square().shape == shape


def test_a_fax_has_its_proportions_again() -> None:
    fax = np.asarray(seven(80).resize((80, 40), Image.Resampling.BOX))
    square = Frame(fax, 2.0).square()
    assert np.abs(square.astype(int) - np.asarray(seven(80))).mean() < 8


@pytest.mark.parametrize(("aspect", "shape"), [(2, (5000, 2500)), (0.5, (2500, 5000))])
def test_large_pictures_do_not_grow(aspect: float, shape: tuple[int, int]) -> None:
    assert Frame(np.zeros((5000, 5000), np.uint8), aspect).square().shape == shape


def test_one_pixel() -> None:
    assert Frame(np.zeros((1, 1), np.uint8), 4.0).square().shape == (4, 1)
