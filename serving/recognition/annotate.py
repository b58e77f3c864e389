"""Draws a recognized field or MICR line: a box around each symbol, the prediction below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from serving.images.codec import Gray
from serving.images.crop import Crop
from serving.recognition.boxes import Box
from serving.recognition.fields import FieldPrediction
from serving.recognition.micr import MicrPrediction

_WIDTH: Final = 640  # small pictures are enlarged to about this, by a whole factor
_SIDE: Final = 2400  # larger pictures are reduced to this
_TEXT: Final = 22
_GOOD: Final = (18, 120, 60)
_BAD: Final = (190, 40, 40)
_PAPER: Final = (255, 255, 255)


def draw(gray: Gray, prediction: FieldPrediction | MicrPrediction, crop: Crop | None = None) -> Image.Image:
    """Draws the picture in RGB, enlarged if it is small, with boxes, symbols and the prediction.

    Args:
        gray: the whole picture, uint8 [height, width].
        prediction: of the field or the line in it.
        crop: the part that was read; the rest is left out.
    """
    x, y, width, height = crop or (0, 0, gray.shape[1], gray.shape[0])
    part = np.ascontiguousarray(gray[y : y + height, x : x + width])
    scale = max(1.0, round(_WIDTH / width)) if max(width, height) < _SIDE else _SIDE / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.fromarray(part).resize(size, Image.Resampling.BICUBIC)
    color = _GOOD if prediction.accepted else _BAD
    font = ImageFont.load_default(_TEXT)
    lines = fold(_caption(prediction), font, max(size[0], _WIDTH) - 16)
    margin, line = _TEXT + 10, _TEXT + 8
    sheet = Image.new("RGB", (max(size[0], _WIDTH), margin + size[1] + line * len(lines) + 8), _PAPER)
    left = (sheet.width - size[0]) // 2
    sheet.paste(picture.convert("RGB"), (left, margin))
    pen = ImageDraw.Draw(sheet)
    for symbol, (box_x, box_y, box_width, box_height) in _symbols(prediction):
        start, top = left + (box_x - x) * scale, margin + (box_y - y) * scale
        stop, bottom = start + box_width * scale - 1, top + box_height * scale - 1
        pen.rectangle((start, top, max(start, stop), max(top, bottom)), outline=color, width=2)
        pen.text(((start + stop) / 2, margin - 4), symbol, color, font, anchor="ms")
    for number, words in enumerate(lines):
        pen.text((8, margin + size[1] + 4 + line * number), words, color, font)
    return sheet


def _symbols(prediction: FieldPrediction | MicrPrediction) -> Iterator[tuple[str, Box]]:
    """Yields the symbols that are marked, each with its box; those of a MICR line as letters."""
    if isinstance(prediction, MicrPrediction):
        yield from zip(prediction.text.replace(" ", ""), prediction.boxes, strict=True)
    else:
        yield from ((str(digit.digit), digit.box) for digit in prediction.digits)


def _caption(prediction: FieldPrediction | MicrPrediction) -> str:
    if isinstance(prediction, MicrPrediction):
        text = prediction.text or "nothing"
    else:
        text = prediction.raw or "nothing"
        meaning = prediction.amount or prediction.date
        if meaning is not None and meaning != prediction.raw:
            text += f" = {meaning}"
    verdict = "accepted" if prediction.accepted else f"not accepted: {prediction.reason}"
    return f"{text}   {prediction.confidence:.3f}   {verdict}"


def fold(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    """Breaks text between words into lines of at most `width` pixels."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
