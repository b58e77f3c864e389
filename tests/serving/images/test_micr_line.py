"""A line is found, laid level, set upright and scaled, and its places map back to the picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from serving.images import e13b
from serving.images.micr_line import DIGIT, HEIGHT, MAX_WIDTH, PITCH, normalize_micr_line
from tests.support.micr_lines import TEXT, strip


def symbols_room(text: str = TEXT) -> float:
    """Columns of a normalized line: from the first symbol's left edge to the last one's right edge."""
    first, last = e13b.GLYPHS[text[0]], e13b.GLYPHS[text[-1]]
    del last
    return (len(text) - 1) * PITCH + first.width * PITCH / e13b.PITCH


@pytest.mark.parametrize("module", [1.2, 2.0, 3.0, 6.5])
@pytest.mark.parametrize("squeeze", [0.85, 1.0, 1.15])
def test_pitch_and_height_are_the_networks(module: float, squeeze: float) -> None:
    line = normalize_micr_line(strip(module=module, squeeze=squeeze))
    assert line.problem is None
    assert line.pixels.shape[0] == HEIGHT
    assert abs(line.pixels.shape[1] - symbols_room()) < 0.02 * symbols_room() + 2
    rows = (line.pixels.max(1) > 128).nonzero()[0]
    assert abs(rows[0] - (HEIGHT - DIGIT) / 2) <= 2
    assert abs(rows[-1] + 1 - (HEIGHT + DIGIT) / 2) <= 2


def test_places_map_back() -> None:
    picture = strip()
    line = normalize_micr_line(picture)
    width = line.pixels.shape[1]
    left, middle = line.to_picture @ [0, HEIGHT / 2, 1]
    right, _ = line.to_picture @ [width, HEIGHT / 2, 1]
    ink = (picture < 128).any(0).nonzero()[0]
    assert abs(left - ink[0]) < 3
    assert abs(right - ink[-1] - 1) < 3
    assert abs(middle - len(picture) / 2) < 2


def test_upside_down_is_set_upright() -> None:
    picture = strip()
    upright, turned = (
        normalize_micr_line(np.ascontiguousarray(pixels)) for pixels in (picture, picture[::-1, ::-1])
    )
    assert abs(upright.pixels.shape[1] - turned.pixels.shape[1]) <= 2
    width = min(upright.pixels.shape[1], turned.pixels.shape[1])
    difference = np.abs(upright.pixels[:, :width].astype(int) - turned.pixels[:, :width])
    assert difference.mean() < 25
    assert turned.to_picture[0, 0] < 0 < upright.to_picture[0, 0]
    x, _ = turned.to_picture @ [0, HEIGHT / 2, 1]
    assert x > 0.9 * picture.shape[1]


@pytest.mark.parametrize("degrees", [-3.0, 3.0])
def test_a_skewed_line_is_laid_level(degrees: float) -> None:
    picture = np.asarray(
        Image.fromarray(strip(margin=60)).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=255)
    )
    line = normalize_micr_line(picture)
    rows = (line.pixels.max(1) > 128).nonzero()[0]
    assert rows[-1] - rows[0] < DIGIT + 5


def test_light_on_dark_is_the_same() -> None:
    picture = strip()
    dark, light = normalize_micr_line(picture).pixels, normalize_micr_line(255 - picture).pixels
    assert abs(dark.shape[1] - light.shape[1]) <= 2


def test_a_line_below_other_print_is_found() -> None:
    """A check's lower part: rules, a signature's strokes and a smaller row of letters above the line."""
    page = np.full((300, 1400), 255, np.uint8)
    line = strip(module=2.6)
    page[-len(line) - 20 : -20, 100 : 100 + line.shape[1]] = line
    page[150:152, 700:1350] = 0
    for x in range(100, 500, 14):
        page[90:102, x : x + 8] = 0
    field = normalize_micr_line(page)
    assert field.problem is None
    assert abs(field.pixels.shape[1] - symbols_room()) < 0.03 * symbols_room()
    _, y = field.to_picture @ [0, HEIGHT / 2, 1]
    assert y > 200


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (40, 300)])
def test_without_ink_there_is_nothing(shape: tuple[int, int]) -> None:
    line = normalize_micr_line(np.full(shape, 240, np.uint8))
    assert line.problem == "blank: no ink found"
    assert line.pixels.shape == (HEIGHT, 1)


def test_without_a_row_there_is_no_line() -> None:
    page = np.full((60, 400), 255, np.uint8)
    page[20:40, 50:70] = 0
    assert "no MICR line found" in (normalize_micr_line(page).problem or "")


def test_two_lines_side_by_side_are_too_long() -> None:
    line = normalize_micr_line(strip("0123456789" * 8, module=1.5))
    assert "too long" in (line.problem or "")
    assert MAX_WIDTH // PITCH == 72
