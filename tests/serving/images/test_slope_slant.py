"""Slope, slant and size of drawn strokes whose measures are known."""

from __future__ import annotations

import numpy as np
import pytest

from serving.images.connected_components import Components
from serving.images.slope_slant import BoundingBoxes, slope_and_slant, writing_size

HEIGHT, WIDTH = 100, 400


def strokes(slope: float = 0.0, slant: float = 0.0, count: int = 8) -> Components:
    """Bars of 40 rows and 4 columns; the baseline falls by `slope`, the tops lean right by `slant`."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    for index in range(count):
        x = 40 + 40 * index
        bottom = 65 + round(slope * (x - WIDTH / 2))
        for row in range(bottom - 40, bottom):
            start = x + round(slant * (bottom - 20 - row))
            mask[row, start : start + 4] = True
    return Components.of(mask)


@pytest.mark.parametrize("slope", [-0.1, -0.05, 0.0, 0.05, 0.1])
def test_slope(slope: float) -> None:
    assert slope_and_slant(strokes(slope=slope))[0] == pytest.approx(slope, abs=0.02)


@pytest.mark.parametrize("slant", [-0.2, 0.0, 0.3, 0.6])
def test_slant(slant: float) -> None:
    assert slope_and_slant(strokes(slant=slant))[1] == pytest.approx(slant, abs=0.11)


def test_the_slope_is_bounded() -> None:
    mask = np.zeros((200, 200), np.bool_)
    for index in range(6):
        mask[20 + 25 * index : 45 + 25 * index, 20 + 25 * index : 24 + 25 * index] = True
    assert 0 < slope_and_slant(Components.of(mask))[0] <= 0.15


def test_one_narrow_digit_is_hardly_slanted() -> None:
    several, alone = (slope_and_slant(strokes(slant=0.5, count=count))[1] for count in (8, 1))
    assert abs(alone) < 0.5 * several


def test_upright_boxes() -> None:
    mask = np.zeros((20, 30), np.bool_)
    mask[2:9, 4:6] = True
    mask[5:8, 12:20] = True
    boxes = BoundingBoxes.of(Components.of(mask), 0.0, 0.0)
    table = np.stack([boxes.left, boxes.right, boxes.top, boxes.bottom], 1)
    assert table.tolist() == [[4, 6, 2, 9], [12, 20, 5, 8]]


def test_boxes_without_slope_and_slant() -> None:
    components = strokes(slope=0.1, slant=0.4)
    boxes = BoundingBoxes.of(components, 0.1, 0.4)
    assert np.ptp(boxes.top) <= 3
    assert np.ptp(boxes.bottom) <= 3
    assert (boxes.right - boxes.left).max() <= 7  # where the picture has bars of 4 columns that lean by 16


def test_writing_size() -> None:
    components = strokes()
    size = writing_size(BoundingBoxes.of(components, 0.0, 0.0), np.ones(len(components), np.bool_))
    assert (size.height, size.middle, size.top, size.bottom) == (40, 45, 25, 65)


def test_points_do_not_count() -> None:
    mask = strokes().mask()
    mask[61:65, 60:64] = mask[61:65, 140:144] = True
    components = Components.of(mask)
    size = writing_size(BoundingBoxes.of(components, 0.0, 0.0), np.ones(len(components), np.bool_))
    assert (size.height, size.top, size.bottom) == (40, 25, 65)


def test_components_above_each_other_are_one_digit() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    for left in (40, 120):
        mask[20:24, left : left + 30] = True  # the bar of a 5
        mask[30:60, left : left + 30] = True
    components = Components.of(mask)
    boxes = BoundingBoxes.of(components, 0.0, 0.0)
    assert writing_size(boxes, np.ones(4, np.bool_)).height == 40
    lower = np.array([bool(top == 30) for top in boxes.top])
    assert writing_size(boxes, lower).height == 30
