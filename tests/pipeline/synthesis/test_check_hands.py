"""Writers of training and test differ, and missing collections are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.synthesis import check_hands
from pipeline.synthesis.amount_text import label
from serving.errors import CheckreaderError


@pytest.fixture(scope="module")
def hands() -> check_hands.Hands:
    return check_hands.invented_hands("train", 3)


def test_no_invented_writer_is_in_both_parts(hands: check_hands.Hands) -> None:
    other = check_hands.invented_hands("test", 3)
    train = {glyph.tobytes() for glyph in hands.bank.maps}
    assert not train & {glyph.tobytes() for glyph in other.bank.maps if glyph.any()}


def test_missing_collections_are_named(tmp_path: Path) -> None:
    hands = check_hands.open_hands("test", tmp_path, count=1)
    assert set(hands.writers) == {"strokes"}
    assert hands.note is not None
    assert "MNIST not found" in hands.note
    assert "UNIPEN not found" in hands.note


def test_missing_fonts_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckreaderError, match="no fonts there"):
        check_hands.open_hands("train", tmp_path, tmp_path, count=1)


@pytest.mark.parametrize("text", ["1,250.50", "7", "1", "4711.00"])
def test_a_text_fits_and_has_no_margins(hands: check_hands.Hands, text: str) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        cover = check_hands.hand(hands, rng).write(label(text), 26, 80, rng)
        assert cover.shape[1] <= 80
        assert cover.max() > 0.5
        assert cover.max() <= 1
        assert cover[0].any()
        assert cover[:, -1].any()
