import numpy as np
import pytest

from pipeline.synthesis import stroke_styles
from pipeline.synthesis.stroke_language import Style

STYLES = {
    f"{char}{i}": style
    for styles in (stroke_styles.DIGITS, stroke_styles.SEPARATORS, stroke_styles.MARKS)
    for char, all_styles in styles.items()
    for i, style in enumerate(all_styles)
}


def test_all_digits_and_no_style_twice() -> None:
    assert sorted(stroke_styles.DIGITS) == list(range(10))
    assert len(set(STYLES.values())) == len(STYLES)


@pytest.mark.parametrize("name", STYLES)
def test_styles_are_about_a_body_high(name: str) -> None:
    points = np.array([point for stroke in STYLES[name] for point in stroke])
    assert all(len(stroke) > 1 for stroke in STYLES[name])
    assert points.min() >= -0.3
    assert points.max() <= 1.25
    if name[0].isdigit():
        assert np.ptp(points[:, 1]) >= 0.75


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("zeros", [2, 3])
def test_a_chain_is_one_stroke_that_goes_around_once_for_each_zero(zeros: int, inner: bool) -> None:
    style: Style = stroke_styles.chain(zeros, 0.3, 0.6, 0.05, inner)
    (stroke,) = style
    points = np.array(stroke)
    for zero in range(zeros):
        x = 0.3 + 0.6 * zero
        near = points[np.abs(points[:, 0] - x) <= 0.3 + 1e-9]
        assert np.ptp(near[:, 1]) > 0.9
        assert {x - 0.3, x + 0.3} <= set(points[:, 0].tolist())
