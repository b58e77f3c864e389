"""Cents are told by their place: smaller and higher, level or tilted, underlined or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from serving.decoding.amounts import interpret
from serving.images.field import HEIGHT, Field
from serving.manifest import Sliding
from serving.recognition.raised_cents import Place, place, with_raised_cents

ROWS = (6, 26)  # of a digit on the line
WIDTH = 10


def field_of(
    *rows: tuple[int, int], underlined: bool = False, tilt: float = 0
) -> tuple[Field, list[tuple[int, int]]]:
    """Draws upright strokes over these rows, and a tilted way back to the picture."""
    pixels = np.zeros((HEIGHT, WIDTH * len(rows)), np.uint8)
    columns = []
    for index, (top, bottom) in enumerate(rows):
        start = WIDTH * index + 2
        pixels[top:bottom, start : start + 6] = 255
        columns.append((start, start + 6))
    if underlined:
        pixels[rows[-1][1] + 3 : rows[-1][1] + 5, columns[-2][0] : columns[-1][1]] = 255
    return Field(pixels, np.array([[1, 0, 0], [tilt, 1, 0]], float), None), columns


UNITS = (ROWS, ROWS, ROWS)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((*UNITS, ROWS, ROWS), Place.LINE),
        ((*UNITS, (6, 17), (6, 17)), Place.RAISED),
        ((*UNITS, (3, 15), (4, 16)), Place.RAISED),
        ((*UNITS, (6, 17), ROWS), Place.LINE),
        ((*UNITS, (15, 26), (15, 26)), Place.LINE),  # small, on the line
        ((*UNITS, (10, 22), (10, 22)), Place.LINE),  # small, in the middle
        ((*UNITS, (7, 21), (7, 20)), Place.UNCLEAR),
        ((ROWS, ROWS, (6, 17), (6, 17), (6, 17)), Place.LINE),  # zeros that shrink: the nearest is as small
        ((ROWS, (6, 17), (6, 17)), Place.UNCLEAR),  # one digit may be large by itself
    ],
)
def test_place(rows: tuple[tuple[int, int], ...], expected: Place) -> None:
    assert place(*field_of(*rows)) is expected


def test_an_underline_is_no_part_of_a_digit() -> None:
    assert place(*field_of(*UNITS, (6, 17), (6, 17), underlined=True)) is Place.RAISED


def underlined(field: Field, first: int, last: int, row: int, slope: float = 0.1) -> Field:
    """Adds a straight line, three rows thick."""
    pixels = field.pixels.copy()
    for column in range(first, last):
        start = row + round(slope * (column - first))
        pixels[start : start + 3, column] = 255
    return replace(field, pixels=pixels)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((*UNITS, (6, 20), (6, 20)), Place.RAISED),  # not high enough without the line
        ((*UNITS, (9, 20), (8, 20)), Place.RAISED),
        ((*UNITS, (6, 26), (6, 20)), Place.LINE),
    ],
)
def test_a_line_below_cents(rows: tuple[tuple[int, int], ...], expected: Place) -> None:
    """It tells them where their height alone leaves a doubt."""
    field, columns = field_of(*rows)
    assert place(underlined(field, columns[-2][0], columns[-1][1], 22), columns) is expected


def test_a_line_below_other_digits_too_tells_nothing() -> None:
    field, columns = field_of(*UNITS, (6, 20), (6, 20))
    assert place(field, columns) is Place.UNCLEAR
    assert place(underlined(field, 0, columns[-1][1], 28, 0.0), columns) is Place.UNCLEAR


@pytest.mark.parametrize("tilt", [-0.05, 0.05])
def test_a_tilted_picture(tilt: float) -> None:
    """The field is laid level; in the picture the last digits are far from the first ones' line."""
    assert place(*field_of(*UNITS, ROWS, ROWS, tilt=tilt)) is Place.LINE


def test_a_digit_without_ink() -> None:
    field, columns = field_of(*UNITS, ROWS, ROWS)
    assert place(Field(np.zeros_like(field.pixels), field.to_picture, None), columns) is Place.LINE


SLIDING = Sliding(HEIGHT, WIDTH, WIDTH, 0, 0, 8)


@pytest.mark.parametrize(
    ("written", "rows", "amount", "doubt"),
    [
        ("12345", (*UNITS, (6, 17), (6, 17)), "123.45", False),
        ("12345", (*UNITS, (7, 21), (7, 20)), None, True),
        ("12345", (*UNITS, ROWS, ROWS), "12345", False),
        ("123·45", (*UNITS, ROWS, (6, 17), (6, 17)), "123.45", False),
    ],
)
def test_with_raised_cents(
    written: str, rows: tuple[tuple[int, int], ...], amount: str | None, doubt: bool
) -> None:
    field, _ = field_of(*rows)
    spans = [(index, index) for index in range(len(rows))]
    weighed = with_raised_cents(interpret(written), written, None, field, spans, SLIDING)
    assert weighed.amount == amount
    assert (weighed.doubt is not None) is doubt
    assert weighed.doubt is None or "may be raised cents" in weighed.doubt
    assert len(weighed.digits) == 5
