import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.synthesis import amount_text, line_rendering, writers
from pipeline.synthesis.amount_text import AmountText
from pipeline.synthesis.glyph_bank import GlyphSource
from pipeline.synthesis.writing_style import USUAL_STACK, WIDE_STACK, WritingStyle, writing_style

# Straight, upright and tidy, so that the geometry can be computed.
PLAIN = WritingStyle(
    body=40.0, pen=1.5, slant=0.0, skew=0.0, aspect=1.0, gap=0.2, untidy=0.0, warp=0.0, zeros=1.0, drift=0.0,
    chained=0.0, crossed=False, sizes=np.ones(10),
)  # fmt: skip


@pytest.fixture(scope="module")
def source() -> GlyphSource:
    return writers.strokes(np.random.default_rng(0), count=4)


def render(source: GlyphSource, text: str | AmountText, style: WritingStyle, seed: int = 0) -> tuple:
    writer, fallback_writer = source.writers[:2]
    labeled = amount_text.label(text) if isinstance(text, str) else text
    return line_rendering.render(
        labeled, writer, fallback_writer, source.bank, style, np.random.default_rng(seed)
    )


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_style_renders_every_label_within_the_page(source: GlyphSource, seed: int, upright: bool) -> None:
    style = writing_style(np.random.default_rng(seed), upright)
    ink, boxes = render(source, "1.250,00", style, seed)
    assert (ink.dtype, boxes.dtype, boxes.shape) == (np.float32, np.float32, (8, 4))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] >= 1).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= ink.shape[::-1]).all()


def test_plain_digits_stand_in_a_row_on_the_baseline(source: GlyphSource) -> None:
    ink, boxes = render(source, "1234567890", PLAIN)
    assert (np.diff(boxes[:, 0] + boxes[:, 2] / 2) > 0).all()  # left to right
    bottoms = boxes[:, 1] + boxes[:, 3]
    assert np.ptp(bottoms) < 0.5 * PLAIN.body
    assert np.median(boxes[:, 3]) == pytest.approx(PLAIN.body, rel=0.25)
    for x, y, width, height in boxes.astype(int):
        assert (ink[y : y + height, x : x + width] > 0).any()


def test_body_and_pen_scale_the_ink(source: GlyphSource) -> None:
    _, small = render(source, "28", PLAIN)
    _, large = render(source, "28", dataclasses.replace(PLAIN, body=80.0, pen=3.0))
    assert np.median(large[:, 3] / small[:, 3]) == pytest.approx(2, rel=0.1)
    thin, bold = (
        (render(source, "28", dataclasses.replace(PLAIN, pen=pen))[0] > 0).sum() for pen in (1.0, 3.0)
    )
    assert bold > 1.5 * thin


def test_slant_leans_to_the_right(source: GlyphSource) -> None:
    """The upper half of a one moves against its lower half."""

    def lean(slant: float) -> float:
        ink, _ = render(source, "1", dataclasses.replace(PLAIN, slant=slant))
        rows, columns = np.nonzero(ink > 0)
        middle = np.median(rows)
        return float(columns[rows < middle].mean() - columns[rows > middle].mean())

    assert lean(0.6) > lean(0.0) + 5 > lean(-0.6) + 10


def test_boxes_are_of_what_is_read(source: GlyphSource) -> None:
    for marked, count in (("$12", 2), ("₹12**", 2), ("12.-", 4), ("12=", 4), ("12xx/100", 8)):
        ink, boxes = render(source, marked, PLAIN)
        assert len(boxes) == count
        assert ink.shape[1] > render(source, "12", PLAIN)[0].shape[1]


@pytest.mark.parametrize("seed", range(12))
def test_a_fraction_with_a_bar_is_stacked(source: GlyphSource, seed: int) -> None:
    """The numerator above the bar, the denominator below, in one column, and smaller than the digits before."""
    text = amount_text.label("88") + amount_text.fraction("over hundred", "57") + amount_text.label("-")
    _, boxes = render(source, text, PLAIN, seed)
    left, top, width, height = boxes.T
    right, bottom = left + width, top + height
    amount, numerator, bar, denominator, after = slice(2), slice(2, 4), 4, slice(5, 8), 8
    middle = (top + bottom) / 2
    assert middle[numerator].max() + 4 < middle[bar] < middle[denominator].min() - 4
    assert left[bar] <= left[numerator].min() + 2
    assert right[bar] >= right[numerator].max() - 2
    columns = [(left[part].min() + right[part].max()) / 2 for part in (numerator, denominator)]
    assert columns[0] == pytest.approx(columns[1], abs=3)
    assert left[numerator].min() > right[amount].max() - 3
    assert left[after] > right[bar] - 3
    assert height[numerator].max() < 0.85 * height[amount].min()


@pytest.mark.parametrize("seed", range(8))
def test_raised_and_lowered_digits_are_small_and_off_the_line(source: GlyphSource, seed: int) -> None:
    text = amount_text.label("88 ") + amount_text.fraction("slanted", "57")
    _, boxes = render(source, text, PLAIN, seed)
    middles = boxes[:, 1] + boxes[:, 3] / 2
    assert middles[2:4].max() < middles[:2].min()
    assert middles[5:8].min() > middles[:2].max()
    assert boxes[2:4, 3].max() < 0.95 * boxes[:2, 3].min()


def test_zeros_are_chained_in_one_place_alone(source: GlyphSource) -> None:
    """One on the line and two raised ones, which are smaller."""
    text = amount_text.label("50") + amount_text.label("00", amount_text.Place.RAISED)
    _, boxes = render(source, text, dataclasses.replace(PLAIN, chained=1.0))
    assert len(boxes) == 4
    assert boxes[2:, 3].max() < 0.9 * boxes[1, 3]


def test_chained_zeros_have_a_box_each(source: GlyphSource) -> None:
    ink, boxes = render(source, "5000", dataclasses.replace(PLAIN, chained=1.0))
    assert len(boxes) == 4
    assert (np.diff(boxes[:, 0]) > 0).all()
    zeros = boxes[1:]
    assert np.ptp(zeros[:, 3]) <= 1  # one stroke: one height
    assert (ink > 0).any()


def test_a_pen_too_fine_for_the_size_still_has_boxes(source: GlyphSource) -> None:
    _, boxes = render(source, "8", dataclasses.replace(PLAIN, body=20.0, pen=-9.0))
    assert boxes.shape == (1, 4)
    assert (boxes[:, 2:] >= 1).all()


def test_neighbors_overlap_no_more_than_the_style_says(source: GlyphSource) -> None:
    close = dataclasses.replace(PLAIN, gap=-0.25)
    for overlap, most in ((100.0, 12), (0.1, 5)):
        overlaps = []
        for seed in range(6):
            _, boxes = render(source, "2583", dataclasses.replace(close, overlap=overlap), seed)
            overlaps += (boxes[:-1, 0] + boxes[:-1, 2] - boxes[1:, 0]).tolist()
        assert max(overlaps) <= most
        assert (max(overlaps) > 6) == (overlap > 1)


def test_wide_stacks_have_more_sizes_than_usual_ones(source: GlyphSource) -> None:
    text = amount_text.label("88") + amount_text.fraction("over hundred", "57")
    heights = {}
    for stack in (USUAL_STACK, WIDE_STACK):
        style = dataclasses.replace(PLAIN, stack=stack)
        heights[stack] = [render(source, text, style, seed)[1][2:4, 3].mean() for seed in range(12)]
    assert np.ptp(heights[WIDE_STACK]) > 1.3 * np.ptp(heights[USUAL_STACK])
