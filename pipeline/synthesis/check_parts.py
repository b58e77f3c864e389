"""Draws the amounts and dates of checks as they are cut out of whole checks, to train `lenet5-field` on.

Only the part of a check around the field is drawn, which takes a twentieth of a whole check's time. What a check has
and other fields lack is there: printed boxes, signs and grounds, machines' print between asterisks, and a box that a
network found, with its errors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import numpy as np

from pipeline.synthesis import check_capture, check_filling, check_letters
from pipeline.synthesis.amount_text import label
from pipeline.synthesis.check_drawing import paper
from pipeline.synthesis.check_hands import Hands, hand
from pipeline.synthesis.check_layouts import Layout, layout, numbers
from pipeline.synthesis.check_print import print_form
from pipeline.synthesis.check_sheet import Sheet
from pipeline.synthesis.check_text import CheckText, check_text
from pipeline.synthesis.scanner import jpeg
from serving.images.codec import Gray
from serving.recognition.boxes import Box
from serving.recognition.located_check import cut

PartField = Literal["amount", "date"]

AROUND: Final = 0.4  # inches of the check on each side of the field's place
_PRINTED: Final = 0.35  # share of amounts by machines, which are easier, but for the signs around them
_DATES: Final = 0.15
# Standard deviation of how far a box's edges are from the ink's, in its heights, and the most, so that no ink is lost;
# measured on boxes that `check-fields` found on drawn checks.
_MISSED: Final = np.array([0.3, 0.11, 0.25, 0.11])
MEAN: Final = np.array([-0.1, -0.05, 0.07, 0.05])
_LOST: Final = 0.25
_WIDER: Final = 0.06  # of its size, that the paper goes on beyond the picture on each side
_TURNED: Final = 0.006  # standard deviation of the angle that flattening leaves, radians


def item(hands: Hands, rng: np.random.Generator) -> tuple[Gray, str]:
    """Draws a field that can be read; normalizes it, uint8 [32, w], with the text that is to be read."""
    while True:
        field: PartField = "date" if rng.random() < _DATES else "amount"
        picture, box, text = draw(field, hands, rng)
        normalized = cut(picture, missed(box, rng), field).field
        if normalized.problem is None:
            return normalized.pixels, text


def draw(field: PartField, hands: Hands, rng: np.random.Generator) -> tuple[Gray, Box, str]:
    """Draws the part of a check around a field.

    Args:
        field: whose ink is to be there.
        hands: who writes.
        rng: decides everything.

    Returns:
        The picture, uint8 [h, w]; the box of the field's ink there; what is to be read of it.
    """
    options = numbers("train")
    form = layout(options[int(rng.random() * len(options))])
    by_machine = field == "amount" and rng.random() < _PRINTED
    text = check_text(form, by_machine, rng)
    # A month by its name is nothing to read.
    while field == "date" and any(map(str.isalpha, text.date_written)):
        text = check_text(form, by_machine, rng)
    whole_view = check_capture.view(form.size, rng)
    part = around(form, field)
    sheet = Sheet(part.size, whole_view.dpi)
    print_form(sheet, part, text, rng)
    _fill_in(sheet, part, field, text, hands, rng)
    light = paper(sheet, form, whole_view.kind, rng)
    part_view = _view(whole_view, sheet, rng)
    picture = check_capture.take(light, part_view, rng)
    if whole_view.kind != "bitonal":
        picture = jpeg(picture, int(rng.integers(40, 95)))
    matrix = check_capture.to_picture(part_view, (sheet.width, sheet.height))
    points = check_capture.move(matrix, sheet.outlines[field])
    left, top = np.floor(points.min(0)).clip(0).astype(int).tolist()
    right, bottom = np.ceil(points.max(0)).astype(int).tolist()
    read = text.amount_written if field == "amount" else label(text.date_written).text()
    return picture, (left, top, right - left, bottom - top), read


def around(form: Layout, field: PartField) -> Layout:
    """Returns a layout's part around a field: as large as the place with `AROUND` on each side, the places moved along."""
    width, height = form.size
    left, top, right, bottom = form.places[field]
    low = np.maximum((left - AROUND / width, top - AROUND / height), 0)
    high = np.minimum((right + AROUND / width, bottom + AROUND / height), 1)
    span = high - low
    places = {}
    for name, place in form.places.items():
        if name not in ("bank", "holder"):
            moved = (np.reshape(place, (2, 2)) - low) / span
            first, upper, last, lower = moved.ravel().tolist()
            places[name] = first, upper, last, lower
    wording = {name: words for name, words in form.wording.items() if name in (field, "words", "signature")}
    size = float(span[0] * width), float(span[1] * height)
    return replace(form, size=size, places=places, wording=wording, border="none")


def _fill_in(
    sheet: Sheet, part: Layout, field: PartField, text: CheckText, hands: Hands, rng: np.random.Generator
) -> None:
    """Puts the field's ink on the sheet, and nothing else."""
    if text.amount_printed is not None:
        check_filling.print_amount(sheet, part, text, check_filling.machine(sheet, rng), rng)
        return
    while field not in sheet.outlines or not len(sheet.outlines[field]):  # a fine pen may leave nothing
        writer, darkness = hand(hands, rng), rng.uniform(0.5, 0.92)
        letters = check_letters.pen(rng)
        if field == "amount":
            check_filling.write_amount(sheet, part, text, writer, darkness, rng)
        else:
            check_filling.write_date(sheet, part, text, writer, letters, darkness, rng)


def _view(whole_view: check_capture.View, sheet: Sheet, rng: np.random.Generator) -> check_capture.View:
    """Returns how the flat check's part is seen: turned by what flattening leaves, the paper going on beyond its edges."""
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (sheet.width, sheet.height) * (0.5 + _WIDER)
    angle = rng.normal(0, _TURNED)
    corners @= np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    if whole_view.kind == "photograph":
        corners += rng.normal(0, 0.01, (4, 2)) * sheet.height
    middle = np.array([sheet.width, sheet.height]) / 2
    return check_capture.View(whole_view.kind, sheet.width, sheet.height, whole_view.dpi, corners + middle)


def missed(box: Box, rng: np.random.Generator) -> Box:
    """Moves a box's edges as far as those of boxes that a network finds."""
    left, top, width, height = box
    shifts = rng.normal(MEAN, _MISSED)
    shifts[:2], shifts[2:] = np.minimum(shifts[:2], _LOST), np.maximum(shifts[2:], -_LOST)
    edges = np.array([left, top, left + width, top + height]) + shifts * height
    x, y = np.maximum(np.rint(edges[:2]).astype(int), 0).tolist()
    right, bottom = np.rint(edges[2:]).astype(int).tolist()
    return x, y, max(1, right - x), max(1, bottom - y)
