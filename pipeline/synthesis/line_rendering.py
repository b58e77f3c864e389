"""Renders a text by one writer: glyphs side by side, sheared, sized, warped and inked alike.

The result is a map of signed distances to the edge of the ink, like the
glyphs it is made of (`pipeline.synthesis.glyph_bank`), before pen pressure, paper and scanner.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.synthesis.amount_text import UNDERLINE, AmountText, Place
from pipeline.synthesis.glyph_bank import LEVELS, UNIT, GlyphBank, Writer

FAR: Final = -30.0  # distance of paper from any ink
_ROOMY: Final = 0.2  # share of fields with wide gaps between characters
# From the smallest to the largest that a mark is written, as shares of its style's size.
_MARK_SIZES: Final = {
    "/": (0.9, 1.4), ",": (0.75, 1.5), ".": (0.8, 1.4), "'": (0.8, 1.3), "-": (0.6, 1.4), "—": (0.8, 1.7), "x": (0.6, 1.1),
}  # fmt: skip

Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WritingStyle:
    """A writer's style in one field; lengths are shares of the body's height where no unit is given."""

    body: float  # pixels
    pen: float  # half its width, pixels
    slant: float  # columns per row, positive = to the right
    skew: float  # rows per column, positive = downhill
    aspect: float
    gap: float
    untidy: float  # 1 = as most writers
    warp: float  # standard deviation of the bends, pixels of a glyph's map
    zeros: float  # size of zeros after the first digit
    drift: float  # growth per character
    chained: float  # probability that zeros in a row are one stroke
    crossed: bool  # sevens have a bar
    sizes: _Doubles  # [10], of each digit


def writing_style(rng: np.random.Generator, upright: bool) -> WritingStyle:
    """Draws a random style; `upright` glyphs have no slant of their own and get all of it here."""
    body = min(max(np.exp(rng.normal(np.log(33), 0.26)), 20.0), 56.0)
    sizes = np.exp(rng.normal(0, 0.075, 10))
    if rng.random() < 0.35:
        sizes[1] *= rng.uniform(1.0, 1.5)
    return WritingStyle(
        body=float(body),
        pen=float(max(body * min(np.exp(rng.normal(np.log(0.043), 0.27)), 0.08), 0.7)),
        slant=float(min(max(rng.normal(0.24 if upright else 0.12, 0.25), -0.6), 0.75)),
        skew=float(np.tan(np.radians(min(max(rng.normal(-1, 2.3), -7), 7)))),
        aspect=float(np.exp(rng.normal(0.12, 0.2))),
        gap=float(rng.normal(0.12, 0.09)),
        untidy=float(rng.uniform(0.3, 1.4)),
        warp=float(rng.uniform(0.5, 2.2)),
        zeros=float(rng.uniform(0.35, 0.95) if rng.random() < 0.5 else 1.0),
        drift=float(rng.normal(0, 0.03)),
        chained=float(rng.random() < 0.3),
        crossed=bool(rng.random() < 0.65),
        sizes=sizes,
    )


@dataclass(frozen=True)
class _Token:
    """The characters of one glyph: nearly always one, more for chained zeros."""

    chars: str
    text: str  # what is to be read of them
    space: bool  # before it
    place: Place
    later: bool  # a digit other than zero comes before it


def _tokens(text: AmountText, chains: bool) -> list[_Token]:
    tokens: list[_Token] = []
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
            _Token(text.chars[place:end], "".join(text.reads[place:end]), space, text.places[place], later)
        )
        later = later or (char.isdigit() and char != "0")
        place, space = end, False
    return tokens


def _glyphs(
    tokens: list[_Token],
    writer: Writer,
    fallback_writer: Writer,
    style: WritingStyle,
    rng: np.random.Generator,
) -> tuple[list[int], _Doubles, _Doubles, _Doubles]:
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
        _shift_small(tokens, sizes, lifts, gaps, rng)
    sizes = np.clip(sizes * np.exp(rng.normal(0, 0.05 * style.untidy, count)), 0.4, 1.7)
    return index, sizes, lifts, gaps


def _shift_small(
    tokens: list[_Token], sizes: _Doubles, lifts: _Doubles, gaps: _Doubles, rng: np.random.Generator
) -> None:
    """Makes what stands off the line small and lifts it; a bar's lift becomes that of its middle."""
    stacked = any(token.place is Place.BELOW for token in tokens)
    small = rng.uniform(0.4, 0.62) if stacked else rng.uniform(0.42, 0.8)
    bar = rng.uniform(0.3, 0.65)
    top = rng.uniform(0.95, 1.3)
    if not stacked:
        bar = top - small - rng.uniform(0.06, 0.2)
    bottom = rng.uniform(-0.3, 0.05)
    close = rng.uniform(0.06, 0.16)
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


def _stack(tokens: list[_Token], widths: _Doubles, centers: _Doubles) -> None:
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


def _bar_scales(tokens: list[_Token], widths: _Doubles, boxes: Floats, rng: np.random.Generator) -> _Doubles:
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
            scales[bar] = max(spans) * rng.uniform(1.05, 1.5) / (boxes[bar, 2] - boxes[bar, 0])
    return scales


