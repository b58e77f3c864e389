"""Inputs that excite units: gradient ascent, averages and patches."""

from __future__ import annotations

import warnings

import numpy as np

from pipeline.data.digits import Dataset
from pipeline.report import receptive_patches
from pipeline.report.run_data import RunData


def test_ascent_climbs(run_data: RunData, digits: Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = digits.test.images[:50]
        sums = run_data.before_activation("f6")
        starts = receptive_patches.averages(run_data.features(images)["f6"], images)
        pictures = receptive_patches.ascent(sums, starts, steps=30)
        assert (pictures.shape, pictures.min() >= 0, pictures.max() <= 1) == ((84, 28, 28), True, True)
        before = np.asarray(sums(images[..., None] / np.float32(255))).mean(0)
        after = np.diag(np.asarray(sums(pictures[..., None])))
        assert (after > before).mean() > 0.9


def test_units_that_never_answer() -> None:
    outputs = np.zeros((4, 3), np.float32)
    outputs[2, 1] = 0.1  # once is not never
    outputs[:, 2] = 5  # always the same says nothing either
    assert receptive_patches.silent_units(outputs).tolist() == [True, False, True]
    maps = np.zeros((2, 3, 3, 2), np.float32)
    maps[0, 1, 2, 1] = -1
    assert receptive_patches.silent_units(maps).tolist() == [True, False]


def test_averages_of_the_most_exciting() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
    outputs = np.array([[0, 9], [1, 8], [2, 0], [3, 0], [4, 0]], np.float32)
    found = receptive_patches.averages(outputs, images, count=2) * 255
    np.testing.assert_allclose(found[:, 3, 3], [3.5, 0.5])
    maps = np.zeros((5, 2, 2, 2), np.float32)
    maps[:, 1, 0] = outputs
    np.testing.assert_allclose(receptive_patches.averages(maps, images, count=2) * 255, found)


def test_place_cuts_what_the_unit_sees() -> None:
    image = np.arange(784).reshape(28, 28)
    c1, c3 = receptive_patches.RECEPTIVE_FIELDS["c1"], receptive_patches.RECEPTIVE_FIELDS["c3"]
    np.testing.assert_array_equal(c1.cut(image, 10, 12), image[8:13, 10:15])
    assert not c1.cut(image, 0, 0)[:2].any()
    np.testing.assert_array_equal(c3.cut(image, 1, 5), image[0:14, 8:22])
    assert c3.cut(image, 9, 9).shape == (14, 14)


def test_patches_are_the_strongest() -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((6, 28, 28, 2)).astype(np.float32)
    maps[3, 10, 10, 0] = 5
    images = rng.integers(0, 255, (6, 28, 28), np.uint8)
    found = receptive_patches.patches(maps, images, receptive_patches.RECEPTIVE_FIELDS["c1"], 2)
    assert [len(one) for one in found] == [2, 2]
    np.testing.assert_array_equal(found[0][0], images[3, 8:13, 8:13])
