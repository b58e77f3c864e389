import numpy as np
import pytest

from pipeline.data import normalize_many
from pipeline.synthesis import digit_drawing
from serving.images.digit import normalize


@pytest.mark.parametrize("serial", [2, 9], ids=["in processes", "here"])
def test_as_one_by_one(serial: int) -> None:
    rng = np.random.default_rng(0)
    pictures = np.stack([digit_drawing.digit(digit, rng) for digit in range(3)])
    with normalize_many.parallel_normalizer(serial) as normalized:
        found = normalized(pictures)
    assert (found.shape, found.dtype) == ((3, 28, 28), np.uint8)
    assert np.array_equal(found, [normalize(picture) for picture in pictures])
