import numpy as np
import pytest
from scipy import ndimage

from serving.images import sliding_window
from serving.images.field import Field
from serving.manifest import Sliding

SLIDES = Sliding(32, receptive=40, stride=2, left=20, right=20, bucket=16, slants=(0.0, 0.2, -0.15))


def field(width: int, seed: int = 0) -> Field:
    return Field(np.random.default_rng(seed).integers(0, 256, (32, width), np.uint8), np.eye(2, 3), None)


def test_each_field_as_it_stands_and_slanted() -> None:
    ((indices, image),) = sliding_window.place([field(50), field(52, 1)], SLIDES)
    assert (indices, image.shape, image.dtype) == ([0, 1], (6, 32, 96, 1), np.float32)
    for look, slant in enumerate(SLIDES.slants):
        for row in range(32):
            expected = ndimage.shift(image[:2, row, :, 0], (0, slant * (15.5 - row)), order=1)
            np.testing.assert_allclose(image[2 * look : 2 * look + 2, row, :, 0], expected, atol=1e-5)
    assert image[2, 0].sum() == pytest.approx(image[0, 0].sum(), rel=1e-5)  # no ink is lost
    # The top of what leans to the right is farther right.
    columns = np.arange(96)
    assert (image[2, 0, :, 0] @ columns) > (image[0, 0, :, 0] @ columns) > (image[4, 0, :, 0] @ columns)


def test_one_look_is_the_field_alone() -> None:
    ((_, image),) = sliding_window.place([field(50)], Sliding(32, 40, 2, 20, 20, 16))
    assert image.shape == (1, 32, 96, 1)


def test_looks_by_field() -> None:
    output = np.arange(6 * 5 * 12, dtype=np.float32).reshape(6, 5, 12)
    found = sliding_window.views(2, output, SLIDES)
    assert found.shape == (2, 3, 5, 12)
    np.testing.assert_array_equal(found[1], output[[1, 3, 5]])
