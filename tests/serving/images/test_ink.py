"""Ink and paper: strokes are found on every paper, and nothing is found where none are."""

from __future__ import annotations

import numpy as np
import pytest

from serving.images.ink import Ink, find_ink
from tests.support.comb_pictures import in_cells, rings, strip

PAPER, PEN = 230, 40


def page(height: int = 60, width: int = 160) -> np.ndarray:
    """Three strokes, of which the last is the longest."""
    gray = np.full((height, width), PAPER, np.uint8)
    for start, length in ((30, 24), (70, 24), (110, 30)):
        gray[18 : 18 + length, start : start + 4] = PEN
    return gray


def found(gray: np.ndarray) -> Ink:
    ink = find_ink(gray)
    assert ink is not None
    return ink


def strokes(ink: Ink) -> list[int]:
    """The middle column of each component, in reading order."""
    middles = [np.nonzero(ink.components.labels() == i + 1)[1].mean() for i in range(len(ink.components))]
    return sorted(round(middle) for middle in middles)


@pytest.mark.parametrize(
    "gray",
    [
        page(),
        255 - page(),
        (page() * np.linspace(1, 0.5, 160)).astype(np.uint8),
        np.maximum(page(), 185),
        page() + np.random.default_rng(0).integers(0, 12, (60, 160), np.uint8),
    ],
    ids=["plain", "light ink", "shaded", "faint", "noise"],
)
def test_strokes_are_found(gray: np.ndarray) -> None:
    assert strokes(found(gray)) == pytest.approx([32, 72, 112], abs=1)


def test_a_rule_is_no_ink() -> None:
    gray = page()
    gray[52:54] = PEN
    ink = found(gray)
    assert strokes(ink) == pytest.approx([32, 72, 112], abs=1)
    assert not ink.components.mask()[51:55].any()


def test_the_edges_of_a_box_are_no_ink() -> None:
    gray = page()
    gray[4:6, 6:154] = gray[54:56, 6:154] = PEN
    gray[4:56, 6:8] = gray[4:56, 152:154] = PEN
    assert strokes(found(gray)) == pytest.approx([32, 72, 112], abs=1)


def test_a_pale_stroke_beside_dark_ones_is_ink() -> None:
    gray = page()
    gray[18:42, 50:54] = PAPER - (PAPER - PEN) * 6 // 10  # less after smoothing
    assert strokes(found(gray)) == pytest.approx([32, 52, 72, 112], abs=1)


def test_specks_are_no_ink() -> None:
    gray = page()
    gray[8, 140] = PEN
    assert len(found(gray).components) == 3


def test_a_speck_as_dark_as_the_pen_is_no_ink() -> None:
    gray = page()
    gray[8:10, 140:142] = 0
    assert len(found(gray).components) == 3


def test_levels() -> None:
    ink = found(page())
    assert ink.base == pytest.approx(0, abs=2)
    assert ink.base + ink.span == pytest.approx(255 * (1 - PEN / PAPER), rel=0.15)


def test_soft_mask_shows_the_selected_strokes() -> None:
    ink = found(page())
    columns = [np.nonzero(ink.components.labels() == i + 1)[1].mean() for i in range(3)]
    mask = ink.soft_mask(np.array([column < 90 for column in columns]))
    assert mask.dtype == np.uint8
    assert mask[20:40, 31:33].min() == 255
    assert not mask[:, 90:].any()
    assert not mask[:, :28].any()


@pytest.mark.parametrize("level", [0, 120, 255])
def test_blank_paper(level: int) -> None:
    assert find_ink(np.full((50, 140), level, np.uint8)) is None


def test_a_faint_pattern_is_no_ink() -> None:
    rng = np.random.default_rng(1)
    assert find_ink((PAPER + rng.integers(-4, 5, (60, 160))).astype(np.uint8)) is None


@pytest.mark.parametrize("print_level", [60, 110, 160])
def test_a_combs_print_is_no_ink(print_level: int) -> None:
    form = strip(8)
    digits = rings(in_cells(8), form.shape[1])
    gray = np.where(digits, PEN, np.where(form, print_level, PAPER)).astype(np.uint8)
    ink = found(gray)
    assert len(ink.components) == 8
    assert not (ink.components.mask() & form).any()
    assert ink.comb is not None
    assert len(ink.comb.cells) == 8


def test_a_boxs_sides_are_no_ink() -> None:
    gray = page()
    gray[:, 8:10] = gray[:, 150:152] = 90
    ink = found(gray)
    assert ink.comb is None
    assert len(ink.components) == 3
    columns = np.flatnonzero(ink.components.mask().any(0))
    assert columns[0] > 20
    assert columns[-1] < 140
