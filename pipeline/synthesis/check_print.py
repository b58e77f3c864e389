"""Prints the form of a check: names, labels, rules, the amount's box, border and logo."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.synthesis import check_sheet
from pipeline.synthesis.check_forms import Place
from pipeline.synthesis.check_layouts import TEST, Layout
from pipeline.synthesis.check_sheet import Sheet
from pipeline.synthesis.check_text import CheckText

_LABEL: Final = 0.085  # inches, of the labels' font
_SIGN: Final = 0.2
_MICROTEXT: Final = "AUTHORIZEDSIGNATURE"


def face(layout: Layout, index: int) -> str:
    """Returns a font of those that layouts of its part are printed in."""
    faces = check_sheet.TEST_FACES if layout.number in TEST else check_sheet.FACES
    return faces[index % len(faces)]


def print_form(sheet: Sheet, layout: Layout, text: CheckText, rng: np.random.Generator) -> None:
    """Prints everything that a bank's customer buys printed, except for the check's number and the MICR line."""
    bank_face, label_face = face(layout, layout.face), face(layout, layout.label_face)
    _border(sheet, layout, rng)
    _names(sheet, layout, text, bank_face, label_face)
    fill = round(255 * (1 - layout.rules))
    for field, place in layout.places.items():
        if layout.rules and field in ("payee", "words", "words below", "memo", "signature"):
            _rule(sheet, layout, place, fill)
    if layout.date_cells:
        _print_cells(sheet, layout, min(fill, 200))
    elif layout.rules and "date" in layout.places:
        _rule(sheet, layout, layout.places["date"], fill)
    _labels(sheet, layout, label_face)
    _amount_box(sheet, layout, fill)


def date_cells(sheet: Sheet, layout: Layout) -> list[check_sheet.Box]:
    """Returns the cells of the date's digits, from left to right."""
    left, top, right, bottom = sheet.box(layout.places["date"])
    pitch = min((right - left) / 8, sheet.pixels(0.22))
    left = right - 8 * pitch
    top = max(top, bottom - pitch * 1.3)
    gap = pitch * 0.25 if layout.face % 2 else 0.0  # between day, month and year
    width = pitch - gap / 4
    cells = []
    for index, letter in enumerate(_cell_letters(layout)):
        x = left + index * width + gap * len(set(_cell_letters(layout)[:index]) - {letter})
        cells.append((x, top, x + width, bottom))
    return cells


def _cell_letters(layout: Layout) -> str:
    """Returns which part of the date each cell holds, as "mmddyyyy"."""
    return "".join(letter * (4 if letter == "y" else 2) for letter in layout.date_order)


def _print_cells(sheet: Sheet, layout: Layout, fill: int) -> None:
    cells = date_cells(sheet, layout)
    for letter, cell in zip(_cell_letters(layout), cells, strict=True):
        left, _, right, bottom = cell
        sheet.canvas.rectangle(cell, None, fill, max(1, round(sheet.pixels(0.006))))
        size = min(0.055, (right - left) / sheet.dpi * 0.4)
        sheet.print(
            letter.upper(),
            (left + right) / 2,
            bottom + sheet.pixels(size),
            size,
            check_sheet.FACES[0],
            110,
            "ms",
        )


def writing_box(sheet: Sheet, layout: Layout) -> check_sheet.Box:
    """Returns where the amount is written: its box, right of a sign that is printed inside."""
    left, top, right, bottom = sheet.box(layout.places["amount"])
    if layout.sign and layout.sign_inside:
        left += sheet.pixels(0.04) + _sign_width(sheet, layout)
    return left, top, right, bottom


def _sign_width(sheet: Sheet, layout: Layout) -> float:
    return float(check_sheet.font(check_sheet.SIGNS, sheet.pixels(_SIGN)).getlength(layout.sign))


def _amount_box(sheet: Sheet, layout: Layout, fill: int) -> None:
    left, top, right, bottom = box = sheet.box(layout.places["amount"])
    stroke = max(1, round(sheet.pixels(0.01)))
    dark = min(fill, 170)
    if layout.box == "shaded":
        sheet.canvas.rectangle(box, 225, dark if layout.face % 2 else None, stroke)
    elif layout.box in ("frame", "double"):
        sheet.canvas.rectangle(box, 255 if layout.face % 3 else None, dark, stroke)
        if layout.box == "double":
            inset = sheet.pixels(0.025)
            sheet.canvas.rectangle(
                (left - inset, top - inset, right + inset, bottom + inset), None, dark, stroke
            )
    elif layout.box == "dashed":
        step = sheet.pixels(0.06)
        for x in np.arange(left, right, step):
            for y in (top, bottom):
                sheet.rule(float(x), float(min(right, x + step * 0.55)), y, dark, 0.01)
        for y in np.arange(top, bottom, step):
            for x in (left, right):
                sheet.canvas.line([(x, y), (x, min(bottom, y + step * 0.55))], dark, stroke)
    elif layout.box == "corners":
        for x, inward in ((left, 0.1), (right, -0.1)):
            end = x + sheet.pixels(inward)
            sheet.canvas.line([(end, top), (x, top), (x, bottom), (end, bottom)], dark, stroke)
    elif layout.box == "rule":
        sheet.rule(left, right, bottom, dark)
    if layout.sign:
        x = (
            left + sheet.pixels(0.04)
            if layout.sign_inside
            else left - _sign_width(sheet, layout) - sheet.pixels(0.05)
        )
        sheet.print(layout.sign, x, (top + bottom) / 2, _SIGN, check_sheet.SIGNS, 40, "lm")


