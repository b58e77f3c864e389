import numpy as np

from pipeline.synthesis.glyph_bank import BASE, COLUMNS, UNIT
from pipeline.synthesis.stroke_language import parse_style
from pipeline.synthesis.stroke_shapes import bend, curves


def test_bent_strokes_keep_meeting() -> None:
    style = parse_style("0,0 .5,.5; .5,1 | .5,.5 1,.5")
    first, second = bend(style, np.random.default_rng(0), 0.1)
    assert first[1] == first[2] == second[0]
    assert first[1] != (0.5, 0.5)


def test_unbent_strokes_stay() -> None:
    style = parse_style("0,0 .5,.5 .5,1")
    assert bend(style, np.random.default_rng(0), 0.0) == style


def test_curves_stand_on_the_baseline_in_the_middle() -> None:
    (path,) = curves(parse_style("0,0 .5,1"), 0.8)
    np.testing.assert_allclose(path[[0, -1], 1], [BASE - UNIT, BASE])
    np.testing.assert_allclose(path[[0, -1], 0].mean(), COLUMNS / 2)
    np.testing.assert_allclose(np.ptp(path[:, 0]), 0.5 * 0.8 * UNIT)
