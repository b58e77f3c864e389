"""Fills a check in, by hand or by a machine: number, MICR line, amount, date, payee, words, memo, signature, stamps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.synthesis import check_letters, check_sheet
from pipeline.synthesis.amount_text import label
from pipeline.synthesis.check_forms import Place
from pipeline.synthesis.check_hands import Hand, Hands, hand
from pipeline.synthesis.check_layouts import Layout
from pipeline.synthesis.check_print import date_cells, face, print_form, writing_box
from pipeline.synthesis.check_sheet import Sheet
from pipeline.synthesis.check_text import CheckText

Floats = npt.NDArray[np.float32]

_STAMPS: Final = ("PAID", "RECEIVED", "FOR DEPOSIT ONLY", "COPY", "A/C PAYEE ONLY", "CLEARED", "CANCELLED")
_STAMPED: Final = 0.12


def fill_in(form: Layout, text: CheckText, dpi: float, hands: Hands, rng: np.random.Generator) -> Sheet:
    """Prints a check's form and fills it in; returns the flat sheet, `dpi` pixels an inch."""
    sheet = Sheet(form.size, dpi)
    print_form(sheet, form, text, rng)
    _print_numbers(sheet, form, text, rng)
    darkness = rng.uniform(0.5, 0.92)
    writer = hand(hands, rng)
    stroke = float(np.clip(writer.style.pen / writer.style.body * rng.uniform(0.75, 1.0), 0.025, 0.065))
    letters = replace(check_letters.pen(rng), stroke=stroke)  # the same pen
    if text.amount_printed is not None:
        _fill_in_by_machine(sheet, form, text, rng)
    else:
        _fill_in_by_hand(sheet, form, text, writer, letters, darkness, rng)
    left, _, right, bottom = sheet.box(form.places["signature"])
    height = sheet.pixels(rng.uniform(0.18, 0.36))
    width = (right - left) * rng.uniform(0.4, 0.95)
    cover = check_letters.sign(letters, height, width, rng)
    x = left + rng.random() * max(0.0, right - left - cover.shape[1])
    y = bottom - cover.shape[0] * rng.uniform(0.7, 1.05)
    sheet.ink("signature", cover, x, y, rng.uniform(0.5, 0.92))
    if rng.random() < _STAMPED:
        _stamp(sheet, rng)
    return sheet


def _print_numbers(sheet: Sheet, form: Layout, text: CheckText, rng: np.random.Generator) -> None:
    """Prints the MICR line, its symbols where banks count them from the right edge, and the check's number."""
    cover = check_sheet.micr_cover(text.micr, sheet.dpi)
    last = 1 if text.micr.endswith("B") else form.micr_last
    right = sheet.width - sheet.pixels(0.3125 + (last - 1) * 0.125 + rng.uniform(-0.06, 0.06))
    x = max(right - cover.shape[1], sheet.pixels(0.2))
    y = sheet.height - sheet.pixels(form.micr_bottom) - cover.shape[0]
    sheet.ink("micr", cover, x, y, rng.uniform(0.72, 0.95))
    if "check_number" in form.places:
        _, top, right, bottom = sheet.box(form.places["check_number"])
        size = min(sheet.pixels(0.17), (bottom - top) * 1.25)
        number = check_sheet.printed(text.number, face(form, form.face + 1), size)
        sheet.ink("check_number", number, right - number.shape[1], top, rng.uniform(0.6, 0.92))


@dataclass(frozen=True)
class Machine:
    """What fills a check in: its font, the font's size in pixels, and the darkness of its ink, 0 to 1."""

    face: str
    size: float
    darkness: float


def machine(sheet: Sheet, rng: np.random.Generator) -> Machine:
    """Draws a machine."""
    options = check_sheet.MACHINE_FACES
    face = options[int(rng.random() * len(options))]
    return Machine(face, sheet.pixels(rng.uniform(0.12, 0.16)), rng.uniform(0.6, 0.92))


