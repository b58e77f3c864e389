from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from pipeline.evaluation import corruptions
from pipeline.evaluation.corruptions import KINDS, corrupt
from pipeline.synthesis import digit_drawing
from serving.images.digit import normalize


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Forty drawn digits, uint8 [40, 28, 28]."""
    rng = np.random.default_rng(0)
    return np.stack([normalize(digit_drawing.digit(i % 10, rng)) for i in range(40)])


def test_the_fifteen() -> None:
    assert len(KINDS) == 15


@pytest.mark.parametrize("kind", KINDS)
def test_shape_type_and_seed(kind: str, images: np.ndarray) -> None:
    before = images.copy()
    found = corrupt(images, kind, seed=1)
    assert (found.shape, found.dtype) == (images.shape, np.uint8)
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(found, corrupt(images, kind, seed=1))
    if kind not in ("scale", "brightness", "stripe", "canny edges"):  # these leave nothing to chance
        assert (found != corrupt(images, kind, seed=2)).any()
    assert corrupt(images[:0], kind).shape == (0, 28, 28)


@pytest.mark.parametrize("kind", KINDS)
def test_something_changes_and_something_is_left(kind: str, images: np.ndarray) -> None:
    found = corrupt(images, kind)
    for before, after in zip(images, found, strict=True):
        assert (before != after).any()
        if kind != "stripe":
            assert after.max() > 60
    changed = np.abs(found.astype(int) - images).mean()
    assert 3 < changed < 130


def test_one_picture_does_not_leak_into_the_next(images: np.ndarray) -> None:
    """Blurs and edges look at rows and columns, never at the neighbor in the batch."""
    blank = np.zeros_like(images[:3])
    blank[1] = images[0]
    for kind in ("glass blur", "motion blur", "shear", "scale", "rotate", "translate", "canny edges"):
        found = corrupt(blank, kind)
        assert not found[[0, 2]].any(), kind
        assert found[1].any(), kind


def test_shot_noise_keeps_the_mean() -> None:
    level = np.full((200, 28, 28), 102, np.uint8)
    found = corrupt(level, "shot noise") / 255
    assert set(np.unique(found).round(3)) <= {0, 0.333, 0.667, 1}
    assert found.mean() == pytest.approx(0.4, abs=0.03)  # a little is lost above 1


def test_impulse_noise_share(images: np.ndarray) -> None:
    gray = np.full((100, 28, 28), 100, np.uint8)
    found = corrupt(gray, "impulse noise")
    assert (found != 100).mean() == pytest.approx(0.17, abs=0.01)
    assert (found == 255).mean() == pytest.approx(0.085, abs=0.01)
    assert set(np.unique(found)) == {0, 100, 255}


def test_blurs_keep_the_ink(images: np.ndarray) -> None:
    for kind in ("glass blur", "motion blur"):
        found = corrupt(images, kind).sum((1, 2), dtype=int)
        np.testing.assert_allclose(found, images.sum((1, 2), dtype=int), rtol=0.1)


def test_motion_blur_trails_one_way() -> None:
    dot = np.zeros((50, 28, 28), np.uint8)
    dot[:, 14, 14] = 255
    found = corrupt(dot, "motion blur").astype(float)
    columns = np.flatnonzero(found.sum((0, 1)))
    assert 8 <= columns.max() - columns.min() <= 11
    assert min(14 - columns.min(), columns.max() - 14) <= 1  # one-sided
    assert found.argmax(2).max() <= 15


def center(images: np.ndarray) -> np.ndarray:
    return np.array([ndimage.center_of_mass(image) for image in images])


def test_translate_moves_three_pixels_both_ways(images: np.ndarray) -> None:
    small = np.zeros((60, 28, 28), np.uint8)
    small[:, 12:16, 11:17] = 200
    found = corrupt(small, "translate")
    np.testing.assert_allclose(np.abs(center(found) - center(small)), 3, atol=1e-6)
    assert len(np.unique((center(found) - center(small)).round(), axis=0)) == 4


def test_scale_shrinks_to_seven_tenths() -> None:
    block = np.zeros((1, 28, 28), np.uint8)
    block[0, 4:24, 4:24] = 255
    assert corrupt(block, "scale").sum() / block.sum() == pytest.approx(0.49, rel=0.02)


@pytest.mark.parametrize(("kind", "angle"), [("rotate", 0.4), ("shear", 0.4)])
def test_angle(kind: str, angle: float) -> None:
    line = np.zeros((40, 28, 28), np.uint8)
    line[:, 4:24, 13:15] = 255
    tilts = []
    for image in corrupt(line, kind):
        rows, columns = np.nonzero(image > 100)
        tilts.append(np.arctan(np.polyfit(rows, columns, 1)[0]))
    np.testing.assert_allclose(np.abs(tilts), angle, atol=0.02)
    assert 5 < sum(tilt > 0 for tilt in tilts) < 35


def test_brightness_and_stripe(images: np.ndarray) -> None:
    found = corrupt(images, "brightness")
    np.testing.assert_allclose(found, np.minimum(255, images + 127.5), atol=0.5)
    striped = corrupt(images, "stripe")
    np.testing.assert_array_equal(striped[..., 7:21], images[..., 7:21])
    np.testing.assert_array_equal(striped[..., :7], 255 - images[..., :7])
    np.testing.assert_array_equal(striped[..., 21:], 255 - images[..., 21:])


def test_fog_leaves_a_quarter_of_the_contrast() -> None:
    dots = np.zeros((200, 28, 28), np.uint8)
    dots[:, 14, 14] = 255
    found = corrupt(dots, "fog").astype(float)
    around = (found[:, 14, 13] + found[:, 14, 15]) / 2
    assert (found[:, 14, 14] - around).mean() == pytest.approx(255 / 4, abs=3)


def test_plasma() -> None:
    found = corruptions.plasma(6, 64, 1.4, np.random.default_rng(0))
    assert found.shape == (6, 64, 64)
    np.testing.assert_allclose(found.min((1, 2)), 0)
    np.testing.assert_allclose(found.max((1, 2)), 1)
    near = np.abs(np.diff(found, axis=1)).mean()
    far = np.abs(found[:, 20:] - found[:, :-20]).mean()
    assert near < far  # smooth
    assert np.abs(found[:, 0] - found[:, -1]).mean() < 2 * near  # wraps around


def test_lines_only_add_ink(images: np.ndarray) -> None:
    for kind in ("dotted line", "zigzag"):
        assert (corrupt(images, kind) >= images).all()
    line = corrupt(np.zeros((30, 28, 28), np.uint8), "dotted line")
    inked = line.any((0, 1))
    assert inked[:27].tolist() == [(column // 2) % 2 == 1 for column in range(27)]
    teeth = corrupt(np.zeros((30, 28, 28), np.uint8), "zigzag")
    assert not teeth[..., :2].any()
    assert teeth[..., 2:25].any((0, 1)).all()


def test_canny_edges_are_thin_outlines(images: np.ndarray) -> None:
    block = np.zeros((1, 28, 28), np.uint8)
    block[0, 8:20, 8:20] = 255
    found = corrupt(block, "canny edges")[0]
    assert set(np.unique(found)) == {0, 255}
    assert not found[11:17, 11:17].any()
    assert 30 < (found > 0).sum() < 100
    assert not corrupt(np.full((1, 28, 28), 80, np.uint8), "canny edges").any()


def test_sheet() -> None:
    assert corruptions.sheet().size == (840, 16 * 84)
