"""Printed lines and boxes around drawn strokes."""

from __future__ import annotations

import numpy as np
import pytest

from serving.images.connected_components import Components
from serving.images.ruled_lines import box_edges, horizontal_rules, line_pixels
from serving.images.slope_slant import BoundingBoxes

HEIGHT, WIDTH = 60, 240
LEAST, FAINT, STRONG = 30.0, 40.0, 100.0


def picture(*rules: tuple[float, float]) -> np.ndarray:
    """Darkness of five strokes and of rules, each the row in the middle and the slope."""
    levels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for left in range(20, 220, 40):
        levels[15:45, left : left + 4] = 200
    columns = np.arange(WIDTH)
    for row, slope in rules:
        path = np.rint(row + slope * (columns - WIDTH / 2)).astype(int)
        for thickness in (0, 1):
            levels[path + thickness, columns] = 150
    return levels


def rules(levels: np.ndarray) -> list[np.ndarray]:
    return horizontal_rules(levels, LEAST, FAINT, STRONG)


@pytest.mark.parametrize(("row", "slope"), [(50, 0.0), (30, 0.0), (50, 0.03), (8, -0.02)])
def test_a_rule_is_found(row: int, slope: float) -> None:
    (line,) = rules(picture((row, slope)))
    present = line >= 0
    assert present.mean() > 0.9
    expected = row + slope * (np.arange(WIDTH) - WIDTH / 2)
    assert np.abs(line - expected)[present].max() <= 2.5


def test_two_rules() -> None:
    lines = rules(picture((6, 0.0), (52, 0.0)))
    assert sorted(round(float(line[line >= 0].mean())) for line in lines) == pytest.approx([6, 52], abs=1)


@pytest.mark.parametrize(
    "levels", [picture(), np.zeros((HEIGHT, WIDTH), np.uint8), picture()[:8], picture()[:, :20]]
)
def test_no_rule(levels: np.ndarray) -> None:
    assert rules(levels) == []


def test_a_rule_under_writing_that_leaves_no_column_free() -> None:
    levels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for left in range(2, WIDTH - 8, 12):  # slanted strokes next to each other
        for row in range(12, 44):
            levels[row, left + (44 - row) // 3 : left + (44 - row) // 3 + 4] = 200
    assert rules(levels) == []
    levels[52:54, 8 : WIDTH - 20] = 150
    (line,) = rules(levels)
    assert np.median(line[line >= 0]) == pytest.approx(52.5, abs=1)


def test_a_short_stroke_is_no_rule() -> None:
    levels = picture()
    levels[30:32, 60:120] = 150
    assert rules(levels) == []


def test_line_pixels_leave_the_strokes() -> None:
    levels = picture((30, 0.0))
    mask = levels > 0
    (line,) = rules(levels)
    pixels = line_pixels(mask, line, 6)
    assert (pixels <= mask).all()
    assert pixels[:, 30:56].sum() == 2 * 26  # between two strokes the line is 2 rows thick
    assert not pixels[:, 20:24].any()
    assert not pixels[:28].any()
    assert not pixels[34:].any()


def test_what_is_too_thick_is_no_line() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[20:40] = True
    assert not line_pixels(mask, np.full(WIDTH, 30), 6).any()


def boxed(left: int = 4, right: int = 230) -> BoundingBoxes:
    mask = picture() > 0
    for edge in (left, right):
        mask[6:54, edge : edge + 2] = True
    return BoundingBoxes.of(Components.of(mask), 0.0, 0.0)


LINES = [np.full(WIDTH, 6), np.full(WIDTH, 53)]


def test_the_edges_of_a_box() -> None:
    boxes = boxed()
    assert boxes.left[box_edges(boxes, LINES, HEIGHT)].tolist() == [4, 230]


def test_what_stands_between_digits_is_no_edge() -> None:
    boxes = boxed(right=160)
    assert boxes.left[box_edges(boxes, LINES, HEIGHT)].tolist() == [4]


def test_strokes_alone_have_no_edges() -> None:
    boxes = BoundingBoxes.of(Components.of(picture() > 0), 0.0, 0.0)
    assert not box_edges(boxes, LINES, HEIGHT).any()


def test_an_edge_reaches_from_line_to_line() -> None:
    boxes = boxed()
    assert not box_edges(boxes, [np.full(WIDTH, 30)], HEIGHT).any()
