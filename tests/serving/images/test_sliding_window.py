"""Fields as a sliding network's input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from serving.errors import CheckreaderError
from serving.images import sliding_window
from serving.images.field import MAX_WIDTH, Field
from serving.manifest import Sliding

SLIDING = Sliding(32, receptive=40, stride=2, left=20, right=20, bucket=16, slants=(0.0, 0.2, -0.15))
UPRIGHT = Sliding(32, 40, 2, 20, 20, 16)


def field(width: int, seed: int = 0, problem: str | None = None) -> Field:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, width), np.uint8)
    return Field(pixels, np.eye(2, 3), problem)


@given(st.integers(1, MAX_WIDTH))
def test_padded_width(width: int) -> None:
    padded = sliding_window.padded_width(width, SLIDING)
    assert padded % 16 == 0
    assert 0 <= padded - (20 + width + 20) < 16


def test_the_network_needs_its_receptive_field() -> None:
    narrow = Sliding(32, receptive=40, stride=2, left=4, right=4, bucket=8)
    assert sliding_window.padded_width(3, narrow) == 40
    assert sliding_window.steps(3, narrow) == 1


@given(st.integers(1, MAX_WIDTH))
def test_steps(width: int) -> None:
    steps = sliding_window.steps(width, SLIDING)
    # The last step ends within the padding behind the field, the next one would not.
    assert 40 + 2 * (steps - 1) <= 20 + width + 20 < 40 + 2 * steps


@given(
    st.integers(1, 640),
    st.integers(1, 40),
    st.integers(1, 8),
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(1, 128),
)
def test_every_step_of_the_field_is_there(
    columns: int, receptive: int, stride: int, left: int, right: int, bucket: int
) -> None:
    sliding = Sliding(32, receptive, stride, left, right, bucket)
    width = sliding_window.padded_width(columns, sliding)
    assert width % bucket == 0
    assert width >= left + columns + right
    count = sliding_window.steps(columns, sliding)
    assert 1 <= count <= (width - receptive) // stride + 1
    if left + columns + right >= receptive:  # the last one sees no column beyond the paper on the right
        assert (count - 1) * stride + receptive <= left + columns + right


def test_center() -> None:
    assert sliding_window.center(0, SLIDING) == 0
    assert sliding_window.center(7, SLIDING) == 14


def test_group_by_width() -> None:
    widths = [50, 9, 52, 300, 10]
    groups = sliding_window.group_by_width(widths, SLIDING)
    assert groups == [(64, [1, 4]), (96, [0, 2]), (352, [3])]
    assert sliding_window.group_by_width([], SLIDING) == []


def test_pad() -> None:
    pictures = [field(50).pixels, field(30, 1).pixels]
    padded = sliding_window.pad(pictures, 96, SLIDING)
    assert (padded.shape, padded.dtype) == ((2, 32, 96), np.uint8)
    for row, pixels in zip(padded, pictures, strict=True):
        end = 20 + pixels.shape[1]
        np.testing.assert_array_equal(row[:, 20:end], pixels)
        assert not row[:, :20].any()
        assert not row[:, end:].any()


def test_pad_with_shifts() -> None:
    pictures = [field(56).pixels] * 3
    padded = sliding_window.pad(pictures, 96, SLIDING, [0, -3, 25])
    np.testing.assert_array_equal(padded[1, :, 17:73], pictures[0])
    np.testing.assert_array_equal(padded[2, :, 45:], pictures[0][:, :51])  # the rest is cut off


def test_each_field_upright_and_slanted() -> None:
    ((indices, image),) = sliding_window.place([field(50), field(52, 1)], SLIDING, SLIDING.slants)
    assert (indices, image.shape, image.dtype) == ([0, 1], (6, 32, 96, 1), np.float32)
    for view, slant in enumerate(SLIDING.slants):
        for row in range(32):
            expected = ndimage.shift(image[:2, row, :, 0], (0, slant * (15.5 - row)), order=1)
            np.testing.assert_allclose(image[2 * view : 2 * view + 2, row, :, 0], expected, atol=1e-5)
    assert image[2, 0].sum() == pytest.approx(image[0, 0].sum(), rel=1e-5)  # no ink is lost
    # The top of what leans to the right is farther right.
    columns = np.arange(96)
    assert (image[2, 0, :, 0] @ columns) > (image[0, 0, :, 0] @ columns) > (image[4, 0, :, 0] @ columns)


def test_a_single_view_is_the_field_alone() -> None:
    ((_, image),) = sliding_window.place([field(50)], UPRIGHT, (0.0,))
    assert image.shape == (1, 32, 96, 1)
    np.testing.assert_array_equal(image[0, :, 20:70, 0], field(50).pixels / np.float32(255))


def test_fields_with_a_problem_are_left_out() -> None:
    fields = [field(200), field(1, problem="blank"), field(50), field(190)]
    placed = sliding_window.place(fields, UPRIGHT, (0.0,))
    assert [(indices, image.shape[2]) for indices, image in placed] == [([2], 96), ([0, 3], 240)]
    np.testing.assert_array_equal(placed[1][1][1, :, 20:210, 0], fields[3].pixels / np.float32(255))
    assert sliding_window.place([fields[1]], UPRIGHT, (0.0,)) == []


def test_views_by_field() -> None:
    output = np.arange(6 * 5 * 12, dtype=np.float32).reshape(6, 5, 12)
    views = sliding_window.views(2, output)
    assert views.shape == (2, 3, 5, 12)
    np.testing.assert_array_equal(views[1], output[[1, 3, 5]])


def test_check_width() -> None:
    for width in (40, 41, 688):
        sliding_window.check_width("m", width, SLIDING)
    for width in (39, 689):
        with pytest.raises(
            CheckreaderError, match=f"'m' reads pictures of 32 rows and 40 to 688 columns, got {width}"
        ):
            sliding_window.check_width("m", width, SLIDING)
    sliding_window.check_width("m", 1344, SLIDING, widest=1296)
    with pytest.raises(CheckreaderError, match="40 to 1344 columns, got 1345"):
        sliding_window.check_width("m", 1345, SLIDING, widest=1296)
