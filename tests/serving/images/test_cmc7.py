"""CMC-7 is told from E-13B and from bar codes by its seven bars a symbol, at 200 dots per inch if it lies level."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from serving.images.cmc7 import is_cmc7
from serving.images.connected_components import Components
from serving.images.micr_line import normalize_micr_line
from tests.support.micr_lines import strip

MILLIMETERS = 25.4
BAR, SHORT, LONG, HEIGHT, PITCH = 0.15, 0.30, 0.50, 3.0, 3.175
GAPS = list(itertools.combinations(range(6), 2))  # which two of a digit's six gaps are long


def cmc7(digits: int = 16, dpi: int = 300, blank: int = 8, margin: int = 20) -> np.ndarray:
    """Prints symbols of seven bars, some of them broken in the middle, with a blank after every few; uint8 [h, w]."""
    scale = 4 * dpi / MILLIMETERS
    page = np.full((round(HEIGHT * scale) + 8 * margin, round((digits + 3) * PITCH * scale)), 255, np.uint8)
    top = 4 * margin
    bottom = top + round(HEIGHT * scale)
    for number in range(digits):
        x = 4 * margin / scale + (number + number // blank) * PITCH
        for bar in range(7):
            left, right = round(x * scale), round((x + BAR) * scale)
            page[top:bottom, left:right] = 0
            if 0 < bar < 6 and (number + bar) % 3:
                page[top + (bottom - top) // 3 : bottom - (bottom - top) // 3, left:right] = 255
            x += LONG if bar in GAPS[number % len(GAPS)] else SHORT
    return np.asarray(Image.fromarray(page).reduce(4))


def bar_code(period: int, height: int, bars: int = 60) -> np.ndarray:
    """Prints bars whose distances repeat after `period`, uint8 [h, w]."""
    gaps = np.random.default_rng(period).integers(5, 14, period)
    page, x = np.full((height + 40, 1000), 255, np.uint8), 20
    for bar in range(bars):
        page[20 : 20 + height, x : x + 3] = 0
        x += int(gaps[bar % period])
    return page


@pytest.mark.parametrize(("dpi", "angle"), [(200, 0.0), (300, 0.0), (300, 2.0), (600, 2.0)])
def test_cmc7_is_refused_by_name(dpi: int, angle: float) -> None:
    picture = Image.fromarray(cmc7(dpi=dpi)).rotate(angle, Image.Resampling.BICUBIC, True, fillcolor=255)
    line = normalize_micr_line(np.asarray(picture))
    assert line.problem == "this is a CMC-7 line: E-13B alone is read"


@pytest.mark.parametrize(
    "picture",
    [bar_code(3, 150), bar_code(5, 150), bar_code(4, 60), strip(), strip("C12C D9D C0C D1D C2C D3D C4C D5D")],
)
def test_nothing_else_is(picture: np.ndarray) -> None:
    assert not is_cmc7(Components.of(picture < 128))
    assert "CMC-7" not in (normalize_micr_line(picture).problem or "")


def test_a_few_bars_are_no_line() -> None:
    assert not is_cmc7(Components.of(cmc7(digits=2) < 128))
    assert not is_cmc7(Components.of(np.zeros((20, 20), np.bool_)))
