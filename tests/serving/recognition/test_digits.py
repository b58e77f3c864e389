"""Single digits: bytes to pixels, probabilities to predictions."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from serving.decoding.thresholds import BLANK, operating_point
from serving.errors import CheckreaderError
from serving.images.codec import decode
from serving.images.digit import normalize
from serving.manifest import Threshold
from serving.recognition import digits
from tests.support.tiny import png, seven, tiff

THRESHOLD = Threshold(0.01, 0.9, 0.0, 0.0, 0.1, 0.9, 100)


def test_normalize_pictures() -> None:
    pictures = [png(seven()), png(seven(90, 200, 30))]
    source = digits.normalize_pictures(pictures)
    assert (source.pixels.shape, source.pixels.dtype) == ((2, 28, 28), np.uint8)
    for row, picture in zip(source.pixels, pictures, strict=True):
        np.testing.assert_array_equal(row, normalize(decode(picture)))


def test_every_page_is_normalized() -> None:
    source = digits.normalize_pictures([tiff(seven(), seven(90, 200, 30)), png(seven(50))])
    assert list(source.pages) == [1, 2, 1]
    for row, picture in zip(source.pixels, (seven(), seven(90, 200, 30), seven(50)), strict=True):
        np.testing.assert_array_equal(row, normalize(np.asarray(picture)))


def test_crop() -> None:
    sheet = Image.new("L", (200, 120), 240)
    sheet.paste(seven(60), (100, 40))
    (cropped,) = digits.normalize_pictures([png(sheet)], (100, 40, 60, 60)).pixels
    np.testing.assert_array_equal(cropped, normalize(np.asarray(seven(60))))
    with pytest.raises(CheckreaderError, match="does not lie inside the picture of 200×120"):
        digits.normalize_pictures([png(sheet)], (150, 40, 60, 60))


def test_recognize() -> None:
    pixels = np.zeros((3, 28, 28), np.uint8)
    pixels[:2, 10] = 255
    probabilities = np.full((3, 10), 0.01, np.float32)
    probabilities[[0, 1, 2], [7, 3, 1]] = 0.91, 0.6, 0.99
    accepted, unsure, blank = digits.recognize(
        digits.NormalizedDigits(pixels, [1, 2, 1]), probabilities, operating_point([THRESHOLD])
    )
    assert [prediction.page for prediction in (accepted, unsure, blank)] == [1, 2, 1]
    assert (accepted.digit, accepted.accepted, accepted.reason) == (7, True, None)
    assert (unsure.digit, unsure.accepted) == (3, False)
    assert unsure.reason == "unsure: confidence 0.600 is below 0.9, the threshold for max_error 0.01"
    assert (blank.accepted, blank.reason) == (False, BLANK)
