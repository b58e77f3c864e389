import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.synthesis.stroke_language import parse_style, parse_styles, smooth_parts, spline


def test_strokes_points_and_corners() -> None:
    assert parse_style("0,.5 1,-.25; .5,1 | .1,0 0,.1") == (
        ((0.0, 0.5), (1.0, -0.25), (1.0, -0.25), (0.5, 1.0)),
        ((0.1, 0.0), (0.0, 0.1)),
    )
    assert parse_styles("0,0 1,1", "1,1 0,0") == ((((0, 0), (1, 1)),), (((1, 1), (0, 0)),))


@pytest.mark.parametrize("text", ["0 1", "0,1,2", "a,b"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_style(text)


def test_a_corner_ends_one_part_and_begins_the_next() -> None:
    (stroke,) = parse_style("0,0 1,0; 1,1 0,1; 0,0")
    assert [part.tolist() for part in smooth_parts(np.array(stroke))] == [
        [[0, 0], [1, 0]],
        [[1, 0], [1, 1], [0, 1]],
        [[0, 1], [0, 0]],
    ]


def test_a_point_alone_is_no_part() -> None:
    assert smooth_parts(np.array([(0.0, 0.0), (0.0, 0.0), (1.0, 1.0)]))[0].tolist() == [[0, 0], [1, 1]]


@given(st.integers(2, 9), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_a_spline_passes_through_its_points(count: int, steps: int, seed: int) -> None:
    points = np.random.default_rng(seed).random((count, 2))
    curve = spline(points, steps)
    assert len(curve) == (count - 1) * steps + 1
    np.testing.assert_allclose(curve[::steps], points, atol=1e-12)


def test_a_spline_through_two_points_is_straight() -> None:
    np.testing.assert_allclose(
        spline(np.array([(0.0, 1.0), (2.0, 5.0)]), 4), [(0, 1), (0.5, 2), (1, 3), (1.5, 4), (2, 5)]
    )


def test_a_spline_has_no_corner() -> None:
    """Its direction changes little by little, also at the points."""
    curve = spline(np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]), 64)
    angles = np.unwrap(np.arctan2(*np.diff(curve, axis=0).T[::-1]))
    assert np.abs(np.diff(angles)).max() < 0.1
