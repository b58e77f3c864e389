"""Fields made of parts of two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.augmentation import recombine
from pipeline.networks import lenet5_field
from pipeline.networks.lenet5_field import ALPHABET
from pipeline.synthesis.sampler import Item
from serving.images import sliding_window


def striped(digits: str, pitch: int = 16) -> Item:
    """A field that has for each digit d a block of ink d + 1 rows high, 10 columns wide."""
    pixels = np.zeros((32, pitch * len(digits) - 6), np.uint8)
    for place, digit in enumerate(digits):
        pixels[: int(digit) + 1, pitch * place : pitch * place + 10] = 255
    return pixels, digits


def said(item: Item, pitch: int = 16) -> np.ndarray:
    """What a network says that sees each digit where it stands."""
    pixels, text = item
    rows = np.full(
        (sliding_window.steps(pixels.shape[1], lenet5_field.SLIDING), lenet5_field.CLASSES), 1e-4, np.float32
    )
    rows[:, ALPHABET.blank] = 1
    for place, label in enumerate(ALPHABET.labels(text)):
        middle = pitch * place + 5 + lenet5_field.SLIDING.left - lenet5_field.SLIDING.receptive / 2
        step = round(middle / lenet5_field.SLIDING.stride)
        rows[step, [label, ALPHABET.blank]] = 1, 1e-4
    return rows / rows.sum(1, keepdims=True)


def digits(item: Item) -> str:
    """What is written in a field of blocks, from its ink alone."""
    pixels, _ = item
    heights = (pixels > 0).sum(0)
    starts = np.flatnonzero(np.diff(heights, prepend=0) > 0)
    return "".join(str(heights[start] - 1) for start in starts)


def test_a_field_falls_apart_between_its_digits() -> None:
    item = striped("4071")
    found = recombine.cuts(*item, said(item), ALPHABET, "")
    assert [count for count, _ in found] == [1, 2, 3]
    for count, column in found:
        assert 16 * count - 6 <= column <= 16 * count


def test_touching_digits_stay_together() -> None:
    pixels, text = striped("4071")
    pixels[20, 8:20] = 255  # a stroke from the first to the second: one row is a speck
    pixels[21, 8:20] = 255
    item = pixels, text
    assert [count for count, _ in recombine.cuts(*item, said(item), ALPHABET, "")] == [2, 3]


def test_what_is_not_read_is_not_cut() -> None:
    item = striped("4071")
    rows = said(item)
    rows[:, 0] = 1e-9  # nobody sees the zero
    found = recombine.cuts(*item, rows / rows.sum(1, keepdims=True), ALPHABET, "")
    assert [count for count, _ in found] == [3]
    assert recombine.cuts(item[0][:, :3], item[1], rows[:1], ALPHABET, "") == ()


def test_marks_are_labels_where_they_are_named() -> None:
    item = striped("40071")[0], "4.071"
    found = recombine.cuts(*item, said(item), ALPHABET, ".")
    assert [count for count, _ in found] == [1, 2, 3, 4]


def test_marks_that_are_not_named_may_stand_anywhere() -> None:
    """A dash behind the last digit is a mistake of the network, which nothing trusts, if labels name dashes."""
    seen, item = said((striped("4071")[0], "407-")), (striped("4071")[0], "407")
    assert [count for count, _ in recombine.cuts(*item, seen, ALPHABET, "")] == [1, 2]
    assert [count for count, _ in recombine.cuts(*item, seen, ALPHABET, "-")] == [1]


@given(st.lists(st.text("123456789", min_size=1, max_size=9), min_size=1, max_size=4), st.integers(0, 99))
def test_ink_and_labels_stay_together(texts: list[str], seed: int) -> None:
    items = [striped(text) for text in texts]
    places = [recombine.cuts(*item, said(item), ALPHABET, "") for item in items]
    draw = recombine.item_source(items, places, 0.5)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        item = draw(rng)
        assert item[0].shape[0] == 32
        assert digits(item) == item[1]
        assert 1 <= len(item[1]) <= 9


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share(share: float) -> None:
    items = [striped("11"), striped("22")]
    places = [recombine.cuts(*item, said(item), ALPHABET, "") for item in items]
    rng = np.random.default_rng(0)
    draw = recombine.item_source(items, places, share)
    mixed = {draw(rng)[1] for _ in range(60)} - {"11", "22"}
    assert bool(mixed) == bool(share)
