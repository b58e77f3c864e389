from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation import lights
from pipeline.evaluation.lights import KINDS, Light, add_margin, apply_light, relight
from pipeline.synthesis import digit_drawing


@pytest.fixture(scope="module")
def digit() -> np.ndarray:
    return digit_drawing.digit(4, np.random.default_rng(0))


def lit_paper(falloff: lights.Falloff, seed: int = 0) -> np.ndarray:
    """White paper of 50×120 pixels under a light."""
    return apply_light(np.full((50, 120), 255, np.uint8), Light(0.0, falloff), np.random.default_rng(seed))


def test_the_fourteen() -> None:
    assert len(KINDS) == 14


@pytest.mark.parametrize("kind", KINDS)
def test_shape_type_and_seed(kind: str, digit: np.ndarray) -> None:
    before = digit.copy()
    lit = relight(digit, kind, seed=1)
    assert lit.dtype == np.uint8
    assert lit.shape == tuple(side + 2 * round(KINDS[kind].margin * side) for side in digit.shape)
    np.testing.assert_array_equal(digit, before)
    np.testing.assert_array_equal(lit, relight(digit, kind, seed=1))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "shadow" in kind or kind == "noise"])
def test_another_seed_gives_another_picture(kind: str, digit: np.ndarray) -> None:
    assert (relight(digit, kind, seed=1) != relight(digit, kind, seed=2)).any()


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_light_from_a_side_falls_to_its_least(degrees: int) -> None:
    levels = lit_paper(lights.side(degrees, 0.4))
    assert (levels.min(), levels.max()) == (102, 255)
    y, x = np.unravel_index(levels.argmin(), levels.shape)
    toward = np.cos(np.deg2rad(degrees)) * (x - 59.5) + np.sin(np.deg2rad(degrees)) * (y - 24.5)
    assert toward < 0


def test_corners_are_the_darkest() -> None:
    levels = lit_paper(lights.corners(0.7))
    assert {levels[y, x] for y in (0, -1) for x in (0, -1)} == {levels.min()} == {round(0.7 * 255)}
    assert levels[24:26, 59:61].min() >= 254


@pytest.mark.parametrize("softness", [0, 0.3])
def test_a_shadow_covers_a_part(softness: float) -> None:
    for seed in range(20):
        levels = lit_paper(lights.shadow(0.4, 0.6, softness), seed)
        assert 102 <= levels.min() <= 153
        assert levels.max() == 255
        assert (len(np.unique(levels)) > 2) == (softness > 0)
        assert 0.05 < (levels < 255).mean() < 0.98


def test_the_margin_is_paper_of_either_polarity(digit: np.ndarray) -> None:
    for gray in (digit, ~digit):
        framed = add_margin(gray, 0.4)
        np.testing.assert_array_equal(framed[38:-38, 38:-38], gray)
        assert abs(int(framed[0, 0]) - int(np.median(gray))) <= 3


def test_the_sheet_shows_all() -> None:
    assert np.asarray(lights.sheet()).std() > 20
