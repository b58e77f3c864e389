from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.augmentation.check import target
from serving.recognition import check_locator
from serving.recognition.check_locator import (
    FIELDS,
    HEIGHT,
    LABELS,
    WIDTH,
    find_boxes,
    grid,
    locate,
    thumbnail,
)

PART = np.array([2 / WIDTH, 2 / HEIGHT] * 2)  # width and height of a part
PLACES = st.tuples(st.floats(0, 0.7), st.floats(0, 0.8), st.floats(0.06, 0.3), st.floats(0.06, 0.2)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(st.sampled_from(FIELDS), PLACES)
def test_boxes_of_what_training_asks_for(field: str, place: tuple[float, float, float, float]) -> None:
    """The shares that training teaches give the labeled box again, to a part of a pixel."""
    boxes, scores = find_boxes(grid(target({field: place})))
    assert boxes.keys() == scores.keys() == {field}
    assert (np.abs(np.subtract(boxes[field], place)) <= 0.55 * PART).all()
    assert 0.5 < scores[field] <= 1


def test_nothing_is_found_where_nothing_is() -> None:
    assert find_boxes(grid(target({}))) == ({}, {})


def test_pieces_of_one_row_are_one_field_where_they_are_near() -> None:
    """A MICR line has gaps; an amount has none that is wider than it is high."""
    parts = np.zeros((64, 144, len(LABELS)), np.float32)
    for index in (FIELDS.index("micr"), FIELDS.index("amount")):
        parts[40:44, 10:40, index] = 0.9
        parts[40:44, 60:80, index] = 0.9
        parts[10:14, 100:110, index] = 0.9  # of another row
    boxes, _ = find_boxes(parts)
    assert boxes["micr"] == pytest.approx((10 / 144, 40 / 64, 80 / 144, 44 / 64), abs=0.002)
    assert boxes["amount"] == pytest.approx((10 / 144, 40 / 64, 40 / 144, 44 / 64), abs=0.002)


def test_the_side_up_is_the_one_on_which_more_is_found() -> None:
    place = (0.6, 0.2, 0.8, 0.3)
    answers = target({"amount": place}), target({})

    def infer(image: np.ndarray) -> np.ndarray:
        assert image.shape == (2, HEIGHT, WIDTH, 1)
        marked = image[:, 10:30, 10:30].mean((1, 2, 3)) > 0.5  # the dark corner is at the top left
        return np.stack([answers[0] if mark else answers[1] for mark in marked])

    flat = np.full((260, 580), 230, np.uint8)
    flat[20:60, 20:60] = 10
    upright, turned = locate(flat, infer), locate(flat[::-1, ::-1], infer)
    assert (upright.upside_down, turned.upside_down) == (False, True)
    assert upright.boxes == turned.boxes
    assert upright.boxes["amount"] == pytest.approx(place, abs=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (30, 900), (2_000, 40)])
def test_thumbnail_of_any_size(shape: tuple[int, int]) -> None:
    pixels = thumbnail(np.full(shape, 77, np.uint8))
    assert (pixels.shape, pixels.dtype) == ((HEIGHT, WIDTH), np.uint8)
    assert not pixels.any()  # paper without ink, whatever its level


def test_ink_is_dark_whatever_the_light() -> None:
    flat = np.full((256, 576), 200, np.uint8)
    flat[100:120, 100:200] = 50
    dim = (flat * 0.5).astype(np.uint8)
    np.testing.assert_allclose(thumbnail(flat).astype(int), thumbnail(dim).astype(int), atol=3)
    assert thumbnail(flat).max() == 255
    assert check_locator.stretch(np.full((4, 4), 9, np.uint8)).max() == 0
