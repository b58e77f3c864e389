"""Drawn fields with a pale or little point, and with dirt that is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from serving.images.connected_components import Components
from serving.images.field import normalize_field
from serving.images.ink import find_ink
from serving.images.points import find_points

PAPER, INK = 235, 30
FOOT = 55  # the row of the digits' feet
GAP = 122  # the column in the middle between the second digit and the third

Speck = tuple[int, int, int, int]  # column, row, side and gray level


def field(specks: Sequence[Speck] = ()) -> np.ndarray:
    picture = Image.new("L", (240, 80), PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(40)
    for left, digit in zip((40, 80, 140, 180), "3557", strict=True):
        draw.text((left, FOOT), digit, INK, font=font, anchor="ls")
    for column, row, side, level in specks:
        draw.rectangle((column, row, column + side - 1, row + side - 1), level)
    return np.asarray(picture)


def marks(gray: np.ndarray) -> list[tuple[float, float]]:
    """Returns the columns and rows, in the picture, of the inked stretches less than a digit wide."""
    pixels = normalize_field(gray)
    inked = (pixels.pixels >= 64).any(0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inked, [False]])))
    places = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        rows = np.flatnonzero((pixels.pixels[:, first:last] >= 64).any(1))
        if last - first <= 5 and np.ptp(rows) <= 5:
            x, y = pixels.to_picture @ ((first + last) / 2, rows.mean() + 0.5, 1)
            places.append((float(x), float(y)))
    return places


PALE = (GAP, FOOT - 3, 3, 130)
LITTLE = (GAP, FOOT - 2, 2, INK)
DARKER = (GAP, FOOT - 3, 3, 125)
BELOW = (GAP, FOOT + 8, 4, INK)


@pytest.mark.parametrize("point", [PALE, DARKER, LITTLE, BELOW], ids=["pale", "darker", "little", "below"])
def test_one_speck_between_the_feet_is_a_point(point: Speck) -> None:
    ((x, y),) = marks(field([point]))
    column, row, side, _ = point
    assert (x, y) == pytest.approx((column + side / 2, row + side / 2), abs=1.5)


def test_without_specks_there_are_no_points() -> None:
    assert not marks(field())


@pytest.mark.parametrize("row", [28, 40])
def test_a_speck_between_the_heads_is_dirt(row: int) -> None:
    assert not marks(field([(GAP, row, 3, 130)]))


@pytest.mark.parametrize("column", [15, 225])
def test_a_speck_before_or_behind_the_digits_is_dirt(column: int) -> None:
    assert not marks(field([(column, FOOT - 3, 3, 130)]))


def test_a_speck_is_dirt_where_others_lie_elsewhere() -> None:
    scattered = [(GAP, 10, 3, 130), (20, 30, 3, 130)]
    assert not marks(field([PALE, *scattered]))


def test_a_rest_of_a_rule_is_no_point() -> None:
    smooth, erased = np.zeros((40, 60), np.uint8), np.zeros((40, 60), np.bool_)
    smooth[28:31, 29:32] = 100
    specks = Components.of(smooth > 0)
    digits = [(5.0, 20.0, 0.0, 30.0), (40.0, 55.0, 0.0, 30.0)]
    assert find_points(smooth, 0.0, 100.0, erased, [specks], digits, 30.0, 0.0, 0.0) == [(29, 32, 28, 31)]
    erased[32:34] = True
    assert not find_points(smooth, 0.0, 100.0, erased, [specks], digits, 30.0, 0.0, 0.0)


def test_a_point_that_is_darker_than_dirt_is_kept() -> None:
    assert len(marks(field([DARKER, (GAP, 10, 3, 144)]))) == 1


def test_many_specks_are_a_pattern() -> None:
    pattern = [(column, 6 + column % 5, 3, 144) for column in range(10, 232, 9)]
    ink = find_ink(field(pattern))
    assert ink is not None
    assert len(ink.specks) == len(pattern)
    assert not marks(field([DARKER, *pattern]))


def test_a_point_is_as_dark_as_ink() -> None:
    gray = field([PALE])
    normalized = normalize_field(gray)
    ((x, _),) = marks(gray)
    column = int((x - normalized.to_picture[0, 2]) / normalized.to_picture[0, 0])
    assert normalized.pixels[18:, max(0, column - 3) : column + 4].max() > 128
