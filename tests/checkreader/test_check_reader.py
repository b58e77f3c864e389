"""Whole checks by `reader.check`."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pickle
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import checkreader
from checkreader.reader import Reader
from serving.cli.main import main
from tests.support.tiny import png, tiff
from tests.support.whole_checks import AMOUNT, HEIGHT, LINE, NUMBER, PLATE, WIDTH, layout, layout_text, scan


@pytest.fixture(scope="module")
def reader(micr_models: Path) -> Reader:
    return checkreader.open(micr_models)


def test_check(reader: Reader) -> None:
    read = reader.check(scan(), layout=layout(), country="us", order="dmy")
    assert isinstance(read, checkreader.Check)
    assert (read.page, read.accepted, read.reasons) == (1, True, ())
    assert read.amount.amount == Decimal(AMOUNT)
    assert read.date.date == datetime.date(2019, 11, 24)
    assert (read.micr.text, read.check_number.text) == (LINE, NUMBER)
    assert read.micr.fields["routing"].text == "021000021"
    assert read.corners[2] == pytest.approx((WIDTH + PLATE, HEIGHT + PLATE), abs=4)
    assert isinstance(read.quality, checkreader.Quality)
    assert [model.name for model in read.models] == ["lenet5-field", "lenet5-micr"]
    assert (read.max_error, read.applied_max_error) == (0.03, 0.03)
    assert read.fields.words is None


def test_plain_data_are_the_commands(reader: Reader, micr_models: Path, tmp_path: Path, capsys) -> None:
    file, places = tmp_path / "check.png", tmp_path / "layout.json"
    file.write_bytes(png(scan()))
    places.write_text(layout_text())
    plain = reader.check(file, layout=places).to_dict()
    assert json.loads(json.dumps(plain)) == plain
    options = ["--as", "check", "--layout", str(places), "--models", str(micr_models), "--json"]
    assert main(["read", str(file), *options]) == 0
    content = json.loads(capsys.readouterr().out)
    (read,) = content["checks"]
    assert plain.pop("models") == content["models"]
    assert {"file": str(file), **plain} == read


def test_lists_are_read_in_batches(reader: Reader) -> None:
    blank = Image.new("L", (WIDTH, HEIGHT), 255)
    pictures = [np.asarray(scan()), tiff(scan(written="1234.50"), blank)]
    checks = reader.check(pictures, layout=layout())
    assert [read.page for read in checks] == [1, 1, 2]
    assert [read.accepted for read in checks] == [True, True, False]
    assert checks[1].amount.amount == Decimal("1234.50")
    assert reader.check([], layout=layout()) == []
    with pytest.raises(checkreader.Error, match=r"2 pages: pass a list, reader\.check"):
        reader.check(tiff(scan(), scan()), layout=layout())


def test_days_may_be_dates(reader: Reader) -> None:
    options = {"layout": layout(), "order": "dmy"}
    assert reader.check(scan(), after=datetime.date(2019, 11, 1), **options).accepted
    assert not reader.check(scan(), before=datetime.date(2019, 11, 1), **options).accepted


def test_results_are_frozen(reader: Reader) -> None:
    read = reader.check(scan(), layout=layout())
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.accepted = False
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.amount.amount = None
    with pytest.raises(AttributeError):
        read.micr.fields["serial"].text = ""
    assert pickle.loads(pickle.dumps(read)) == read


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": {"sum": (0, 0, 1, 1)}}, "unknown field 'sum'"),
        ({"layout": {"amount": (0, 0, 2, 1)}}, "amount leaves the check"),
        ({"layout": "none.json"}, "none.json: No such file"),
        ({"country": "fr"}, "country must be one of"),
        ({"locale": "xx"}, "locale must be one of"),
        ({"max_error": 0.0, "layout": layout()}, "max_error must be above 0"),
        ({}, "no model finds the fields of checks"),
    ],
)
def test_mistakes(reader: Reader, options: dict, message: str) -> None:
    with pytest.raises(checkreader.Error, match=message):
        reader.check(scan(), **options)
