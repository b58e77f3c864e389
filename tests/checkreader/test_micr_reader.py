"""MICR lines by `reader.micr`."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import checkreader
from checkreader.reader import Reader
from serving.cli.main import main
from tests.support.micr_lines import TEXT, picture
from tests.support.tiny import png, tiff


@pytest.fixture(scope="module")
def reader(micr_models: Path) -> Reader:
    return checkreader.open(micr_models)


def test_line(reader: Reader) -> None:
    line = reader.micr(png(picture()), country="us")
    assert isinstance(line, checkreader.MicrLine)
    assert (line.text, line.country, line.accepted, line.reason) == (TEXT, "us", True, None)
    assert line.fields["routing"].text == "021000021"
    assert line.check_digit == checkreader.MicrCheckDigit("aba", True)
    assert (line.max_error, line.applied_max_error) == (0.02, 0.02)
    assert (line.model.name, line.page) == ("lenet5-micr", 1)
    assert len(line.boxes) == len(TEXT.replace(" ", ""))
    assert str(line) == f"{line.symbols} (confidence {line.confidence:.3f}, accepted)"


def test_results_are_frozen(reader: Reader) -> None:
    line = reader.micr(picture())
    with pytest.raises(dataclasses.FrozenInstanceError):
        line.text = ""
    with pytest.raises(AttributeError):
        line.fields["serial"].text = ""
    assert pickle.loads(pickle.dumps(line)) == line


def test_plain_data_are_the_commands(reader: Reader, micr_models: Path, tmp_path: Path, capsys) -> None:
    file = tmp_path / "line.png"
    file.write_bytes(png(picture()))
    plain = reader.micr(file).to_dict()
    assert main(["read", str(file), "--as", "micr", "--models", str(micr_models), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    (line,) = content["lines"]
    assert plain["model"] == content["model"]
    assert {key: plain[key] for key in line if key != "file"} == {
        key: entry for key, entry in line.items() if key != "file"
    }
    assert json.loads(json.dumps(plain)) == plain


def test_lists_are_read_in_batches(reader: Reader) -> None:
    blank = Image.new("L", (300, 40), 255)
    lines = reader.micr([np.asarray(picture()), tiff(blank, picture())])
    assert [(line.text, line.page) for line in lines] == [(TEXT, 1), ("", 1), (TEXT, 2)]
    assert str(lines[1]) == "nothing (confidence 0.000, blank: no ink found)"
    assert reader.micr([]) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"country": "fr"}, "country must be one of auto"),
        ({"model": "lenet5"}, "model 'lenet5' does not read MICR lines"),
        ({"max_error": 0.0}, "max_error must be above 0"),
        ({"crop": (0, 0, 9999, 1)}, "does not lie inside"),
    ],
)
def test_mistakes(reader: Reader, options: dict, message: str) -> None:
    with pytest.raises(checkreader.Error, match=message):
        reader.micr(picture(), **options)


def test_without_a_model_it_says_what_to_do(models: Path) -> None:
    with pytest.raises(
        checkreader.Error, match=r"no model reads MICR lines: .*; name the folder of a release"
    ):
        checkreader.open(models).micr(picture())
