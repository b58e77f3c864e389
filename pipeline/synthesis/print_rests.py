"""Prints what a crop of a check or a form holds besides the writing: rules, cells' borders, currency signs, bits of words.

A print is a map of how light it leaves the paper, as `pipeline.synthesis.scanner.expose` takes it: 1 = bare, 0 = black.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipeline.synthesis import stroke_styles
from pipeline.synthesis.pen_strokes import draw_stroke
from pipeline.synthesis.stroke_language import smooth_parts

RULED: Final = 0.2  # share of fields with rules that are long, besides those of `pipeline.synthesis.scanner`
SIGNED: Final = 0.08  # share with a printed currency sign in front
WORDED: Final = 0.06  # share with tips of a printed word at the upper or lower edge
DESCENDING: Final = 0.05  # share into which descenders of a handwritten line above reach
_FONT: Final = 40
_WORDS: Final = (
    "Pay",
    "Rupees",
    "pesos",
    "Dollars",
    "cheque",
    "la suma de",
    "Fecha",
    "Date",
    "or bearer",
    "Quantity",
    "francs",
)
_SIGNS: Final = ("$", "$", "Rs", "Rs.", "₹", "₹", "€", "£")

Floats = npt.NDArray[np.float32]


def currency_width(height: float, rng: np.random.Generator) -> float:
    """Draws the room that a printed currency sign takes in front of digits of a height; 0 = there is none."""
    return height * rng.uniform(0.35, 1.1) if rng.random() < SIGNED else 0.0


def check_print(
    size: tuple[int, int], boxes: Floats, sign_width: float, rng: np.random.Generator
) -> Floats | None:
    """Prints the rests that a check's amount has.

    Args:
        size: rows and columns of the page.
        boxes: of what is written, float32 [n, 4]: x, y, width, height.
        sign_width: the room for a currency sign, in front of the first box; 0 = there is none.
        rng: decides everything else.

    Returns:
        float32 [h, w]; None where nothing is printed.
    """
    ruled, worded = rng.random() < RULED, rng.random() < WORDED
    if not (ruled or worded or sign_width):
        return None
    light = np.ones(size, np.float32)
    if ruled:
        _rules(light, boxes, rng)
    if sign_width:
        _currency_sign(light, boxes, sign_width, rng)
    if worded:
        _word(light, boxes, rng)
    return light


def cell_print(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Prints the borders of a form's cell, or what a crop leaves of them; float32 [h, w]."""
    height, width = size
    light = np.ones(size, np.float32)
    tone = float(rng.uniform(0.35, 0.8))
    thick = float(rng.uniform(0.6, 2.0))
    for side in range(4):  # above, below, on the left, on the right
        if rng.random() < (0.55, 0.85, 0.3, 0.75)[side]:
            inset = abs(rng.normal(0.04, 0.03)) * height
            place = inset if side % 2 == 0 else ((height, width)[side // 2] - 1 - inset)
            _line(light, place, side < 2, thick, tone, rng)
    if rng.random() < 0.25:  # the next cell's border
        _line(light, rng.uniform(0, 0.06) * height, True, thick, tone, rng)
    return light


def descend(page: Floats, boxes: Floats, pen: float, rng: np.random.Generator) -> None:
    """Draws descenders of the words above onto the ink of a share of the fields; they end above the digits' middle."""
    if rng.random() >= DESCENDING or not len(boxes):
        return
    height, width = float(np.median(boxes[:, 3])), page.shape[1]
    for _ in range(int(rng.integers(1, 4))):
        x, depth = rng.uniform(0, width), rng.uniform(0.1, 0.3) * height
        loop, lean = rng.uniform(0.05, 0.2) * height, rng.uniform(0, 0.4) * depth
        points = np.array(
            [(x + lean, -depth), (x, depth * 0.7), (x - loop, depth), (x - loop * 1.4, depth * 0.4)]
        )
        if rng.random() < 0.6:
            points = np.vstack([points, (x + loop * 0.6, -depth * 0.4)])
        draw_stroke(page, points, pen * rng.uniform(0.7, 1.0))


def _line(
    light: Floats, place: float, level: bool, thick: float, tone: float, rng: np.random.Generator
) -> None:
    """Prints a line across the page, a little turned, at times only a part of it or dotted."""
    height, width = light.shape
    length = width if level else height
    along = np.arange(length, dtype=np.float32)
    center = place + (along - length / 2) * rng.normal(0, 0.006)
    across = np.arange(height if level else width, dtype=np.float32)[:, None]
    cover = np.clip(thick / 2 + 0.5 - np.abs(across - center), 0, min(thick, 1.0))
    if rng.random() < 0.15:
        period = rng.uniform(2.5, 6)
        cover *= np.mod(along, period) < period * rng.uniform(0.4, 0.7)
    if rng.random() < 0.2:
        first, last = np.sort(rng.uniform(-0.3, 1.3, 2)) * length
        cover *= (along >= first) & (along <= last)
    light *= 1 - np.float32(1 - tone) * (cover if level else cover.T).astype(np.float32)


def _rules(light: Floats, boxes: Floats, rng: np.random.Generator) -> None:
    """Prints a rule below the digits, above them, or both, thin or thick, near the edges of the page or across the digits."""
    height = light.shape[0]
    low, high = float((boxes[:, 1] + boxes[:, 3]).max()), float(boxes[:, 1].min())
    sides = ((True,), (False,), (True, False))[int(rng.choice(3, p=[0.6, 0.15, 0.25]))]
    for below in sides:
        ink_edge, edge = (low, height - 1.0) if below else (high, 0.0)
        place = edge + (ink_edge - edge) * rng.beta(0.7, 1.6)
        thick = rng.uniform(0.7, 1.6) if rng.random() < 0.75 else rng.uniform(1.6, 3.5)
        _line(light, place, True, thick, float(rng.uniform(0.15, 0.75)), rng)


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(float(_FONT))


@functools.cache
def _printed(text: str) -> Image.Image:
    """Draws printed characters, white on black, cut to their ink."""
    picture = Image.new("L", (_FONT * (len(text) + 1), 2 * _FONT), 0)
    canvas = ImageDraw.Draw(picture)
    if not text.isascii():  # which the font may lack
        for stroke in stroke_styles.MARKS[text][0]:
            for part in smooth_parts(np.array(stroke)):
                canvas.line([(8 + x * 34, 8 + y * 34) for x, y in part.tolist()], fill=255, width=4)
    else:
        canvas.text((4, 4), text, fill=255, font=_font())
    return picture.crop(picture.getbbox())


def _currency_sign(light: Floats, boxes: Floats, room: float, rng: np.random.Generator) -> None:
    sign = _printed(_SIGNS[int(rng.integers(len(_SIGNS)))])
    first = boxes[0]
    height = float(np.median(boxes[:, 3])) * rng.uniform(0.45, 1.0)
    width = min(height * sign.width / sign.height, room * 1.6)  # the left of a wide one is cut off
    x = first[0] - room * rng.uniform(0.1, 0.3) - width
    y = first[1] + first[3] / 2 - height / 2 + rng.normal(0, 0.1) * height
    _stamp(light, sign, (x, y, width, height), float(rng.uniform(0.1, 0.5)))


def _word(light: Floats, boxes: Floats, rng: np.random.Generator) -> None:
    """Prints a word of which a tip reaches in over the upper or the lower edge."""
    word = _printed(_WORDS[int(rng.integers(len(_WORDS)))])
    digit, page_height = float(np.median(boxes[:, 3])), light.shape[0]
    height = digit * rng.uniform(0.35, 0.8)
    shown = min(height * rng.uniform(0.1, 0.4), 0.3 * digit)
    y = shown - height if rng.random() < 0.6 else page_height - shown
    width = height * word.width / word.height
    x = rng.uniform(-0.5 * width, max(light.shape[1] - 0.5 * width, 1))
    _stamp(light, word, (x, y, width, height), float(rng.uniform(0.15, 0.6)))


def _stamp(light: Floats, sign: Image.Image, box: tuple[float, float, float, float], tone: float) -> None:
    """Prints a picture into a box, as far as it lies on the page."""
    x, y, width, height = (round(edge) for edge in box)
    cover = (
        np.asarray(sign.resize((max(width, 1), max(height, 1)), Image.Resampling.BILINEAR), np.float32) / 255
    )
    part = cover[max(-y, 0) : max(light.shape[0] - y, 0), max(-x, 0) : max(light.shape[1] - x, 0)]
    place = light[max(y, 0) :, max(x, 0) :][: part.shape[0], : part.shape[1]]
    place *= 1 - np.float32(1 - tone) * part
