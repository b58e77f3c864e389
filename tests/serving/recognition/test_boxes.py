"""Boxes of symbols in the original picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.images.field import HEIGHT, Field
from serving.manifest import Sliding
from serving.recognition import boxes

SLIDING = Sliding(HEIGHT, 40, 1, 20, 20, 8)


@given(st.lists(st.integers(0, 79), min_size=2, max_size=12, unique=True), st.integers(0, 2**32 - 1))
def test_boxes_lie_in_the_picture_in_order(edges: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    ordered = sorted(edges[: len(edges) // 2 * 2])
    spans = list(zip(ordered[::2], ordered[1::2], strict=True))
    pixels = (255 * (random.random((HEIGHT, 80)) < 0.1)).astype(np.uint8)
    mapping = np.array([[1.7, random.uniform(-0.5, 0.5), -3.0], [random.uniform(-0.5, 0.5), 1.7, -3.0]])
    field = Field(pixels, mapping, None)
    placed = boxes.boxes(field, spans, Sliding(HEIGHT, 8, 1, 4, 4, 8), (50, 60), (100, 40))
    assert len(placed) == len(spans)
    for x, y, width, height in placed:
        assert width >= 1
        assert height >= 1
        assert 50 <= x < x + width <= 150
        assert 60 <= y < y + height <= 100


def test_touching_digits_are_cut_where_they_are_thin() -> None:
    pixels = np.zeros((HEIGHT, 31), np.uint8)
    pixels[6:26, :14] = pixels[8:24, 18:] = pixels[15, 14:18] = 255
    field = Field(pixels, np.eye(2, 3), None)
    spans = [(6, 8), (24, 25)]  # the middle between them is column 16
    placed = boxes.boxes(field, spans, Sliding(HEIGHT, 40, 1, 20, 20, 8), (0, 0), (31, HEIGHT))
    assert placed == [(0, 6, 15, 20), (15, 8, 16, 16)]
    moved = [(1, 3), (19, 20)]  # the middle is far from where it is thin, and that counts
    placed = boxes.boxes(field, moved, Sliding(HEIGHT, 40, 1, 20, 20, 8), (0, 0), (31, HEIGHT))
    assert placed == [(0, 6, 14, 20), (14, 8, 17, 16)]


def test_the_ink_of_a_field_that_is_turned_and_lies_lower_in_part() -> None:
    pixels = np.zeros((HEIGHT, 40), np.uint8)
    pixels[10:20, 5:8] = pixels[12:22, 30:36] = 255
    turned = Field(pixels, np.array([[0.0, -2, 100], [2, 0, 0]]), None)  # a quarter, twice as large
    assert boxes.ink_box(turned, (7, 9), (100, 80)) == (56 + 7, 10 + 9, 24, 62)
    drops = np.where(np.arange(40) < 20, 0, 3)
    assert boxes.ink_box(Field(pixels, np.eye(2, 3), None, drops=drops), (0, 0), (40, HEIGHT)) == (
        5,
        10,
        31,
        15,
    )


def test_no_symbols() -> None:
    field = Field(np.full((HEIGHT, 9), 255, np.uint8), np.eye(2, 3), None)
    assert boxes.boxes(field, [], SLIDING, (0, 0), (9, HEIGHT)) == []


def test_a_symbol_without_ink_has_the_middle_of_its_columns() -> None:
    field = Field(np.zeros((HEIGHT, 20), np.uint8), np.eye(2, 3), None)
    assert boxes.boxes(field, [(10, 10)], SLIDING, (0, 0), (20, HEIGHT)) == [(0, 7, 20, 18)]


def test_boxes_follow_the_mapping_to_the_picture() -> None:
    pixels = np.zeros((HEIGHT, 20), np.uint8)
    pixels[8:24, 4:10] = 255
    mapping = np.array([[2.0, 0, 6], [0, 3.0, 1]])
    field = Field(pixels, mapping, None)
    assert boxes.boxes(field, [(6, 6)], SLIDING, (100, 200), (90, 99)) == [(114, 225, 12, 48)]


@pytest.mark.parametrize(
    ("ink", "column"),
    [([9, 9, 9, 0, 9, 9, 9, 9, 9], 3), ([9, 9, 9, 1, 1, 1, 9, 9, 9], 4), ([0, 9, 9, 5, 5, 4, 9, 9, 0], 5)],
)
def test_cut_column(ink: list[int], column: int) -> None:
    assert boxes.cut_column(ink, 1.0, 8.0) == column
