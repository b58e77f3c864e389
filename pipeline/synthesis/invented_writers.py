"""Invents thousands of writers; a glyph is drawn when it is first used.

A writer is a number. Its hand, its habits and each glyph depend on that number alone and on no glyph drawn before, so
that equal numbers are equal writers in any process and any order.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

import numpy as np

from pipeline.synthesis import counted_styles, stroke_styles
from pipeline.synthesis.glyph_bank import BASE, COLUMNS, ROWS, GlyphBank, GlyphSource, Writer, join, measure
from pipeline.synthesis.pen_map import pen_map
from pipeline.synthesis.stroke_language import Style
from pipeline.synthesis.stroke_shapes import bend, curves

COUNT: Final = 20_000
VARIANTS: Final = 2  # glyphs of each digit, which differ slightly
_MARKS: Final = {**stroke_styles.SEPARATORS, **stroke_styles.MARKS}
CHAINS: Final = ("00", "000")
_NAMES: Final = (*"0123456789", *_MARKS, *CHAINS)
_NOTHING: Final = GlyphBank(
    np.zeros((0, ROWS, COLUMNS), np.uint8),
    np.zeros((0, 4), np.float32),
    np.zeros(0, np.float32),
    np.zeros(0, np.float32),
)
_KEPT: Final = 6_000  # glyphs that stay in memory, 5 kB each


def invented(seed: int, number: int, names: Mapping[str, int], rng: np.random.Generator) -> GlyphSource:
    """Invents as much of a writer as a text needs.

    Args:
        seed: of the writers; those of another seed are others.
        number: the writer's.
        names: characters and chains of zeros, as often as they occur; those that no writer has a glyph of are left out.
        rng: decides which variant of a digit is used where it occurs once.

    Returns:
        the glyphs and the one writer.
    """
    banks: list[GlyphBank] = []
    glyphs: dict[str, tuple[int, ...]] = {}
    for name, count in names.items():
        if name not in _NAMES:
            continue
        variants = [0]
        if name.isdigit() and len(name) == 1:
            variants = list(range(VARIANTS)) if count > 1 else [int(rng.integers(VARIANTS))]
        glyphs[name] = tuple(range(len(banks), len(banks) + len(variants)))
        banks += [draw_glyph(seed, number, name, variant) for variant in variants]
    bank = join([GlyphSource(bank, ()) for bank in banks])[0] if banks else _NOTHING
    return GlyphSource(bank, (Writer("strokes", glyphs),))


@functools.lru_cache(maxsize=_KEPT)
def draw_glyph(seed: int, number: int, name: str, variant: int) -> GlyphBank:
    """Draws one glyph of a writer: a bank of it alone."""
    aspect, tremor, pressure, pen = _hand(seed, number)
    key = [seed, number, 1 + _NAMES.index(name)]
    style, width = _habit(name, variant, aspect, np.random.default_rng(key))
    rng = np.random.default_rng([*key, variant])
    maps = pen_map(curves(bend(style, rng, tremor), width), pen, pressure, rng)
    return measure(maps[None], np.array([pen], np.float32), BASE)


@functools.lru_cache(maxsize=64)
def _hand(seed: int, number: int) -> tuple[float, float, float, float]:
    """Draws a writer's aspect, tremor, pressure, and half the pen's width."""
    rng = np.random.default_rng([seed, number])
    return rng.uniform(0.75, 1.25), rng.uniform(0.01, 0.045), rng.uniform(0, 0.35), rng.uniform(1.0, 2.6)


def _habit(name: str, variant: int, aspect: float, rng: np.random.Generator) -> tuple[Style, float]:
    """Draws how a writer writes a character, and how wide for each of the style's units."""
    if name in CHAINS:
        radius, zeros = rng.uniform(0.2, 0.3), len(name)
        step, high = radius * rng.uniform(1.85, 2.4), rng.uniform(-0.06, 0.2)
        tied = stroke_styles.chain(zeros, radius, step, high, rng.random() < 0.3)
        return tied, aspect * min(1, 1.5 / (radius * 2 * zeros * aspect))
    width = aspect * rng.uniform(0.82, 1.22)
    if not name.isdigit():
        styles = _MARKS[name]
        return bend(styles[int(rng.integers(len(styles)))], rng, 0.04, 0.05), width
    # Now and then a writer has two styles for one digit.
    other = variant > 0 and rng.random() < 0.2
    for _ in range(1 + other):
        style = bend(counted_styles.habit(int(name), rng), rng, 0.04, 0.05)
    return style, width
