"""Layouts are what they were when the test's were set apart, and no layout is in both parts."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from pipeline.synthesis.check_layouts import BORDERS, BOXES, COUNT, GROUNDS, TEST, choose, layout, numbers

LAYOUTS = [layout(number) for number in range(1, COUNT + 1)]


def test_layouts_for_tests_are_41_to_60() -> None:
    assert numbers("test") == tuple(range(41, 61))
    assert set(numbers("train")) == set(range(1, COUNT + 1)) - set(TEST)


def test_layouts_for_tests_never_change() -> None:
    """Whoever changes them takes away the measure of what was trained before."""
    plain = json.dumps([dataclasses.asdict(layout(number)) for number in TEST], sort_keys=True)
    rounded = json.dumps(json.loads(plain, parse_float=lambda text: round(float(text), 9)), sort_keys=True)
    assert hashlib.sha256(rounded.encode()).hexdigest()[:16] == "f23dd3603575481b"


def test_forms_and_prints_of_all_kinds_occur_in_both_parts() -> None:
    for part in ("train", "test"):
        of_part = [layout(number) for number in numbers(part)]
        assert {form.country for form in of_part} == {"us", "ca", "in", "gb"}
        assert len({form.box for form in of_part}) >= 5
        assert {form.date_cells for form in of_part} == {True, False}
    assert {form.box for form in LAYOUTS} == set(BOXES)
    assert {form.border for form in LAYOUTS} == set(BORDERS)
    assert {form.ground for form in LAYOUTS} == set(GROUNDS)


def test_no_two_layouts_are_alike() -> None:
    assert len({tuple(form.places["amount"]) for form in LAYOUTS}) == COUNT


def test_fields_stay_on_the_paper() -> None:
    for form in LAYOUTS:
        for left, top, right, bottom in form.places.values():
            assert 0 < left < right < 1
            assert 0 < top < bottom < 1


def test_the_payee_ends_before_the_amount_in_the_same_row() -> None:
    for form in LAYOUTS:
        payee, amount = form.places["payee"], form.places["amount"]
        same_row = payee[1] < amount[3] and amount[1] < payee[3]
        assert not same_row or payee[2] <= amount[0] - 0.04


@pytest.mark.parametrize("number", [0, -1, COUNT + 1])
def test_other_numbers_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 2000"):
        layout(number)


def test_choices_follow_their_shares() -> None:
    rng = np.random.default_rng(0)
    drawn = [choose({"rare": 1, "often": 9}, rng) for _ in range(500)]
    assert 20 < drawn.count("rare") < 90