def _labels(sheet: Sheet, layout: Layout, label_face: str) -> None:
    for field, label in layout.wording.items():
        if field not in layout.places or not label:
            continue
        left, top, right, bottom = sheet.box(layout.places[field])
        size = sheet.pixels(_LABEL)
        if field == "words":  # behind the line
            sheet.print(label, right + sheet.pixels(0.04), bottom, _LABEL * 1.1, label_face, 70)
        elif field == "signature":
            sheet.print(label, (left + right) / 2, bottom + size * 1.05, _LABEL * 0.7, label_face, 90, "ms")
        elif field == "date" and layout.date_cells:
            sheet.print(label, left - sheet.pixels(0.04), (top + bottom) / 2, _LABEL, label_face, 80, "rm")
        else:
            _label_before(sheet, label, left - sheet.pixels(0.05), bottom, label_face)


def _label_before(sheet: Sheet, label: str, right: float, bottom: float, label_face: str) -> None:
    """Prints a label that ends before a field, in two lines or smaller where there is little room."""
    room = right - sheet.pixels(0.08)
    letters = check_sheet.font(label_face, sheet.pixels(_LABEL))
    if letters.getlength(label.split("\n")[0]) > room:
        label = label.replace(" ORDER", "\nORDER").replace(" order", "\norder")
    width = max(letters.getlength(line) for line in label.split("\n"))
    size = _LABEL * min(1.0, max(0.5, room / width))
    start = max(right - width * size / _LABEL, sheet.pixels(0.08))
    sheet.print(label, start, bottom - label.count("\n") * sheet.pixels(size) * 1.02, size, label_face, 70)


def _names(sheet: Sheet, layout: Layout, text: CheckText, bank_face: str, label_face: str) -> None:
    for field, lines in (("bank", text.bank), ("holder", text.holder)):
        if field not in layout.places:
            continue
        left, top, right, bottom = sheet.box(layout.places[field])
        size = min(0.17 if field == "bank" else 0.13, (bottom - top) / sheet.dpi / 2.2)
        if field == "bank" and layout.logo:
            left += _logo(sheet, layout.logo, left, top, min(sheet.pixels(0.32), bottom - top))
        letters = check_sheet.font(bank_face, sheet.pixels(size))
        size *= min(1.0, (right - left) / max(1.0, letters.getlength(lines[0])))
        y = top + sheet.pixels(size)
        sheet.print(lines[0], left, y, size, bank_face, 50)
        small = size * 0.6
        for number, line in enumerate(lines[1:]):
            sheet.print(line, left, y + sheet.pixels(small) * 1.15 * (number + 1), small, label_face, 80)


def _logo(sheet: Sheet, kind: int, x: float, y: float, side: float) -> float:
    """Prints a bank's mark; returns how wide it is with the space behind it."""
    box = (x, y, x + side, y + side)
    if kind == 1:
        sheet.canvas.ellipse(box, 90, 40, max(1, round(side / 12)))
        sheet.canvas.polygon(
            [
                (x + side / 2, y + side * 0.2),
                (x + side * 0.8, y + side * 0.8),
                (x + side * 0.2, y + side * 0.8),
            ],
            230,
        )
    elif kind == 2:
        for index in range(4):
            inset = index * side / 9
            sheet.canvas.rectangle(
                (x + inset, y + inset, x + side - inset, y + side - inset), 70 if index % 2 else 210
            )
    else:
        for index in range(5):
            sheet.canvas.rectangle(
                (x + index * side / 5, y + side * 0.25, x + index * side / 5 + side / 9, y + side), 80
            )
        sheet.canvas.polygon([(x, y + side * 0.22), (x + side / 2, y), (x + side, y + side * 0.22)], 80)
    return side * 1.25


def _rule(sheet: Sheet, layout: Layout, place: Place, fill: int) -> None:
    left, _, right, bottom = sheet.box(place)
    if not layout.microprint:
        return sheet.rule(left, right, bottom, fill)
    size = sheet.pixels(0.022)
    letters = check_sheet.font(check_sheet.FACES[0], size)
    count = int((right - left) / max(1.0, letters.getlength(_MICROTEXT))) + 1
    sheet.canvas.text((left, bottom), (_MICROTEXT * count), fill=fill, font=letters, anchor="lm")
    return None


def _border(sheet: Sheet, layout: Layout, rng: np.random.Generator) -> None:
    inset = sheet.pixels(0.03 + 0.07 * (layout.face % 7) / 6)
    right, bottom = sheet.width - inset, sheet.height - inset
    stroke = max(1, round(sheet.pixels(0.012)))
    if layout.border == "line":
        sheet.canvas.rectangle((inset, inset, right, bottom), None, 110, stroke)
    elif layout.border == "double":
        sheet.canvas.rectangle((inset, inset, right, bottom), None, 90, stroke)
        inner = inset + sheet.pixels(0.05)
        sheet.canvas.rectangle(
            (inner, inner, sheet.width - inner, sheet.height - inner), None, 140, max(1, stroke // 2)
        )
    elif layout.border == "bands":
        band = sheet.pixels(0.12)
        sheet.canvas.rectangle((0, 0, sheet.width, band), 175)
        if layout.label_face % 2:
            sheet.canvas.rectangle((0, 0, band, sheet.height), 190)
    elif layout.border == "ornate":
        step = sheet.pixels(0.02 + 0.02 * (layout.label_face % 3) / 2)
        breadth = max(2, round(sheet.pixels(0.025 + 0.015 * (layout.face % 3))))
        for x in np.arange(inset, right, step):
            dark = int(rng.integers(30, 190))
            for y in (inset, bottom):
                sheet.canvas.line([(x, y), (min(right, x + step * 0.8), y)], dark, breadth)
        for y in np.arange(inset, bottom, step):
            dark = int(rng.integers(30, 190))
            for x in (inset, right):
                sheet.canvas.line([(x, y), (x, min(bottom, y + step * 0.8))], dark, breadth)
