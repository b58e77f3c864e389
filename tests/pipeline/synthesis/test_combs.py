from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data import pen_digits
from pipeline.synthesis import combs, writers
from serving.errors import CheckreaderError

HANDS = [writers.strokes(np.random.default_rng(seed), 3) for seed in range(2)]
DRAWING = combs.CombDrawing(HANDS, papers=3)
FIELDS = list(DRAWING.fields(40, 7))


def test_fields_hold_a_number_in_every_kind_of_comb() -> None:
    assert {field.kind for field in FIELDS} == set(combs.KINDS)
    for field in FIELDS:
        assert field.text.isdigit()
        assert combs.LENGTHS[0] <= len(field.text) <= combs.LENGTHS[1]
        assert field.picture.dtype == np.uint8
        height, width = field.picture.shape
        assert 28 <= height < 200
        assert width > 0.5 * len(field.text) * 20


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    for field, again in zip(FIELDS, DRAWING.fields(3, 7), strict=False):
        np.testing.assert_array_equal(field.picture, again.picture)
        assert field.text == again.text
    assert [field.text for field in DRAWING.fields(3, 8)] != [field.text for field in FIELDS[:3]]


def test_bare_fields_differ_by_the_print_alone() -> None:
    """Without the print the same digits stand on the same paper, which is never darker."""
    for field, bare in zip(FIELDS, DRAWING.fields(8, 7, bare=True), strict=False):
        assert (bare.text, bare.picture.shape) == (field.text, field.picture.shape)
        assert bare.picture.mean() > field.picture.mean()


def test_unseen_hands_need_unipen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pen_digits, "load", lambda folder: None)
    with pytest.raises(CheckreaderError, match="no UNIPEN in the data folder"):
        combs.unseen_hands()


def test_contact_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combs, "unseen_hands", lambda: HANDS)
    path = tmp_path / "sheet.png"
    assert combs.main([str(path)]) == 0
    with Image.open(path) as picture:
        assert picture.width == 3 * 460


def test_an_error_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(combs, "unseen_hands", lambda: HANDS)
    assert combs.main([str(tmp_path / "missing" / "sheet.png")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
