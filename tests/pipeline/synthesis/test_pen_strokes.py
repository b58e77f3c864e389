import numpy as np
import pytest

from pipeline.synthesis.pen_strokes import draw_stroke


def page() -> np.ndarray:
    return np.full((40, 60), -30, np.float32)


def test_a_stroke_is_as_wide_as_its_pen() -> None:
    ink = page()
    draw_stroke(ink, np.array([(10.0, 20), (30, 20), (50, 20)]), 2.0)
    assert (ink[:, 30] > 0).sum() == 4
    assert ink.max() == pytest.approx(1.5)
    columns = np.flatnonzero((ink > 0).any(0))
    assert (columns[0], columns[-1]) == (8, 51)


def test_ink_that_is_there_stays() -> None:
    ink = page()
    ink[20, 20] = 9
    draw_stroke(ink, np.array([(10.0, 20), (50, 20)]), 2.0)
    assert ink[20, 20] == 9


def test_beside_the_page_is_nothing() -> None:
    ink = page()
    draw_stroke(ink, np.array([(-40.0, -30), (-20, -20)]), 2.0)
    assert (ink == -30).all()
    draw_stroke(ink, np.array([(-40.0, 10), (10, 10)]), 2.0)
    assert (ink[:, :8] > 0).any()
