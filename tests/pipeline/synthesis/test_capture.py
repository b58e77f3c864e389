import numpy as np
import pytest

from pipeline.synthesis import capture, scanner

STOCK = scanner.paper_stock(np.random.default_rng(0), 2)
DEVICES = (capture.archive, capture.fax, capture.coarse, capture.fine, capture.phone)
BOXES = np.array([[20, 10, 8, 34], [60, 10, 8, 34], [100, 10, 8, 34]], np.float32)


def picture() -> np.ndarray:
    """Upright bars on paper."""
    gray = np.full((54, 130), 190, np.uint8)
    for x, y, width, height in BOXES.astype(int):
        gray[y : y + height, x : x + width] = 60
    return gray


@pytest.mark.parametrize("device", DEVICES)
def test_boxes_follow_the_ink(device: capture.Device) -> None:
    for seed in range(25):
        gray, boxes = device(picture(), BOXES, STOCK, np.random.default_rng(seed))
        assert gray.dtype == np.uint8
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, :2] + boxes[:, 2:] <= np.array(gray.shape[::-1]) + 0.01).all()
        for x, y, width, height in boxes:
            middle = gray[int(y + height / 2), int(x + width / 2)].astype(float)
            beside = gray[int(y + height / 2), min(int(x + 2.2 * width), gray.shape[1] - 1)]
            assert middle < beside - 8


@pytest.mark.parametrize("device", DEVICES)
def test_equal_generators_capture_equally(device: capture.Device) -> None:
    first, second = (device(picture(), BOXES, STOCK, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], device(picture(), BOXES, STOCK, np.random.default_rng(4))[0])


@pytest.mark.parametrize("device", [capture.archive, capture.fax])
def test_archives_and_faxes_have_two_levels(device: capture.Device) -> None:
    gray, _ = device(picture(), BOXES, STOCK, np.random.default_rng(0))
    assert set(np.unique(gray)) == {0, 255}


def test_faxes_have_fewer_lines() -> None:
    """Half as many in the standard mode: rows of a fax stand twice."""
    twice = []
    for seed in range(30):
        gray, _ = capture.fax(picture(), BOXES, STOCK, np.random.default_rng(seed))
        noisy = gray[(gray == 0).any(1)]
        twice.append((noisy[1:] == noisy[:-1]).all(1).mean())
    assert np.ptp(twice) > 0.3


def test_heights_of_digits() -> None:
    for device, least, most in (
        (capture.coarse, 12, 27),
        (capture.fine, 54, 151),
        (capture.archive, 17, 45),
        (capture.phone, 12, 90),
    ):
        heights = [
            float(device(picture(), BOXES, STOCK, np.random.default_rng(seed))[1][:, 3].max())
            for seed in range(25)
        ]
        assert least <= min(heights)
        assert max(heights) <= most
        assert max(heights) > 1.3 * min(heights)


def test_phones_light_fields_unevenly() -> None:
    blank = np.full((60, 160), 190, np.uint8)
    falls = []
    for seed in range(30):
        gray, _ = capture.phone(blank, BOXES, STOCK, np.random.default_rng(seed))
        halves = [float(np.median(half)) for half in np.array_split(gray, 2, axis=1)]
        falls.append(abs(halves[0] - halves[1]) / max(halves))
    assert np.median(falls) > 0.03
    assert max(falls) > 0.15
