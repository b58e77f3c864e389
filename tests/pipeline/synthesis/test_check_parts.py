"""Parts of checks: their fields lie where they are said to, and are read as they are on whole checks."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis import check_parts
from pipeline.synthesis.check_hands import Hands, invented_hands
from pipeline.synthesis.check_layouts import TEST, layout, numbers
from pipeline.synthesis.check_parts import AROUND, PartField

SYMBOLS = set("0123456789.,/-x")


@pytest.fixture(scope="module")
def hands() -> Hands:
    return invented_hands("train", 3)


def test_the_generator_alone_decides(hands: Hands) -> None:
    (pixels, text), (again, same) = (check_parts.item(hands, np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(pixels, again)
    assert text == same


def test_items_are_normalized_fields(hands: Hands) -> None:
    rng = np.random.default_rng(9)
    for _ in range(12):
        pixels, text = check_parts.item(hands, rng)
        assert pixels.shape[0] == 32
        assert set(text) <= SYMBOLS
        assert any(map(str.isdigit, text))


@pytest.mark.parametrize("field", ["amount", "date"])
def test_the_box_holds_the_ink(field: PartField, hands: Hands) -> None:
    """What is darkest on a part is the field's ink, and its print beside it; the box is near the middle."""
    rng = np.random.default_rng(10)
    for _ in range(8):
        picture, (x, y, width, height), text = check_parts.draw(field, hands, rng)
        rows, columns = picture.shape
        assert x >= 0
        assert y >= 0
        assert x + width <= columns + 1
        assert y + height <= rows + 1
        assert width > height * 0.3 * len(text) * 0.5
        part = picture[y : y + height, x : x + width].astype(float)
        assert part.min() < part.mean() - 10  # some ink


def test_boxes_move_as_found_ones_do() -> None:
    rng = np.random.default_rng(11)
    moved = np.array([check_parts.missed((200, 100, 150, 40), rng) for _ in range(500)])
    edges = np.stack(
        [moved[:, 0], moved[:, 1], moved[:, :1].sum(1) + moved[:, 2], moved[:, 1] + moved[:, 3]], 1
    )
    shifts = (edges - (200, 100, 350, 140)) / 40
    np.testing.assert_allclose(shifts.mean(0), check_parts.MEAN, atol=0.06)
    assert (shifts[:, :2] <= 0.27).all()
    assert (shifts[:, 2:] >= -0.27).all()


@pytest.mark.parametrize("field", ["amount", "date"])
def test_a_part_keeps_the_size_of_its_field(field: PartField) -> None:
    for number in numbers("train")[:40]:
        form = layout(number)
        part = check_parts.around(form, field)
        (left, top, right, bottom), (x0, y0, x1, y1) = form.places[field], part.places[field]
        assert (x1 - x0) * part.size[0] == pytest.approx((right - left) * form.size[0])
        assert (y1 - y0) * part.size[1] == pytest.approx((bottom - top) * form.size[1])
        assert x0 * part.size[0] == pytest.approx(min(AROUND, left * form.size[0]))
        assert part.number not in TEST


def test_months_by_name_are_not_drawn(hands: Hands) -> None:
    rng = np.random.default_rng(12)
    for _ in range(40):
        text = check_parts.draw("date", hands, rng)[2]
        assert set(text) <= SYMBOLS
