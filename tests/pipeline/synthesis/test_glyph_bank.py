import numpy as np
import pytest

from pipeline.synthesis.glyph_bank import (
    COLUMNS,
    LEVELS,
    ROWS,
    GlyphBank,
    GlyphSource,
    Writer,
    half_widths,
    join,
    levels,
    measure,
)


def bar(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """The map of a filled rectangle: the distance to its nearest edge, positive inside."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS] + 0.5
    return levels(np.minimum.reduce([y - top, bottom - y, x - left, right - x]))


def source(name: str, *maps: np.ndarray) -> GlyphSource:
    bank = measure(np.stack(maps), np.ones(len(maps), np.float32), None)
    return GlyphSource(bank, (Writer(name, {"1": tuple(range(len(maps)))}),))


def test_levels_are_distances_around_128() -> None:
    inside = np.array([-100.0, -1.0, 0.0, 0.5, 2.0, 100.0])
    assert levels(inside).tolist() == [0, 128 - LEVELS, 128, 128 + LEVELS // 2, 128 + 2 * LEVELS, 255]


def test_measure_finds_box_and_baseline() -> None:
    maps = np.stack([bar(10, 50, 20, 30), bar(16, 60, 5, 66)])
    bank = measure(maps, np.array([2, 3], np.float32), None)
    assert bank.boxes.tolist() == [[20, 10, 30, 50], [5, 16, 66, 60]]
    assert bank.bases.tolist() == [50, 60]  # each stands on its lowest ink
    assert bank.pens.tolist() == [2, 3]
    assert measure(maps, bank.pens, 56.0).bases.tolist() == [56, 56]


@pytest.mark.parametrize("width", [4, 8, 12])
def test_half_widths_are_those_of_strokes(width: int) -> None:
    (half,) = half_widths(bar(4, 68, 30, 30 + width)[None])
    assert half == pytest.approx(width / 2, rel=0.15)


def test_paper_has_no_width() -> None:
    assert half_widths(np.zeros((1, ROWS, COLUMNS), np.uint8)).tolist() == [0]


def test_one_source_is_not_copied() -> None:
    alone = source("a", bar(10, 50, 20, 30))
    bank, writers = join([alone])
    assert bank is alone.bank
    assert tuple(writers) == alone.writers


def test_joined_writers_keep_their_glyphs() -> None:
    first = source("a", bar(10, 50, 20, 30), bar(10, 50, 40, 50))
    second = source("b", bar(20, 50, 20, 60))
    bank, writers = join([first, second])
    assert isinstance(bank, GlyphBank)
    assert [(writer.source, writer.glyphs) for writer in writers] == [
        ("a", {"1": (0, 1)}),
        ("b", {"1": (2,)}),
    ]
    for name in ("maps", "boxes", "bases", "pens"):
        parts = [getattr(part.bank, name) for part in (first, second)]
        assert np.array_equal(getattr(bank, name), np.concatenate(parts))