def print_amount(
    sheet: Sheet, form: Layout, text: CheckText, printer: Machine, rng: np.random.Generator
) -> None:
    """Prints the amount into its box."""
    assert text.amount_printed is not None
    box = writing_box(sheet, form)
    cover = check_sheet.printed(text.amount_printed, printer.face, printer.size)
    cover = _fitted(cover, (box[2] - box[0]) * 0.97)
    x, y = _middle(box, cover)
    x += rng.uniform(-0.4, 0.4) * max(0.0, box[2] - box[0] - cover.shape[1])
    sheet.ink("amount", cover, x, y, printer.darkness)


def write_amount(
    sheet: Sheet, form: Layout, text: CheckText, writer: Hand, darkness: float, rng: np.random.Generator
) -> None:
    """Writes the amount into its box, at times a little over its edges."""
    assert text.amount_text is not None
    box = writing_box(sheet, form)
    body = min(max((box[3] - box[1]) * rng.uniform(0.4, 0.62), sheet.pixels(0.1)), sheet.pixels(0.21))
    cover = writer.write(text.amount_text, body, (box[2] - box[0]) * rng.uniform(0.85, 1.06), rng)
    x = box[0] + rng.beta(1.1, 2.5) * max(0.0, box[2] - box[0] - cover.shape[1])
    y = _middle(box, cover)[1] + rng.normal(0, 0.06) * (box[3] - box[1])
    sheet.ink("amount", cover, x, y, darkness)


def _fill_in_by_machine(sheet: Sheet, form: Layout, text: CheckText, rng: np.random.Generator) -> None:
    printer = machine(sheet, rng)
    words = text.words.upper() if rng.random() < 0.6 else text.words
    lines = {
        "payee": text.payee.upper() if rng.random() < 0.5 else text.payee,
        "words": words + " " + "*" * int(rng.integers(0, 30)),
        "date": text.date_written,
        "memo": text.memo if rng.random() < 0.5 else "",
    }
    for field, line in lines.items():
        if field not in form.places or not line.strip():
            continue
        left, _, right, bottom = sheet.box(form.places[field])
        if field == "date" and form.date_cells:
            for digit, cell in zip(line, date_cells(sheet, form), strict=True):
                cover = check_sheet.printed(digit, printer.face, printer.size)
                sheet.ink("date", cover, *_middle(cell, cover), printer.darkness)
            continue
        cover = _fitted(check_sheet.printed(line, printer.face, printer.size), right - left)
        y = bottom - cover.shape[0] - sheet.pixels(rng.uniform(0.02, 0.05))
        sheet.ink(field, cover, left + sheet.pixels(0.05), y, printer.darkness)
    print_amount(sheet, form, text, printer, rng)


