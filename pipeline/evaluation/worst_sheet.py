"""Draws the worst misread fields as one picture: the field, its normalized pixels, its label and the string read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.data.labeled_fields import Labeled
from pipeline.run import write_bytes
from serving.errors import CheckreaderError
from serving.images.field import normalize_field

COLUMNS: Final = 4
CELL: Final = (300, 186)
PICTURE: Final = 76  # rows for the field's picture
NORMALIZED: Final = 46  # and for its normalized pixels
EDGE: Final = 8


def write_worst_sheet(record: dict[str, Any], labeled: Labeled, path: Path) -> int:
    """Writes the fields of a record's `worst` as one PNG, the most confident mistake first.

    Each cell has the field's picture, below it the normalized one with 0 = paper as light, then the label and
    the string read, the confidence, and the file's name or why it was not read. The picture holds the user's
    fields: it is not for release.

    Args:
        record: of `field.measure`.
        labeled: the fields that it was measured on.
        path: the PNG.

    Returns:
        The number of fields in it; without any mistake, no picture is written.

    Raises:
        CheckreaderError: the record is of other fields.
    """
    rows = record["worst"]
    if not rows:
        return 0
    where = {file: i for i, file in enumerate(labeled.files)}
    if record["data"]["sha256"] != labeled.sha256 or not all(row["file"] in where for row in rows):
        raise CheckreaderError(
            f"{labeled.name}: not the fields that the record was measured on: evaluate again"
        )
    high = -(-len(rows) // COLUMNS)
    page = Image.new("L", (COLUMNS * CELL[0], high * CELL[1]), 255)
    for number, row in enumerate(rows):
        at = number % COLUMNS * CELL[0], number // COLUMNS * CELL[1]
        page.paste(_cell(row, labeled, where[row["file"]]), at)
    buffer = io.BytesIO()
    page.save(buffer, "PNG", optimize=True)
    write_bytes(path, buffer.getvalue())
    return len(rows)


def _cell(row: dict[str, Any], labeled: Labeled, index: int) -> Image.Image:
    wide, high = CELL
    cell = Image.new("L", CELL, 255)
    canvas = ImageDraw.Draw(cell)
    gray = labeled.picture(index)
    cell.paste(_fitted(Image.fromarray(gray), PICTURE), (EDGE, EDGE))
    normalized = Image.fromarray(255 - np.asarray(normalize_field(gray).pixels))
    cell.paste(_fitted(normalized, NORMALIZED), (EDGE, 2 * EDGE + PICTURE))
    large, small = ImageFont.load_default(17), ImageFont.load_default(11)
    top = PICTURE + NORMALIZED + 2 * EDGE + 4
    # The built-in font has no arrow.
    canvas.text((EDGE, top), f"{row['text']} read {row['read'] or 'nothing'}", 0, large)
    line = f"{row['confidence']:.4f}  {row['problem'] or row['file']}"
    canvas.text((EDGE, top + 23), line, 90, small)
    canvas.rectangle((0, 0, wide - 1, high - 1), outline=200)
    return cell


def _fitted(picture: Image.Image, high: int) -> Image.Image:
    """Enlarges a picture to the cell's width and `high` rows, at most three times."""
    scale = min((CELL[0] - 2 * EDGE) / picture.width, high / picture.height, 3.0)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)
