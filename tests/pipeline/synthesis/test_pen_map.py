from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis.glyph_bank import COLUMNS, LEVELS, ROWS
from pipeline.synthesis.pen_map import pen_map

ACROSS = np.stack([np.linspace(16, 56, 41), np.full(41, 36.0)], 1)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("pen", [1.0, 2.0, 3.5])
def test_a_map_holds_distances_to_the_edge(pen: float) -> None:
    column = pen_map([ACROSS], pen, 0.0, rng())[:, 36].astype(float)
    inside = (column - 128) / LEVELS
    expected = pen - np.abs(np.arange(ROWS) + 0.5 - 36)
    near = np.abs(expected) < 8
    np.testing.assert_allclose(inside[near], expected[near], atol=0.6)
    assert (column[np.abs(np.arange(ROWS) - 36) > 20] == 0).all()


def test_pressure_swells_the_line() -> None:
    even, pressed = ((pen_map([ACROSS], 2.0, pressure, rng()) > 128).sum(0)[18:54] for pressure in (0.0, 0.5))
    assert np.ptp(even) <= 1
    assert np.ptp(pressed) >= 2


def test_a_dot_is_drawn() -> None:
    dot = pen_map([np.array([[30.0, 40.0]])], 2.0, 0.3, rng())
    assert np.unravel_index(dot.argmax(), dot.shape) in [(40, 30), (39, 30), (40, 29), (39, 29)]
    assert 9 <= (dot > 128).sum() <= 20


def test_what_leaves_the_map_is_cut_off() -> None:
    cut = pen_map([ACROSS + np.array([COLUMNS / 2, 0])], 2.0, 0.0, rng())
    assert cut.shape == (ROWS, COLUMNS)
    assert (cut[36] > 128).sum() == COLUMNS - 50
