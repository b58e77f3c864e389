"""Prints whole checks that the tiny models read, with the layout that tells where their fields lie."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from tests.support import micr_lines
from tests.support.tiny import amount

WIDTH, HEIGHT = 1400, 620
PLATE = 60
LINE = micr_lines.TEXT  # its serial is 1234
ENCODED = "C001234C A021000021A 1234567C 89 B0000425075B"  # with the amount
NUMBER, DATE, AMOUNT = "1234", "24112019", "4250.75"
_HEIGHT = 72  # of a print that the tiny field model reads whatever paper is around it
_CORNERS = {"check_number": (1150, 20), "date": (900, 130), "amount": (980, 230), "micr": (20, 540)}


def _parts(written: str, date: str, number: str, line: str) -> dict[str, Image.Image]:
    texts = {"check_number": number, "date": date, "amount": written}
    parts = {name: amount(text, _HEIGHT, paper=255) for name, text in texts.items() if text}
    return parts | ({"micr": Image.fromarray(micr_lines.strip(line, 2.0, margin=10))} if line else {})


def check(
    written: str = AMOUNT, date: str = DATE, number: str = NUMBER, line: str = LINE, paper: int = 255
) -> Image.Image:
    """Prints a check; a text that is empty is left out."""
    sheet = Image.new("L", (WIDTH, HEIGHT), 255)
    for name, part in _parts(written, date, number, line).items():
        sheet.paste(part, _CORNERS[name])
    return sheet.point(lambda level: level * paper // 255)


def scan(**texts: str) -> Image.Image:
    """Scans a check, printed as by `check`, on a dark plate that is `PLATE` larger to each side."""
    sheet = Image.new("L", (WIDTH + 2 * PLATE, HEIGHT + 2 * PLATE), 60)
    sheet.paste(check(**texts), (PLATE, PLATE))
    return sheet


def layout(*names: str, written: str = AMOUNT, line: str = LINE) -> dict[str, tuple[float, ...]]:
    """Returns the places of the fields of a check, or of those that are named."""
    places = {}
    for name, part in _parts(written, DATE, NUMBER, line).items():
        x, y = _CORNERS[name]
        right, bottom = x + part.width, y + part.height
        places[name] = (x / WIDTH, y / HEIGHT, right / WIDTH, bottom / HEIGHT)
    return {name: place for name, place in places.items() if not names or name in names}


def layout_text(**options: str) -> str:
    """Returns the layout as JSON."""
    return json.dumps(layout(**options))


def on_a_table(sheet: Image.Image, corners: list[tuple[float, float]], size: tuple[int, int]) -> np.ndarray:
    """Photographs a check: its corners come to lie at these places of a dark table, uint8 [h, w]."""
    flat = [(0, 0), (sheet.width, 0), (sheet.width, sheet.height), (0, sheet.height)]
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, flat, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    coefficients = np.linalg.solve(np.array(rows, float), np.array(values, float)).tolist()
    return np.asarray(
        sheet.transform(
            size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC, fillcolor=60
        )
    )
