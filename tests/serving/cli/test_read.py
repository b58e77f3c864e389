"""`checkreader read` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from serving.cli.main import main
from tests.support.command_line import failed
from tests.support.tiny import amount, png


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "amount.png"
    file.write_bytes(png(amount()))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    root.mkdir()
    for index, text in enumerate(("12.50", "1.250")):
        (root / f"{index}.png").write_bytes(png(amount(text)))
    (root / "letter.txt").write_text("Dear Sir")
    return root


@pytest.fixture(autouse=True)
def released(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command finds the tiny models."""
    monkeypatch.setenv("CHECKREADER_MODELS", str(models))


def test_options_reach_the_reader(tmp_path: Path, capsys) -> None:
    scan = Image.new("L", (400, 200), 240)
    field = amount("021000021")
    scan.paste(field, (50, 70))
    (tmp_path / "scan.png").write_bytes(png(scan))
    crop = f"50,70,{field.width},{field.height}"
    options = ["--scheme", "aba", "--max-error", "0.1", "--crop", crop, "--json"]
    assert main(["read", str(tmp_path / "scan.png"), *options]) == 0
    (field,) = json.loads(capsys.readouterr().out)["fields"]
    assert (field["text"], field["check_digit"]) == ("021000021", {"scheme": "aba", "valid": True})
    assert all(50 <= digit["box"][0] < 400 and digit["box"][1] >= 70 for digit in field["digits"])


def test_a_date(tmp_path: Path, capsys) -> None:
    file = tmp_path / "date.png"
    file.write_bytes(png(amount("24.11.2019")))
    options = ["--as", "date", "--order", "dmy", "--after", "2019-01-01", "--before", "2019-12-31"]
    assert main(["read", str(file), *options, "--json"]) == 0
    (field,) = json.loads(capsys.readouterr().out)["fields"]
    assert (field["text"], field["date"], field["amount"]) == ("24112019", "2019-11-24", None)
    assert main(["read", str(file), *options]) == 0
    head, row, *_ = capsys.readouterr().out.splitlines()
    assert "date" in head.split()
    assert "2019-11-24" in row.split()
    assert main(["read", str(file), *options, "--csv"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert dict(zip(head.split(","), row.split(","), strict=False))["date"] == "2019-11-24"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["FILE", "--model", "lenet6"], "unknown model 'lenet6'"),
        (["FILE", "--model", "lenet5"], "model 'lenet5' does not read fields"),
        (["FILE", "--as", "amount", "--scheme", "aba"], "an amount has no check digit"),
        (["FILE", "--as", "digit", "--scheme", "aba"], "--scheme does not go with --as digit"),
        (["FILE", "--as", "digit", "--draw", "x"], "--draw does not go with --as digit"),
        (["FILE", "--as", "digit", "--model", "lenet5-field"], "model 'lenet5-field' does not read digits"),
        (["FILE", "--as", "digit", "--after", "2019-01-01"], "--after does not go with --as digit"),
        (["FILE", "--as", "date", "--order", "mon"], "order must be one of dmy, mdy, ymd, got 'mon'"),
        (["FILE", "--as", "date", "--after", "yesterday"], "after must be a date from 1900-01-01"),
        (["FILE", "--as", "date", "--length", "8"], "length 8 is for kind number"),
        (["FILE", "--order", "dmy"], "order 'dmy' is for kind date, and this is an amount"),
        (["FILE", "--ray", "local"], "--ray reads a folder"),
        (["FOLDER"], "is a folder: name the file for its results by --out"),
        (["FOLDER", "--out", "OUT", "--csv"], "--csv does not go with --out: name a file that ends in .csv"),
        (["FOLDER", "--out", "OUT", "--draw", "x"], "--draw does not go with --out"),
        (["FOLDER", "--out", "OUT", "--model", "lenet5"], "does not read fields"),
        (["nowhere", "--out", "OUT"], "nowhere: no such file or folder"),
        (["FILE", "FOLDER", "--out", "OUT"], "--out reads one folder, or files"),
        (["-", "FILE", "--out", "OUT"], "--out reads one folder, or files"),
        (["FILE", "--review", "OUT"], "--review is for whole checks: add --as check"),
        (["FILE", "FILE", "--draw", "x.png"], "--draw x.png: 2 files are drawn into a folder"),
        (["FILE", "--draw", "x.txt"], "--draw x.txt: neither a folder nor a picture (.png, "),
        (["FOLDER", "FOLDER", "--out", "OUT"], "--out reads one folder"),
        (["FOLDER", "--out", "FILE"], "not a line of such readings"),
        (["FOLDER", "--out", "FOLDER"], "Is a directory"),
    ],
)
def test_mistakes(picture: Path, folder: Path, tmp_path: Path, capsys, arguments, message: str) -> None:
    names = {"FILE": str(picture), "FOLDER": str(folder), "OUT": str(tmp_path / "out")}
    content = picture.read_bytes()
    assert message in failed(capsys, "read", *(names.get(word, word) for word in arguments))
    assert picture.read_bytes() == content
