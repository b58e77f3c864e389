from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis.glyph_bank import BASE, COLUMNS, UNIT
from pipeline.synthesis.pen_paths import pen_paths

DIAGONAL = np.stack([np.arange(18), np.arange(18)], 1).astype(np.float32)


@pytest.mark.parametrize("factor", [0.01, 1.0, 300.0])
def test_a_digit_stands_on_the_baseline(factor: float) -> None:
    """As high as a body, whatever the tablet's unit, with its middle in the map's and its ends in place."""
    (path,) = pen_paths([DIAGONAL * np.float32(factor) + np.float32(7)])
    np.testing.assert_allclose(path[-1] - path[0], (UNIT, UNIT), atol=1e-3)
    np.testing.assert_allclose((path.min(0) + path.max(0)) / 2, (COLUMNS / 2, BASE - UNIT / 2), atol=1e-3)


def test_a_wide_one_keeps_to_the_map() -> None:
    (path,) = pen_paths([np.array([[0, 0], [100, 1]], np.float32)])
    assert np.ptp(path[:, 0]) < COLUMNS
    assert np.ptp(path[:, 1]) < 2


def test_a_given_scale() -> None:
    """A mark keeps its size, and stands on the baseline all the same."""
    (path,) = pen_paths([DIAGONAL + np.float32(7)], 0.5)
    np.testing.assert_allclose(path[-1] - path[0], (8.5, 8.5), atol=1e-3)
    assert path[:, 1].max() == pytest.approx(BASE)


def test_points_lie_close_together() -> None:
    for path in pen_paths([DIAGONAL[::6], DIAGONAL[:, ::-1]]):
        assert np.hypot(*np.diff(path, axis=0).T).max() < 1.5


def test_steps_of_the_tablet_are_smoothed() -> None:
    """A staircase of whole points, as a screen reports it, becomes nearly a straight line; a fine one stays."""
    stairs = np.repeat(DIAGONAL, 2, axis=0)[:-1].copy()
    stairs[1::2, 0] += 1
    rough = [np.diff(np.arctan2(*np.diff(path, axis=0).T)) for path in pen_paths([stairs])]
    assert np.abs(rough[0]).max() < 0.3
    there, back = np.arange(400), np.full(400, 400)
    corner = np.stack([np.append(there, back), np.append(back * 0, there)], 1).astype(np.float32)
    sharp = np.diff(np.arctan2(*np.diff(pen_paths([corner])[0], axis=0).T))
    assert np.abs(sharp).max() > 0.4


@pytest.mark.parametrize("strokes", [[[[3, 4]]], [[[3, 4], [3, 4]], [[3, 4]]]])
def test_dots(strokes: list[list[list[float]]]) -> None:
    paths = pen_paths([np.array(stroke, np.float32) for stroke in strokes])
    assert all(path.tolist() == [[COLUMNS / 2, BASE]] for path in paths)
