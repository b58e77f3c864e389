"""Closings against SciPy's, and against lines of brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from serving.images.closing import close_lines, close_squares, dilate_squares

PICTURES = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14))


@given(PICTURES, st.integers(0, 5))
@settings(max_examples=60)
def test_dilation_is_scipys(levels: np.ndarray, reach: int) -> None:
    expected = ndimage.maximum_filter(levels, 2 * reach + 1, mode="constant", cval=0)
    assert np.array_equal(dilate_squares(levels, reach), expected)


@given(PICTURES, st.integers(0, 5))
@settings(max_examples=60)
def test_squares_are_scipys(levels: np.ndarray, reach: int) -> None:
    size = 2 * reach + 1
    largest = ndimage.maximum_filter(levels, size, mode="constant", cval=0)
    expected = ndimage.minimum_filter(largest, size, mode="constant", cval=255)
    assert np.array_equal(close_squares(levels, reach), expected)
    assert np.array_equal(close_squares(np.stack([levels, levels]), reach)[1], expected)


@given(PICTURES, st.integers(0, 5), st.integers(1, 6))
@settings(max_examples=60)
def test_squares_may_lie_beyond_the_edge(levels: np.ndarray, reach: int, beyond: int) -> None:
    size = 2 * reach + 1
    largest = ndimage.maximum_filter(np.pad(levels, beyond), size, mode="constant", cval=0)
    expected = ndimage.minimum_filter(largest, size, mode="constant", cval=255)[
        beyond:-beyond, beyond:-beyond
    ]
    assert np.array_equal(close_squares(levels, reach, beyond), expected)


def closed_line(line: list[int], reach: int) -> list[int]:
    """Fills each pixel up to the least maximum of the windows, partly beyond the ends, that hold it."""
    windows = [range(start, start + 2 * reach + 1) for start in range(-2 * reach, len(line))]
    largest = [max(line[i] for i in window if 0 <= i < len(line)) for window in windows]
    return [
        min(level for level, window in zip(largest, windows, strict=True) if i in window)
        for i in range(len(line))
    ]


@given(PICTURES, st.integers(0, 5))
@settings(max_examples=60)
def test_lines(levels: np.ndarray, reach: int) -> None:
    rows = np.array([closed_line(line, reach) for line in levels.tolist()])
    columns = np.array([closed_line(line, reach) for line in levels.T.tolist()]).T
    assert np.array_equal(close_lines(levels, reach), np.maximum(rows, columns))


def test_a_shadow_at_the_edge_stays_and_a_stroke_goes() -> None:
    picture = np.full((40, 40), 200, np.uint8)
    picture[:, 34:] = 90
    picture[10:30, 18:21] = 20
    closed = close_lines(picture, 6)
    assert (closed[:, :34] == 200).all()
    assert (closed[:, 34:] == 90).all()
    assert (close_squares(picture, 6) == 200).all()
