import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.synthesis import digit_drawing
from pipeline.synthesis.stroke_language import Style
from serving.images.digit import normalize

SEEDS = st.integers(0, 2**32 - 1)
DRAWERS = {
    **{
        str(value): lambda rng, side, value=value: digit_drawing.digit(value, rng, side)
        for value in range(10)
    },
    "letter": digit_drawing.letter,
    "scribble": digit_drawing.scribble,
}


@pytest.mark.parametrize("name", DRAWERS)
@given(seed=SEEDS, side=st.integers(24, 130))
@settings(max_examples=8, deadline=None)
def test_contract(name: str, seed: int, side: int) -> None:
    first, second = (DRAWERS[name](np.random.default_rng(seed), side) for _ in range(2))
    assert (first.shape, first.dtype) == ((side, side), np.uint8)
    assert np.array_equal(first, second)
    paper = np.median(np.concatenate([first[0], first[-1], first[:, 0], first[:, -1]]))
    assert paper > 150
    assert paper - first.min() > 60  # ink is much darker
    assert normalize(first).any()


@pytest.mark.parametrize("name", DRAWERS)
def test_every_seed_is_another_drawing(name: str) -> None:
    drawn = {DRAWERS[name](np.random.default_rng(seed), 48).tobytes() for seed in range(10)}
    assert len(drawn) == 10


GLYPHS = [
    *((f"{value}{'abcdef'[i]}", style) for value, styles in digit_drawing.DIGITS.items() for i, style in enumerate(styles)),
    *digit_drawing.LETTERS.items(),
]  # fmt: skip


def test_all_ten_digits() -> None:
    assert sorted(digit_drawing.DIGITS) == list(range(10))
    assert all(styles for styles in digit_drawing.DIGITS.values())


@pytest.mark.parametrize(("name", "style"), GLYPHS, ids=[name for name, _ in GLYPHS])
def test_glyphs_lie_in_their_box(name: str, style: Style) -> None:
    points = np.array([point for stroke in style for point in stroke])
    assert all(len(stroke) >= 2 for stroke in style)
    assert -0.01 <= points.min() <= points.max() <= 1.1
    assert np.ptp(points[:, 1]) > 0.6


def test_no_letter_is_a_digits_double() -> None:
    assert not set(digit_drawing.LETTERS) & set("0123456789OoIilSsZzBbDGgqJjy")
    assert all(len(name) == 1 and name.isascii() and name.isalpha() for name in digit_drawing.LETTERS)


def test_digits_look_like_themselves() -> None:
    """A tame hand's digits are nearest to the mean of their own kind."""
    rng = np.random.default_rng(0)

    def drawn(count: int) -> np.ndarray:
        return np.array(
            [
                [normalize(digit_drawing.digit(value, rng)).ravel() for _ in range(count)]
                for value in range(10)
            ],
            np.float64,
        )

    means, fresh = drawn(40).mean(1), drawn(10)
    distance = ((fresh[:, :, None] - means) ** 2).sum(-1)
    assert (distance.argmin(-1) == np.arange(10)[:, None]).mean() > 0.6


def test_wildness_zero_is_the_model() -> None:
    """Without wildness only size, pen and paper differ: normalized, twice nearly the same."""
    glyph = digit_drawing.DIGITS[7][0]

    def spread(wildness: float) -> float:
        pictures = [
            normalize(digit_drawing.draw(glyph, np.random.default_rng(seed), pen=0.1, wildness=wildness))
            for seed in range(12)
        ]
        return float(np.std(np.array(pictures, np.float64), axis=0).mean())

    assert spread(0.0) < 0.6 * spread(1.0)


def test_pen_width() -> None:
    glyph = digit_drawing.DIGITS[1][0]
    dark = [
        (digit_drawing.draw(glyph, np.random.default_rng(3), pen=pen) < 180).sum() for pen in (0.05, 0.1, 0.2)
    ]
    assert dark[0] < dark[1] < dark[2]


def test_sheet() -> None:
    assert digit_drawing.sheet(1).size == (960, 14 * 96)