def _fill_in_by_hand(
    sheet: Sheet,
    form: Layout,
    text: CheckText,
    writer: Hand,
    letters: check_letters.Pen,
    darkness: float,
    rng: np.random.Generator,
) -> None:
    write_amount(sheet, form, text, writer, darkness, rng)
    write_date(sheet, form, text, writer, letters, darkness, rng)

    size = sheet.pixels(rng.uniform(0.13, 0.2))
    for field, line in {"payee": text.payee, "memo": text.memo if rng.random() < 0.7 else ""}.items():
        if field in form.places:
            _write_line(sheet, field, form.places[field], line, letters, size, darkness, rng)
    lines = [text.words]
    if "words below" in form.places and len(text.words) > rng.integers(18, 40):
        middle = text.words.rfind(" ", 0, len(text.words) * 2 // 3)
        lines = [text.words[:middle], text.words[middle + 1 :]]
    for place, line in zip(("words", "words below"), lines, strict=False):
        _write_line(sheet, "words", form.places[place], line, letters, size, darkness, rng)


def write_date(
    sheet: Sheet,
    form: Layout,
    text: CheckText,
    writer: Hand,
    letters: check_letters.Pen,
    darkness: float,
    rng: np.random.Generator,
) -> None:
    """Writes the date on its rule or into its cells."""
    left, top, right, bottom = box = sheet.box(form.places["date"])
    body = sheet.pixels(rng.uniform(0.1, 0.15))
    if form.date_cells:
        for digit, cell in zip(text.date_written, date_cells(sheet, form), strict=True):
            width = (cell[2] - cell[0]) * rng.uniform(0.85, 1.05)
            cover = writer.write(label(digit), min(body, (cell[3] - cell[1]) * 0.8), width, rng)
            x, y = _middle(cell, cover)
            sheet.ink("date", cover, x + rng.normal(0, 0.05) * width, y, darkness)
        return
    if any(char.isalpha() for char in text.date_written):
        _write_line(sheet, "date", form.places["date"], text.date_written, letters, body, darkness, rng)
        return
    cover = writer.write(label(text.date_written), body, right - left, rng)
    x = left + rng.beta(1.2, 2) * max(0.0, right - left - cover.shape[1])
    y = bottom - cover.shape[0] - sheet.pixels(rng.uniform(-0.02, 0.06))
    sheet.ink("date", cover, x, max(y, top - (box[3] - box[1])), darkness)


def _write_line(
    sheet: Sheet,
    field: str,
    place: Place,
    line: str,
    letters: check_letters.Pen,
    size: float,
    darkness: float,
    rng: np.random.Generator,
) -> None:
    """Writes letters on a rule."""
    if not line:
        return
    left, _, right, bottom = sheet.box(place)
    start = left + rng.beta(1.2, 3) * (right - left) * 0.25
    cover = check_letters.write(line, letters, size, right - start, rng)
    y = bottom - size * rng.uniform(1.0, 1.2)
    sheet.ink(field, cover, start, y, darkness)
    end = start + cover.shape[1]
    if field == "words" and end < right - sheet.pixels(0.5) and rng.random() < 0.4:  # nothing can be added
        stroke = (
            np.zeros(
                (max(1, round(sheet.pixels(0.014))), round(right - end - sheet.pixels(0.15))), np.float32
            )
            + 1
        )
        sheet.ink(None, stroke, end + sheet.pixels(0.08), bottom - size * 0.4, darkness)


def _middle(box: check_sheet.Box, cover: Floats) -> tuple[float, float]:
    """Returns where to put ink so that it stands in the middle of a box."""
    left, top, right, bottom = box
    return (left + right - cover.shape[1]) / 2, (top + bottom - cover.shape[0]) / 2


def _fitted(cover: Floats, width: float) -> Floats:
    """Makes a line smaller where it is too wide."""
    if cover.shape[1] <= width:
        return cover
    size = max(1, int(width)), max(1, round(cover.shape[0] * max(0.75, width / cover.shape[1])))
    return np.asarray(Image.fromarray(cover).resize(size, Image.Resampling.BOX))


def _stamp(sheet: Sheet, rng: np.random.Generator) -> None:
    """Stamps a word, often in a frame, on a slant."""
    word = _STAMPS[int(rng.random() * len(_STAMPS))]
    cover = check_sheet.printed(word, "DejaVuSans-Bold.ttf", sheet.pixels(rng.uniform(0.14, 0.34)))
    margin = max(2, cover.shape[0] // 3)
    picture = Image.fromarray(np.pad(cover, margin) * 255).convert("L")
    if rng.random() < 0.6:
        ImageDraw.Draw(picture).rectangle(
            (1, 1, picture.width - 2, picture.height - 2), None, 255, max(1, margin // 4)
        )
    turned = picture.rotate(rng.normal(0, 14), Image.Resampling.BILINEAR, expand=True)
    levels = np.asarray(turned, np.float32) / np.float32(255)
    x, y = rng.uniform(0.05, 0.7) * sheet.width, rng.uniform(0.05, 0.7) * sheet.height
    sheet.ink(None, levels, x, y, rng.uniform(0.2, 0.5))