def render(
    text: AmountText,
    writer: Writer,
    fallback_writer: Writer,
    bank: GlyphBank,
    style: WritingStyle,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Renders the text by one writer.

    Args:
        text: the characters, where they stand, and what is to be read of them.
        writer: writes the digits.
        fallback_writer: writes the characters that the writer has no glyph of.
        bank: the glyphs of both.
        style: size, pen, slant and the like.
        rng: decides what differs from glyph to glyph.

    Returns:
        distances into the ink, float32 [h, w], in pixels, negative on paper;
        the boxes of the symbols that are to be read, float32 [n, 4]: x, y, width, height.
    """
    tokens = _tokens(text, rng.random() < style.chained)
    count = len(tokens)
    index, sizes, lifts, gaps = _glyphs(tokens, writer, fallback_writer, style, rng)
    digits = np.array([token.chars[0].isdigit() for token in tokens])
    boxes, bases = bank.boxes[index], bank.bases[index]
    sy = style.body / UNIT * sizes
    sx = sy * style.aspect * np.exp(rng.normal(0, 0.05 * style.untidy, count))
    widths = (boxes[:, 2] - boxes[:, 0]) * sx
    bars = [k for k, token in enumerate(tokens) if token.place is Place.BAR]
    if bars:
        sx[bars] = sy[bars] = _bar_scales(tokens, widths, boxes, rng)[bars]
        widths[bars] = (boxes[bars, 2] - boxes[bars, 0]) * sx[bars]
        lifts[bars] -= (bases[bars] - (boxes[bars, 1] + boxes[bars, 3]) / 2) * sy[bars] / style.body
    centers = np.concatenate([[0], np.cumsum(widths[:-1] + gaps[1:] * style.body)]) + widths / 2
    if bars:
        _stack(tokens, widths, centers)
    grow = np.clip(style.pen - bank.pens[index] * np.sqrt(sx * sy), -3.0, 3.0)
    thick = grow.astype(np.float32)
    rows = style.skew * centers - lifts * style.body

    # Each glyph's frame on the page, sheared around (center, baseline).
    reach = np.maximum(grow, 0) + 4
    up, down = (bases - boxes[:, 1]) * sy + reach, (boxes[:, 3] - bases) * sy + reach
    half = widths / 2 + reach
    x0 = centers - half + np.minimum(style.slant * up, -style.slant * down)
    x1 = centers + half + np.maximum(style.slant * up, -style.slant * down)
    y0, y1 = rows - up - abs(style.skew) * half, rows + down + abs(style.skew) * half
    left, top = int(np.floor(x0.min())), int(np.floor(y0.min()))
    ink = np.full((int(y1.max()) - top + 2, int(x1.max()) - left + 2), FAR, np.float32)
    turns = rng.normal(0, 0.04 * style.untidy, count)
    # A comma bent as far as a digit would be a digit.
    bends = rng.normal(0, style.warp, (count, 9, 2)) * np.where(digits, 1, 0.3)[:, None, None]
    xs, ys, widths_, heights = (
        np.asarray(edges, np.int64).tolist() for edges in (x0, y0, np.ceil(x1 - x0), np.ceil(y1 - y0))
    )
    # Where nine points of each frame lie in its glyph's map.
    frames = np.stack([np.ceil(x1 - x0), np.ceil(y1 - y0)], 1)[:, None]
    page = _NINE * frames - np.stack([centers - np.trunc(x0), rows - np.trunc(y0)], 1)[:, None]
    tall = page[..., 1] - (style.skew + turns)[:, None] * page[..., 0]
    wide = page[..., 0] + (style.slant - turns)[:, None] * tall
    wide = (boxes[:, 0] + boxes[:, 2])[:, None] / 2 + wide / sx[:, None]
    tall = bases[:, None] + tall / sy[:, None]
    points = (np.stack([wide, tall], 2) + bends).tolist()
    levels = (np.sqrt(sx * sy) / LEVELS).astype(np.float32)
    text_boxes: list[tuple[int, int, int, int]] = []
    for k, token in enumerate(tokens):
        w, h, px, py = widths_[k], heights[k], xs[k] - left, ys[k] - top
        glyph = _warp(bank, index[k], w, h, points[k])
        glyph *= levels[k]
        glyph += thick[k]
        place = ink[py : py + h, px : px + w]
        glyph = glyph[: place.shape[0], : place.shape[1]]
        np.maximum(place, glyph, out=place)
        if token.text:
            text_boxes += _split_box(glyph > 0, px, py, len(token.text), style.slant)
    return ink, np.array(text_boxes, np.float32).reshape(-1, 4)


_NINE: Final = np.array([(j / 2, i / 2) for i in range(3) for j in range(3)])


def _warp(bank: GlyphBank, index: int, width: int, height: int, points: list[list[float]]) -> Floats:
    """Warps a glyph's map so that its nine points (rows of three) land on the frame's: float32 [height, width], minus 128."""
    xs, ys = (0, width // 2, width), (0, height // 2, height)
    mesh = [
        (
            (xs[j], ys[i], xs[j + 1], ys[i + 1]),
            (*points[3 * i + j], *points[3 * i + 3 + j], *points[3 * i + 4 + j], *points[3 * i + 1 + j]),
        )
        for i in range(2)
        for j in range(2)
    ]
    image = Image.fromarray(bank.maps[index]).transform(
        (width, height), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR
    )
    return np.asarray(image, np.float32) - np.float32(128)


def _split_box(
    inked: npt.NDArray[np.bool_], x: int, y: int, parts: int, slant: float
) -> list[tuple[int, int, int, int]]:
    """Splits the ink's box into equal and equally slanted parts; x, y, width and height each."""
    across, along = np.flatnonzero(inked.any(0)), np.flatnonzero(inked.any(1))
    if not len(across):  # a pen too fine for the glyph's size
        return [(x + inked.shape[1] // 2, y + inked.shape[0] // 2, 1, 1)] * parts
    x, y, width, height = (
        x + int(across[0]),
        y + int(along[0]),
        int(across[-1] - across[0]) + 1,
        int(along[-1] - along[0]) + 1,
    )
    if parts == 1:
        return [(x, y, width, height)]
    lean = min(int(abs(slant) * height), width // 2)
    step = (width - lean) / parts
    return [(x + int(i * step), y, int(step) + lean + 1, height) for i in range(parts)]
