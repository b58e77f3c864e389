from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation import shifts
from pipeline.synthesis import digit_drawing
from serving.images.digit import normalize


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([normalize(digit_drawing.digit(i, rng)) for i in range(10)])


def test_turned(images: np.ndarray) -> None:
    np.testing.assert_array_equal(shifts.rotate(images, 0), images)
    quarter = shifts.rotate(images, 90).astype(int)
    assert np.abs(quarter - np.rot90(images, 1, (1, 2))).max() <= 1


def test_pen(images: np.ndarray) -> None:
    distance = shifts.ink_distances(images)
    assert distance.shape == (10, 112, 112)
    ink = [shifts.change_pen_width(distance, wider).sum((1, 2), dtype=int) for wider in (-1, 0, 1, 3)]
    assert (np.diff(ink, axis=0) > 0).all()
    np.testing.assert_allclose(ink[1], images.sum((1, 2), dtype=int), rtol=0.25)
    assert not shifts.change_pen_width(shifts.ink_distances(np.zeros((1, 28, 28), np.uint8)), 4).any()


def test_pen_widens_by_pixels() -> None:
    bar = np.zeros((1, 28, 28), np.uint8)
    bar[0, 4:24, 12:16] = 255
    distance = shifts.ink_distances(bar)
    for wider in (-2.0, 0.0, 2.0):
        row = shifts.change_pen_width(distance, wider)[0, 14]
        assert row.sum() / 255 == pytest.approx(4 + wider, abs=0.3)


def test_photographed(images: np.ndarray) -> None:
    found = shifts.photograph(images, seed=3)
    assert (found.shape, found.dtype) == ((10, 112, 112), np.uint8)
    np.testing.assert_array_equal(found, shifts.photograph(images, seed=3))
    assert (found != shifts.photograph(images, seed=4)).any()
    for one in found:
        assert one.min() + 30 < np.median(one)  # dark ink on lighter paper
    assert shifts.shrink(found).shape == (10, 28, 28)
    near = [
        np.abs(normalize(one).astype(int) - image).mean() for one, image in zip(found, images, strict=True)
    ]
    assert np.median(near) < 20  # normalization brings them back
