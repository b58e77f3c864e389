import collections

import numpy as np
import pytest

from pipeline.synthesis import counted_styles, stroke_styles
from pipeline.synthesis.counted_styles import SHAPES

STYLES = [
    (digit, shape.name, style)
    for digit, shapes in SHAPES.items()
    for shape in shapes
    for style in shape.styles
]


@pytest.mark.parametrize("digit", range(10))
def test_writers_shape_digits_in_the_counted_shares(digit: int) -> None:
    rng = np.random.default_rng(digit)
    habits = collections.Counter(counted_styles.habit(digit, rng) for _ in range(3000))
    assert set(habits) <= {*stroke_styles.DIGITS[digit], *(style for at, _, style in STYLES if at == digit)}
    plain = set(stroke_styles.DIGITS[digit])
    for shape in SHAPES.get(digit, ()):
        own = [style for style in shape.styles if style not in plain]
        expected = shape.share * len(own) / len(shape.styles)
        assert sum(habits[style] for style in own) / 3000 == pytest.approx(expected, abs=0.035)


def test_the_shares_are_of_all_writers() -> None:
    for shapes in SHAPES.values():
        assert sum(shape.share for shape in shapes) < 1
        assert len({shape.name for shape in shapes}) == len(shapes)


@pytest.mark.parametrize(("digit", "name", "style"), STYLES)
def test_shapes_are_about_a_body_high(digit: int, name: str, style: stroke_styles.Style) -> None:
    points = np.array([point for stroke in style for point in stroke])
    assert all(len(stroke) > 1 for stroke in style)
    assert points.min() >= -0.3
    assert points.max() <= 1.25
    assert np.ptp(points[:, 1]) >= 0.75
