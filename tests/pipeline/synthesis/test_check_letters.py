"""Letters are written where they may, in every character that checks have."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis import check_letters


def test_every_letter_leaves_ink() -> None:
    rng = np.random.default_rng(0)
    style = check_letters.pen(rng)
    for char in check_letters.LETTERS:
        cover = check_letters.write(char, style, 24, 200, rng)
        assert cover.max() > 0.5
        assert cover.dtype == np.float32


@pytest.mark.parametrize("seed", range(4))
def test_a_line_fits_its_width_and_has_no_margins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cover = check_letters.write("Seven hundred and 00/100", check_letters.pen(rng), 30, 250, rng)
    assert cover.shape[1] <= 251
    inked = np.flatnonzero((cover > 0.2).any(0))
    assert inked[0] < 12
    assert inked[-1] > cover.shape[1] - 12


def test_a_signature_is_wider_than_a_letter() -> None:
    rng = np.random.default_rng(1)
    style = check_letters.pen(rng)
    assert check_letters.sign(style, 40, 400, rng).shape[1] > 40


def test_what_has_no_strokes_leaves_no_ink() -> None:
    rng = np.random.default_rng(1)
    assert check_letters.write("§", check_letters.pen(rng), 30, 100, rng).max() == 0
