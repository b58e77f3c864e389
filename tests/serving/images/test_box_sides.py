import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.images.box_sides import side_pixels

HEIGHT, WIDTH = 40, 90
WRITING = np.zeros((HEIGHT, WIDTH), np.bool_)
WRITING[12:30, 30:33] = WRITING[12:30, 42:45] = WRITING[12:15, 42:60] = True


def line(row: int, first: int, last: int) -> np.ndarray:
    path = np.full(WIDTH, -1)
    path[first:last] = row
    return path


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_side_through_the_picture(mirrored: bool) -> None:
    dark = WRITING.copy()
    dark[:, 6:8] = True
    dark[10, 2:4] = True  # a speck beyond it
    view = dark[:, ::-1] if mirrored else dark
    pixels = side_pixels(view, [])
    assert pixels is not None
    pixels = pixels[:, ::-1] if mirrored else pixels
    assert pixels[:, :8].all()
    assert not pixels[:, 12:].any()


def test_a_side_between_a_border_and_the_edge() -> None:
    dark = WRITING.copy()
    dark[:36, 80:82] = True
    dark[35:37, 5:82] = True
    pixels = side_pixels(dark, [line(35, 5, 82)])
    assert pixels is not None
    assert pixels[:30, 80:82].all()
    assert not (pixels & WRITING).any()


def test_a_stroke_that_crosses_a_side_stays() -> None:
    dark = WRITING.copy()
    dark[:, 80:82] = True
    dark[18:21, 58:86] = True
    pixels = side_pixels(dark, [])
    assert pixels is not None
    assert not pixels[18:21].any()
    assert pixels[22:, 80:82].all()


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(8, 34), slice(6, 8)),  # meets nothing
        (slice(12, 30), slice(6, 8)),  # as tall as the writing
        (slice(0, 40), slice(6, 12)),  # thick
        (slice(0, 40), slice(40, 42)),  # in the middle
    ],
)
def test_strokes_are_no_sides(rows: slice, columns: slice) -> None:
    dark = WRITING.copy()
    dark[rows, columns] = True
    assert side_pixels(dark, []) is None


def test_a_one_between_other_ink_is_no_side() -> None:
    dark = WRITING.copy()
    dark[:, 14:16] = True
    dark[14:28, 4:9] = True
    assert side_pixels(dark, []) is None


@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 60),
    width=st.integers(1, 120),
    share=st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_any_picture(seed: int, height: int, width: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    dark = rng.random((height, width)) < share
    dark[:, int(rng.integers(width))] = True
    pixels = side_pixels(dark, [np.full(width, int(rng.integers(height)))])
    assert pixels is None or pixels.shape == dark.shape
