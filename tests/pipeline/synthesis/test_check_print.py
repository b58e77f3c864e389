"""Forms are printed where their layout says."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from pipeline.synthesis import check_print, check_sheet
from pipeline.synthesis.check_layouts import BOXES, COUNT, Layout, layout, numbers
from pipeline.synthesis.check_sheet import Sheet
from pipeline.synthesis.check_text import check_text


def form_of(layout_: Layout) -> np.ndarray:
    rng = np.random.default_rng(0)
    sheet = Sheet(layout_.size, 100)
    check_print.print_form(sheet, layout_, check_text(layout_, False, rng), rng)
    return np.asarray(sheet.form)


@pytest.mark.parametrize("box", BOXES)
def test_the_amounts_box(box: str) -> None:
    plain = dataclasses.replace(layout(4), box="none", sign="")
    places = Sheet(plain.size, 100).box(plain.places["amount"])
    left, top, right, bottom = (round(edge) for edge in places)
    around = slice(top - 5, bottom + 6), slice(left - 5, right + 6)
    changed = form_of(dataclasses.replace(plain, box=box))[around] != form_of(plain)[around]
    assert changed.any() == (box != "none")


def test_a_sign_stands_before_the_box_or_inside() -> None:
    inside = dataclasses.replace(layout(4), sign="$", sign_inside=True)
    before = dataclasses.replace(inside, sign_inside=False)
    sheet = Sheet(inside.size, 100)
    left = sheet.box(inside.places["amount"])[0]
    assert check_print.writing_box(sheet, before)[0] == left
    assert check_print.writing_box(sheet, inside)[0] > left + 8
    differs = np.nonzero(form_of(before) != form_of(inside))[1]
    assert differs.min() < left - 5
    assert differs.max() > left + 5


@pytest.mark.parametrize("order", ["mdy", "dmy", "ymd"])
def test_eight_cells_stand_side_by_side(order: str) -> None:
    cells = [
        check_print.date_cells(Sheet(form.size, 100), dataclasses.replace(form, date_order=order))
        for form in map(layout, (7, 8))
    ]
    for row in cells:
        assert len(row) == 8
        assert all(a[2] <= b[0] + 1e-6 for a, b in itertools.pairwise(row))
        assert row[-1][2] <= layout(7).size[0] * 100


def test_parts_are_printed_in_fonts_of_their_own() -> None:
    faces = {
        part: {check_print.face(layout(n), layout(n).face) for n in numbers(part)}
        for part in ("train", "test")
    }
    assert faces["test"] <= set(check_sheet.TEST_FACES)
    assert not faces["train"] & faces["test"]


def test_layouts_can_be_printed() -> None:
    for number in range(1, COUNT + 1, 70):
        assert (form_of(layout(number)) < 128).sum() > 100


@pytest.mark.parametrize("wording", ["PAY TO THE ORDER OF", "PAY TO THE\nORDER OF"])
def test_a_label_ends_before_its_field(wording: str) -> None:
    narrow = dataclasses.replace(layout(3), rules=0.0, ground="plain", border="none")
    assert narrow.form == "us template"
    unlabeled = dataclasses.replace(narrow, wording={**narrow.wording, "payee": ""})
    labeled = dataclasses.replace(narrow, wording={**narrow.wording, "payee": wording})
    columns = np.nonzero(form_of(labeled) != form_of(unlabeled))[1]
    assert columns.min() > 4
    assert columns.max() <= Sheet(narrow.size, 100).box(narrow.places["payee"])[0]
