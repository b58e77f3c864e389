from collections import Counter

import numpy as np
import pytest

from pipeline.synthesis import invented_writers
from pipeline.synthesis.glyph_bank import COLUMNS, ROWS, GlyphSource
from pipeline.synthesis.invented_writers import VARIANTS, invented


def source(number: int, chars: str, seed: int = 0) -> GlyphSource:
    return invented(seed, number, Counter(chars), np.random.default_rng(0))


def test_a_writer_depends_on_the_number_alone() -> None:
    """Not on what was drawn before, and by whom: so a training goes on exactly where it stopped."""
    invented_writers.draw_glyph.cache_clear()
    first = source(7, "505,-")
    invented_writers.draw_glyph.cache_clear()
    source(8, "9876543210")
    source(7, "-9")
    second = source(7, "505,-")
    assert first.writers == second.writers
    assert np.array_equal(first.bank.maps, second.bank.maps)
    assert np.array_equal(first.bank.boxes, second.bank.boxes)


def test_other_numbers_and_seeds_are_other_writers() -> None:
    maps = [source(number, "22", seed).bank.maps for number, seed in ((1, 0), (2, 0), (1, 1))]
    assert not any(np.array_equal(maps[a], maps[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_only_what_the_text_needs_is_drawn() -> None:
    invented_writers.draw_glyph.cache_clear()
    written = source(3, "1 225,-")
    (writer,) = written.writers
    assert set(writer.glyphs) == set("125,-")
    assert len(writer.glyphs["2"]) == VARIANTS
    assert len(writer.glyphs["5"]) == 1
    assert invented_writers.draw_glyph.cache_info().misses == len(written.bank.maps) == 6


def test_chains_of_zeros_are_one_stroke_wide() -> None:
    written = invented(0, 3, {"000": 1, "0": 1}, np.random.default_rng(0))
    (writer,) = written.writers
    widths = np.diff(written.bank.boxes[:, ::2])[:, 0]
    assert widths[writer.glyphs["000"][0]] > 1.3 * widths[writer.glyphs["0"][0]]


def test_nothing_is_needed_of_a_writer() -> None:
    written = source(3, " ")
    assert written.bank.maps.shape == (0, ROWS, COLUMNS)
    assert not written.writers[0].glyphs


@pytest.mark.parametrize("number", range(12))
def test_no_glyph_is_cut_off(number: int) -> None:
    bank = source(number, "00112233445566778899.,/-x$").bank
    border = np.ones((ROWS, COLUMNS), bool)
    border[1:-1, 1:-1] = False
    assert (bank.maps[:, border] > 128).any(1).mean() < 0.05
    assert (bank.maps > 128).any((1, 2)).all()
