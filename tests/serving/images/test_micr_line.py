"""A line is found, laid level, set upright and scaled, and its places map back to the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageFont

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


@pytest.mark.parametrize("text", ["B0000005070B", "B0000012500B", "1521 B0000002500B", "B0000230000B"])
def test_symbols_that_look_alike_upside_down_do_not_turn_a_line(text: str) -> None:
    picture = strip(text)
    assert normalize_micr_line(picture).to_picture[0, 0] > 0
    assert normalize_micr_line(np.ascontiguousarray(picture[::-1, ::-1])).to_picture[0, 0] < 0


def test_a_field_that_is_printed_lower_is_leveled_and_says_so() -> None:
    parts = [strip(text, margin=24) for text in ("A021000021A", "1234567C", "0123456789")]
    lower = len(parts[0]) // 6
    page = np.full((len(parts[0]) + lower, sum(part.shape[1] for part in parts)), 255, np.uint8)
    left = 0
    for number, part in enumerate(parts):
        top = lower if number == 1 else 0
        page[top : top + len(part), left : left + part.shape[1]] = part
        left += part.shape[1]
    line = normalize_micr_line(page)
    assert line.drops is not None
    middle = line.pixels.shape[1] // 2
    assert line.drops[middle] > 3
    assert not line.drops[:100].any()
    rows = (line.pixels.max(1) > 128).nonzero()[0]
    assert rows[-1] - rows[0] < DIGIT + 4


def stacked(*lines: np.ndarray) -> np.ndarray:
    """Puts lines below each other on one page."""
    width = max(line.shape[1] for line in lines)
    return np.concatenate(
        [np.pad(line, ((20, 20), (0, width - line.shape[1])), constant_values=255) for line in lines]
    )


def test_one_line_has_no_doubt() -> None:
    assert normalize_micr_line(strip()).doubt is None
    short = normalize_micr_line(stacked(strip(), strip("A0A")))
    assert short.doubt is None


def test_two_lines_are_a_doubt() -> None:
    field = normalize_micr_line(stacked(strip(), strip("C005678C A011000015A 7654321C 11")))
    assert field.problem is None
    assert (field.doubt or "").startswith("two lines: ")


def test_another_font_is_a_doubt() -> None:
    """Plain print: few of its strokes stand where E-13B has ink."""
    picture = Image.new("L", (1000, 80), 255)
    ImageDraw.Draw(picture).text((20, 15), "7VX4A 7741 XAV47 4471", 0, ImageFont.load_default(40))
    field = normalize_micr_line(np.asarray(picture))
    assert (field.doubt or "").startswith("no E-13B line: ")


@given(
    hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 200)), elements=st.sampled_from([0, 90, 255])
    )
)
def test_any_picture_is_a_line_or_a_problem(picture: np.ndarray) -> None:
    line = normalize_micr_line(picture)
    assert line.pixels.shape[0] == HEIGHT
    assert line.problem is not None or line.pixels.any()


def test_gray_strokes_without_an_edge() -> None:
    """A row whose ink, laid level, is too faint to end anywhere."""
    page = np.full((40, 300), 255, np.uint8)
    for left in range(10, 280, 24):
        page[10:30, left : left + 8] = 235
    assert normalize_micr_line(page).pixels.shape[0] == HEIGHT


def test_a_symbol_at_the_end_that_a_rule_crosses_is_seen() -> None:
    picture = strip(margin=30)
    ink = (picture < 128).any(0).nonzero()[0]
    picture[:, ink[-1] - 4 : ink[-1]] = 0
    line, whole = normalize_micr_line(picture), normalize_micr_line(strip(margin=30))
    assert line.pixels.shape[1] > whole.pixels.shape[1] - PITCH / 2
