"""`checkreader read --as micr`, of files and of folders."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from serving.cli.main import main
from tests.support.command_line import failed
from tests.support.micr_lines import TEXT, picture
from tests.support.tiny import png, tiff


@pytest.fixture(autouse=True)
def released(micr_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKREADER_MODELS", str(micr_models))


@pytest.fixture
def line(tmp_path: Path) -> Path:
    file = tmp_path / "line.png"
    file.write_bytes(png(picture()))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "lines"
    root.mkdir()
    (root / "a.png").write_bytes(png(picture()))
    (root / "b.tif").write_bytes(tiff(picture("A021000021A 123456789C 0101"), Image.new("L", (300, 40), 255)))
    (root / "c.png").write_bytes(b"broken")
    return root


def test_table(line: Path, capsys) -> None:
    assert main(["read", str(line), "--as", "micr"]) == 0
    head, row, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["file", "page", "line", "country", "confidence", "verdict"]
    assert TEXT in row
    assert row.split()[-1] == "accepted"


def test_json(line: Path, capsys) -> None:
    assert main(["read", str(line), "--as", "micr", "--country", "ca", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["model"] == {"name": "lenet5-micr", "version": "1"}
    (read,) = content["lines"]
    assert (read["text"], read["country"], read["accepted"]) == (TEXT, None, False)
    assert "country=ca" in read["reason"]


def test_csv(line: Path, capsys) -> None:
    assert main(["read", str(line), "--as", "micr", "--csv"]) == 0
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (row["routing"], row["account"], row["serial"], row["amount"]) == (
        "021000021",
        "1234567",
        "001234",
        "",
    )
    assert (row["text"], row["accepted"]) == (TEXT, "true")


def test_drawing(line: Path, tmp_path: Path) -> None:
    assert main(["read", str(line), "--as", "micr", "--draw", str(tmp_path / "drawn.png")]) == 0
    with Image.open(tmp_path / "drawn.png") as drawn:
        assert drawn.width >= picture().width


def test_folder(folder: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.jsonl"
    assert main(["read", str(folder), "--as", "micr", "--out", str(out)]) == 3
    assert "read 3 (2 accepted), 1 unreadable" in capsys.readouterr().out
    rows = [json.loads(row) for row in out.read_text().splitlines()]
    assert [row.get("text") for row in rows] == [TEXT, "A021000021A 123456789C 0101", "", None]
    assert rows[0]["settings"] == {"as": "micr", "country": "auto", "crop": None, "threshold": 0.5}
    assert rows[0]["fields"]["routing"]["text"] == "021000021"
    message = failed(capsys, "read", str(folder), "--as", "micr", "--country", "us", "--out", str(out))
    assert "country auto, now us" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--as", "micr", "--scheme", "aba"], "--scheme does not go with --as micr"),
        (["--as", "micr", "--order", "dmy"], "--order does not go with --as micr"),
        (["--country", "us"], "--country is for MICR lines: add --as micr"),
        (["--as", "digit", "--country", "us"], "--country does not go with --as digit"),
        (["--as", "micr", "--model", "lenet5-field"], "model 'lenet5-field' does not read MICR lines"),
    ],
)
def test_mistakes(line: Path, capsys, options: list[str], message: str) -> None:
    assert message in failed(capsys, "read", str(line), *options)


def test_without_a_model_it_says_what_to_do(
    line: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("CHECKREADER_MODELS", str(models))
    message = failed(capsys, "read", str(line), "--as", "micr")
    assert "no model reads MICR lines" in message
    assert "--models" in message
