"""Lays out a text's glyphs on a line: which glyph, how large, how high, how far apart; and its fractions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.synthesis.amount_text import UNDERLINE, AmountText, Place
from pipeline.synthesis.glyph_bank import Writer
from pipeline.synthesis.writing_style import Stack, WritingStyle

_ROOMY: Final = 0.2  # share of fields with wide gaps between characters
# From the smallest to the largest that a mark is written, as shares of its style's size.
_MARK_SIZES: Final = {
    "/": (0.9, 1.4), ",": (0.75, 1.5), ".": (0.8, 1.4), "'": (0.8, 1.3), "-": (0.6, 1.4), "—": (0.8, 1.7), "x": (0.6, 1.1),
}  # fmt: skip

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Token:
    """The characters of one glyph: nearly always one, more for chained zeros."""

    chars: str
    text: str  # what is to be read of them
    space: bool  # before it
    place: Place
    later: bool  # a digit other than zero comes before it


def tokenize(text: AmountText, chains: bool) -> list[Token]:
    """Splits a text into its glyphs' tokens; zeros in a row are one token or two where `chains` says so."""
    tokens: list[Token] = []
    place, space, later = 0, False, False
    while place < len(text.chars):
        char, size = text.chars[place], 1
        if char == " ":
            place, space = place + 1, True
            continue
        if char == "0" and chains:
            row = len(text.chars[place:]) - len(text.chars[place:].lstrip("0"))
            row = len(list(next(itertools.groupby(text.places[place : place + row]))[1]))
            size = 2 if row in (2, 4) else min(row, 3)
        end = place + size
        tokens.append(
            Token(text.chars[place:end], "".join(text.reads[place:end]), space, text.places[place], later)
        )
        later = later or (char.isdigit() and char != "0")
        place, space = end, False
    return tokens


def choose_glyphs(
    tokens: list[Token],
    writer: Writer,
    fallback_writer: Writer,
    style: WritingStyle,
    rng: np.random.Generator,
) -> tuple[list[int], Doubles, Doubles, Doubles]:
    """Chooses each token's glyph, as an index into the bank, its size, lift from the baseline and gap before it."""
    count = len(tokens)
    index = []
    sizes = np.asarray(1 + style.drift * np.arange(count), np.float64)
    lifts = rng.normal(0, 0.04 * style.untidy, count)
    gaps = np.clip(rng.normal(style.gap, 0.07 * style.untidy, count), -0.25, 0.8)
    room = 1.0
    if count > 1 and rng.random() < _ROOMY:
        gaps += rng.uniform(0.05, 0.35)
        room = rng.uniform(1.0, 2.5)
    for k, token in enumerate(tokens):
        name = "7-" if style.crossed and token.chars == "7" and "7-" in writer.glyphs else token.chars
        name = UNDERLINE if token.place is Place.BAR else name
        options = writer.glyphs.get(name) or fallback_writer.glyphs[name]
        index.append(options[rng.integers(len(options))])
        if token.chars[0].isdigit():
            sizes[k] *= style.sizes[int(token.chars[0])]
            if token.chars[0] == "0" and (token.later or len(token.chars) > 1) and not token.place:
                sizes[k] *= style.zeros
            # Small ones stand anywhere from the baseline to the middle.
            lifts[k] += (1 - sizes[k]) * rng.uniform(-0.1, 0.6)
        else:
            sizes[k] *= rng.uniform(*_MARK_SIZES.get(token.chars, (0.85, 1.15)))
            lifts[k] = rng.normal(0, 0.03 if token.chars in ".," else 0.07)
            gaps[k] = max(gaps[k], rng.uniform(0, 0.22) * room)
        if k and not tokens[k - 1].chars[0].isdigit():
            gaps[k] = max(gaps[k], rng.uniform(-0.02, 0.28) * room)
        if token.space:
            gaps[k] = rng.uniform(0.3, 0.9)
    if any(token.place for token in tokens):
        _shift_small(tokens, sizes, lifts, gaps, style.stack, rng)
    sizes = np.clip(sizes * np.exp(rng.normal(0, 0.05 * style.untidy, count)), 0.4, 1.7)
    return index, sizes, lifts, gaps


def _shift_small(
    tokens: list[Token],
    sizes: Doubles,
    lifts: Doubles,
    gaps: Doubles,
    stack: Stack,
    rng: np.random.Generator,
) -> None:
    """Makes what stands off the line small and lifts it; a bar's lift becomes that of its middle."""
    stacked = any(token.place is Place.BELOW for token in tokens)
    small = rng.uniform(*stack.size) if stacked else rng.uniform(0.42, 0.8)
    bar = rng.uniform(*stack.bar)
    top = rng.uniform(0.95, 1.3)
    if not stacked:
        bar = top - small - rng.uniform(0.06, 0.2)
    bottom = rng.uniform(-0.3, 0.05)
    close = rng.uniform(*stack.close)
    for k, token in enumerate(tokens):
        if token.place is Place.LINE:
            continue
        jitter = lifts[k] * 0.5
        if token.place is Place.BAR:
            lifts[k] = bar
            continue
        sizes[k] *= small
        if not token.space:
            gaps[k] *= 0.6
        if token.place is Place.RAISED:
            lifts[k] = (bar + close if stacked else top - small) + jitter
        else:
            lifts[k] = (bar - close - small if token.place is Place.BELOW else bottom) + jitter


def stack(tokens: list[Token], widths: Doubles, centers: Doubles) -> None:
    """Moves bars below the raised characters before them and what is below to the middle of the bar."""
    for bar, token in enumerate(tokens):
        if token.place is not Place.BAR:
            continue
        first, end = bar, bar + 1
        while first and tokens[first - 1].place is Place.RAISED:
            first -= 1
        while end < len(tokens) and tokens[end].place is Place.BELOW:
            end += 1
        left = centers[first] - widths[first] / 2
        upper = centers[bar - 1] + widths[bar - 1] / 2 - left
        start = centers[bar + 1] - widths[bar + 1] / 2 if end > bar + 1 else 0.0
        lower = centers[end - 1] + widths[end - 1] / 2 - start if end > bar + 1 else 0.0
        middle = left + max(upper, lower, widths[bar]) / 2
        if end < len(tokens):
            gap = centers[end] - widths[end] / 2 - (centers[end - 1] + widths[end - 1] / 2)
            right = middle + max(upper, lower, widths[bar]) / 2
            centers[end:] += right + gap - (centers[end] - widths[end] / 2)
        centers[first:bar] += middle - left - upper / 2
        centers[bar + 1 : end] += middle - start - lower / 2
        centers[bar] = middle


def bar_scales(
    tokens: list[Token], widths: Doubles, boxes: Floats, reach: tuple[float, float], rng: np.random.Generator
) -> Doubles:
    """Returns for each bar how much its glyph is enlarged to reach over what stands above and below; 0 for the rest."""
    scales = np.zeros(len(tokens))
    for bar, token in enumerate(tokens):
        if token.place is Place.BAR:
            spans = [0.0, 0.0]
            for step, (side, place) in enumerate(((-1, Place.RAISED), (1, Place.BELOW))):
                k = bar + side
                while 0 <= k < len(tokens) and tokens[k].place is place:
                    spans[step] += widths[k]
                    k += side
            scales[bar] = max(spans) * rng.uniform(*reach) / (boxes[bar, 2] - boxes[bar, 0])
    return scales
