"""Fields in shadows and under light that falls off: dark ink on even paper comes out, whatever went in."""

from __future__ import annotations

import numpy as np
import pytest

from serving.images.uneven_light import dark_ink

PAPER, INK = 220, 60


def page(paper: int = PAPER, ink: int = INK, height: int = 60, width: int = 160) -> np.ndarray:
    """A ring, three strokes and a dash."""
    gray = np.full((height, width), paper, np.uint8)
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(y - 30, x - 24)
    gray[(radius > 9) & (radius < 14)] = ink
    for column in (50, 80, 110):
        gray[16:44, column : column + 4] = ink
    gray[29:32, 125:140] = ink
    return gray


def shadow(degrees: float, share: float, offset: float = 0, softness: float = 1) -> np.ndarray:
    """The light's share at each pixel of a page: `share` beyond a straight edge, `softness` pixels wide."""
    y, x = np.mgrid[:60, :160]
    angle = np.deg2rad(degrees)
    beyond = (np.cos(angle) * (x - 80) + np.sin(angle) * (y - 30)) / softness - offset
    return 1 - (1 - share) * np.clip(beyond + 0.5, 0, 1)


def lit(gray: np.ndarray, light: np.ndarray) -> np.ndarray:
    return np.rint(gray * light).astype(np.uint8)


@pytest.mark.parametrize("share", [0.4, 0.6])
@pytest.mark.parametrize("softness", [0.01, 3, 40])
@pytest.mark.parametrize("degrees", [0, 20, 90, 135, 180, 250])
def test_a_shadow_is_taken_out(degrees: float, softness: float, share: float) -> None:
    gray = page()
    even = dark_ink(lit(gray, shadow(degrees, share, softness=softness)))
    ink = gray < 128
    assert (even[~ink] > 0.85 * PAPER).mean() > 0.99
    # A stroke that runs along the very edge may be lighter on one side of it.
    assert (even[ink] < 0.65 * PAPER).mean() > 0.97


@pytest.mark.parametrize("degrees", [10, 100, 215])
@pytest.mark.parametrize("share", [0.4, 0.6])
def test_a_shadow_on_dark_paper_is_taken_out(degrees: float, share: float) -> None:
    gray = page(paper=50, ink=230)
    even = dark_ink(lit(gray, shadow(degrees, share)))
    ink = gray > 128
    assert np.percentile(even[~ink], 1) - np.percentile(even[ink], 95) > 30


def test_light_from_a_side_is_taken_out() -> None:
    even = dark_ink(lit(page(), np.linspace(1, 0.4, 160)[None, :]))
    paper = even[page() == PAPER]
    assert np.percentile(paper, 2) > 0.85 * paper.max()


@pytest.mark.parametrize("light_ink", [False, True])
@pytest.mark.parametrize("degrees", range(0, 360, 30))
@pytest.mark.parametrize("offset", [-40, 0, 40])
def test_a_shadow_does_not_turn_the_polarity(degrees: int, offset: float, light_ink: bool) -> None:
    gray = page(paper=60, ink=220) if light_ink else page()
    even = dark_ink(lit(gray, shadow(degrees, 0.4, offset)))
    assert np.median(even[page() == INK]) < np.median(even[page() == PAPER])


def test_even_light_is_left_alone() -> None:
    noise = np.random.default_rng(0).integers(0, 20, (60, 160))
    for gray in (page(), page() - noise.astype(np.uint8), lit(page(), np.linspace(1, 0.8, 160)[None, :])):
        np.testing.assert_array_equal(dark_ink(gray), gray)
    np.testing.assert_array_equal(dark_ink(~page()), page())


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (3, 3), (5, 700)])
def test_any_size_in_doubt_dark(shape: tuple[int, int]) -> None:
    gray = np.full(shape, 90, np.uint8)
    np.testing.assert_array_equal(dark_ink(gray), gray)
