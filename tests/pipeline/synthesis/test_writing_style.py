import dataclasses

import numpy as np

from pipeline.synthesis.writing_style import USUAL_STACK, writing_style


def test_styles_stay_within_what_can_be_read() -> None:
    rng = np.random.default_rng(0)
    styles = [writing_style(rng, False) for _ in range(500)]
    assert 20 <= min(style.body for style in styles) < max(style.body for style in styles) <= 56
    assert all(0.7 <= style.pen <= max(0.08 * style.body, 0.7) for style in styles)
    assert all(-0.6 <= style.slant <= 0.75 for style in styles)
    assert {style.stack for style in styles} == {USUAL_STACK}
    assert {style.chained for style in styles} == {0.0, 1.0}


def test_upright_glyphs_get_more_slant() -> None:
    rng = np.random.default_rng(0)
    upright, slanted = (
        np.mean([writing_style(rng, kind).slant for _ in range(500)]) for kind in (True, False)
    )
    assert upright > slanted + 0.05


def test_equal_seeds_give_equal_styles() -> None:
    first, second = (dataclasses.asdict(writing_style(np.random.default_rng(4), True)) for _ in range(2))
    assert np.array_equal(first.pop("sizes"), second.pop("sizes"))
    assert first == second
