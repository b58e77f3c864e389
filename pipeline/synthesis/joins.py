"""Joins neighboring digits: strokes that run on from one to the next, zeros tied at their tops, digits that touch."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.synthesis.pen_strokes import draw_stroke
from pipeline.synthesis.writing_style import WritingStyle

Floats = npt.NDArray[np.float32]

CLOSE: Final = 0.1  # share of fields whose digits stand close enough to touch
TIED: Final = 0.12  # share of fields whose zeros in a row are tied at their tops
RUNNING: Final = 0.1  # share of fields in which strokes run on
RUNS: Final = 0.5  # share of such a field's pairs
_OVERLAP: Final = 0.3  # of the narrower neighbor's width, at most
_APART: Final = 0.55  # of the digits' height, as far as a stroke runs on


def close_style(style: WritingStyle, rng: np.random.Generator) -> WritingStyle:
    """Moves the digits of a share of the fields together, so that some of them touch; none hides its neighbor."""
    if rng.random() >= CLOSE:
        return replace(style, overlap=_OVERLAP)
    return replace(style, gap=float(rng.uniform(-0.16, 0.02)), overlap=_OVERLAP)


def join_digits(ink: Floats, boxes: Floats, text: str, pen: float, rng: np.random.Generator) -> None:
    """Draws strokes between neighboring digits onto the ink of a share of the fields.

    Args:
        ink: distances into the ink, float32 [h, w].
        boxes: of the text's symbols, float32 [n, 4]: x, y, width, height.
        text: what is to be read.
        pen: half its width in pixels.
        rng: decides whether and how they are joined.
    """
    tied, running = rng.random() < TIED, rng.random() < RUNNING
    if not (tied or running):
        return
    for (first, second), (left, right) in zip(
        itertools.pairwise(text), itertools.pairwise(boxes.tolist()), strict=True
    ):
        if not (first.isdigit() and second.isdigit() and _neighbors(left, right)):
            continue
        if tied and first == second == "0":
            _draw(ink, _top(ink, left, True), _top(ink, right, False), right[3], 0.02, pen, rng)
        elif running and rng.random() < RUNS:
            upper = rng.random() < 0.4
            _draw(ink, _end(ink, left, upper), _start(ink, right), right[3], 0.12, pen, rng)


def _neighbors(left: list[float], right: list[float]) -> bool:
    """Returns whether two boxes are of about one height on one line, and close."""
    height = min(left[3], right[3])
    gap = right[0] - left[0] - left[2]
    return (
        abs(left[1] - right[1]) < 0.5 * height
        and max(left[3], right[3]) < 1.6 * height
        and gap < _APART * height
    )


def _inked(ink: Floats, box: list[float], top: float, bottom: float) -> tuple[npt.NDArray[np.intp], ...]:
    """Returns rows and columns, on the page, of the ink between two heights of a box, as shares from its top."""
    x, y, width, height = (int(edge) for edge in box)
    y0, y1 = y + int(top * height), y + max(int(bottom * height), 1)
    rows, columns = np.nonzero(ink[y0:y1, x : x + width] > 0)
    return rows + y0, columns + x


def _end(ink: Floats, box: list[float], upper: bool) -> tuple[float, float] | None:
    """Finds where a digit's last stroke ends: far to the right, above or below."""
    rows, columns = _inked(ink, box, 0, 0.4) if upper else _inked(ink, box, 0.6, 1)
    if not len(columns):
        return None
    last = int(columns.argmax())
    return float(columns[last]), float(rows[last])


def _start(ink: Floats, box: list[float]) -> tuple[float, float] | None:
    """Finds where a digit's first stroke begins: far to the left in its upper half."""
    rows, columns = _inked(ink, box, 0, 0.5)
    if not len(columns):
        return None
    first = int(columns.argmin())
    return float(columns[first]), float(rows[first])


def _top(ink: Floats, box: list[float], right: bool) -> tuple[float, float] | None:
    """Finds the highest ink of a zero's right or left half."""
    x, y, width, height = box
    half = [x + width / 2 if right else x, y, width / 2, height]
    rows, columns = _inked(ink, half, 0, 0.6)
    if not len(columns):
        return None
    highest = int(rows.argmin())
    return float(columns[highest]), float(rows[highest])


def _draw(
    ink: Floats,
    start: tuple[float, float] | None,
    stop: tuple[float, float] | None,
    height: float,
    sag: float,
    pen: float,
    rng: np.random.Generator,
) -> None:
    if start is None or stop is None or stop[0] < start[0] - 0.4 * height:
        return
    middle = (start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2 + rng.normal(sag, 0.05) * height
    draw_stroke(ink, np.array([start, middle, stop]), max(pen * rng.uniform(0.6, 1.0), 0.5))
