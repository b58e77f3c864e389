"""Renders a text by one writer: glyphs side by side, sheared, sized, warped and inked alike.

The result is a map of signed distances to the edge of the ink, like the
glyphs it is made of (`pipeline.synthesis.glyph_bank`), before pen pressure, paper and scanner.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.synthesis import line_layout
from pipeline.synthesis.amount_text import AmountText, Place
from pipeline.synthesis.glyph_bank import LEVELS, UNIT, GlyphBank, Writer
from pipeline.synthesis.writing_style import WritingStyle

FAR: Final = -30.0  # distance of paper from any ink

Floats = npt.NDArray[np.float32]


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
    tokens = line_layout.tokenize(text, rng.random() < style.chained)
    count = len(tokens)
    index, sizes, lifts, gaps = line_layout.choose_glyphs(tokens, writer, fallback_writer, style, rng)
    digits = np.array([token.chars[0].isdigit() for token in tokens])
    boxes, bases = bank.boxes[index], bank.bases[index]
    sy = style.body / UNIT * sizes
    sx = sy * style.aspect * np.exp(rng.normal(0, 0.05 * style.untidy, count))
    widths = (boxes[:, 2] - boxes[:, 0]) * sx
    bars = [k for k, token in enumerate(tokens) if token.place is Place.BAR]
    if bars:
        sx[bars] = sy[bars] = line_layout.bar_scales(tokens, widths, boxes, style.stack.reach, rng)[bars]
        widths[bars] = (boxes[bars, 2] - boxes[bars, 0]) * sx[bars]
        lifts[bars] -= (bases[bars] - (boxes[bars, 1] + boxes[bars, 3]) / 2) * sy[bars] / style.body
    least = np.minimum(widths[:-1], widths[1:]) * -style.overlap / style.body
    gaps[1:] = np.maximum(gaps[1:], least)
    centers = np.concatenate([[0], np.cumsum(widths[:-1] + gaps[1:] * style.body)]) + widths / 2
    if bars:
        line_layout.stack(tokens, widths, centers)
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
