"""Draws a recognized check: the outline of the paper, a box around each field, and what was read below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from serving.images.codec import Gray
from serving.recognition.annotate import fold
from serving.recognition.boxes import Box
from serving.recognition.check import CheckPrediction

_WIDTH: Final = 1_200  # larger pictures are reduced to this, small ones are enlarged
_HEIGHT: Final = 2_400  # at most
_TEXT: Final = 20
_GOOD: Final = (18, 120, 60)
_BAD: Final = (190, 40, 40)
_NEUTRAL: Final = (40, 80, 170)
_PAPER: Final = (255, 255, 255)

Color = tuple[int, int, int]


class _Field(NamedTuple):
    """A field's name, box, color, and the line about it; None: it is not read."""

    name: str
    box: Box
    color: Color
    line: str | None


def draw_check(gray: Gray, prediction: CheckPrediction) -> Image.Image:
    """Draws the picture in RGB with the outlines of paper and fields, and a line for each reading.

    Args:
        gray: the whole picture, uint8 [height, width].
        prediction: of the check in it.
    """
    scale = min(_WIDTH / gray.shape[1], _HEIGHT / gray.shape[0])
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    picture = Image.fromarray(gray).resize(size, Image.Resampling.LANCZOS).convert("RGB")
    font = ImageFont.load_default(_TEXT)
    fields = list(_fields(prediction))
    captions = [(field.line, field.color) for field in fields if field.line is not None]
    verdict = "accepted" if prediction.accepted else f"not accepted: {'; '.join(prediction.reasons)}"
    captions.append((f"check: {verdict}", _GOOD if prediction.accepted else _BAD))
    lines = [(words, color) for text, color in captions for words in fold(text, font, _WIDTH - 16)]
    sheet = Image.new("RGB", (_WIDTH, size[1] + (_TEXT + 8) * len(lines) + 12), _PAPER)
    sheet.paste(picture, (0, 0))
    pen = ImageDraw.Draw(sheet)
    if prediction.corners is not None:
        outline = [(x * scale, y * scale) for x, y in prediction.corners]
        pen.line([*outline, outline[0]], _NEUTRAL, 2)
    for field in fields:
        x, y, width, height = (side * scale for side in field.box)
        pen.rectangle((x, y, x + width, y + height), outline=field.color, width=3)
        place = x + width, max(y - 4, _TEXT)
        pen.rectangle(pen.textbbox(place, field.name, font, anchor="rs"), _PAPER)
        pen.text(place, field.name, field.color, font, anchor="rs")
    for number, (words, color) in enumerate(lines):
        pen.text((8, size[1] + 6 + (_TEXT + 8) * number), words, color, font)
    return sheet


def _fields(prediction: CheckPrediction) -> Iterator[_Field]:
    fields = prediction.fields
    if fields.amount is not None:
        amount = fields.amount
        yield _field("amount", amount.box, amount.accepted, amount.amount or amount.raw, amount.confidence)
    if fields.date is not None:
        date = fields.date
        yield _field("date", date.box, date.accepted, date.date or date.raw, date.confidence)
    if fields.micr is not None:
        line = fields.micr
        # The letters stand for symbols that the font lacks.
        yield _field("MICR line", line.box, line.accepted, line.text, line.confidence)
    if fields.check_number is not None:
        number = fields.check_number
        yield _field("check number", number.box, number.accepted, number.text, number.confidence)
    if fields.words is not None:
        yield _Field("words", fields.words.box, _NEUTRAL, None)


def _field(name: str, box: Box, accepted: bool, text: str, confidence: float) -> _Field:
    verdict = "accepted" if accepted else "not accepted"
    color = _GOOD if accepted else _BAD
    return _Field(name, box, color, f"{name}: {text or 'nothing'}   {confidence:.3f}   {verdict}")
