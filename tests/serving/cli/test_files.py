"""A few pictures read and printed."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.cli.main import main
from tests.support.tiny import amount, damaged_page, png, tiff

pytestmark = pytest.mark.usefixtures("released")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "amount.png"
    file.write_bytes(png(amount()))
    return file


def test_table(picture: Path, tmp_path: Path, capsys) -> None:
    blank = tmp_path / "blank.png"
    blank.write_bytes(png(Image.new("L", (90, 30), 255)))
    assert main(["read", str(picture), str(blank)]) == 0
    head, first, second, bounds = capsys.readouterr().out.splitlines()
    column = head.index("verdict")
    assert head.split() == ["file", "page", "reading", "amount", "confidence", "verdict"]
    assert first.split() == [str(picture), "1", "12.50", "12.50", "1.000", "accepted"]
    assert (first[column:], second[column:]) == ("accepted", "blank: no ink found")
    assert bounds == "max_error 0.01 is wanted, 0.01 is applied"


def test_json(picture: Path, capsys) -> None:
    assert main(["read", str(picture), "--json", "--as", "number", "--length", "4"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["model"] == {"name": "lenet5-field", "version": "1"}
    assert (content["max_error"], content["applied_max_error"]) == (0.01, 0.01)
    (field,) = content["fields"]
    assert (field["file"], field["text"], field["amount"]) == (str(picture), "1250", None)
    assert len(field["digits"][0]["box"]) == 4


def test_csv(picture: Path, capsys) -> None:
    assert main(["read", str(picture), "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["file"], row["text"], row["amount"], row["accepted"]) == (
        str(picture),
        "1250",
        "12.50",
        "true",
    )
    assert row["reason"] == ""
    assert (row["max_error"], row["applied_max_error"]) == ("0.01", "0.01")


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_below_what_is_certified_all_is_read_and_nothing_accepted(picture: Path, capsys, form: str) -> None:
    assert main(["read", str(picture), form, "--max-error", "1e-9"]) == 0
    output = capsys.readouterr().out
    if form == "--csv":
        (row,) = csv.DictReader(io.StringIO(output))
        assert (row["max_error"], row["applied_max_error"], row["accepted"]) == ("1e-09", "", "false")
    else:
        content = json.loads(output)
        (row,) = content["fields"]
        assert (content["applied_max_error"], row["accepted"]) == (None, False)
    assert row["text"] == "1250"
    assert row["reason"].startswith("nothing is accepted: this model certifies max_error 0.001, 0.01 and 0.1")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    file = tmp_path / "scan.tif"
    file.write_bytes(tiff(amount("12.50"), amount("4258"), amount("1.250")))
    return file


def test_every_page(scan: Path, picture: Path, capsys) -> None:
    assert main(["read", str(scan), str(picture), "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)["fields"]
    assert [(field["page"], field["raw"]) for field in fields] == [
        (1, "12.50"),
        (2, "4258"),
        (3, "1.250"),
        (1, "12.50"),
    ]
    assert main(["read", str(scan), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["file"], row["page"]) for row in rows] == [(str(scan), str(page)) for page in (1, 2, 3)]


def test_goes_on_after_a_bad_page(scan: Path, capsys) -> None:
    scan.write_bytes(damaged_page(amount("12.50"), amount("4258"), amount("1.250")))
    assert main(["read", str(scan)]) == 1
    output = capsys.readouterr()
    assert output.err.startswith(f"error: {scan}: page 2 of 3: damaged TIFF picture: ")
    assert [line.split()[1] for line in output.out.splitlines()[:-1]] == ["page", "1", "3"]


def test_draws_every_page(scan: Path, tmp_path: Path) -> None:
    assert main(["read", str(scan), "--draw", str(tmp_path / "seen.png")]) == 0
    assert main(["read", str(scan), "--draw", str(tmp_path / "seen")]) == 0
    names = ["scan.tif-page2.png", "scan.tif-page3.png", "scan.tif.png"]
    assert sorted(file.name for file in (tmp_path / "seen").iterdir()) == names
    drawings = [tmp_path / name for name in ("seen.png", "seen-page2.png", "seen-page3.png")]
    assert len({file.read_bytes() for file in drawings}) == 3


def test_standard_input(picture: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(picture.read_bytes())))
    assert main(["read", "-"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("-  ")


def test_goes_on_after_a_bad_file(picture: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "no.png").write_text("no picture")
    files = [str(tmp_path / "no.png"), str(tmp_path / "missing.png"), str(picture)]
    assert main(["read", *files]) == 1
    output = capsys.readouterr()
    assert [line.split(": ")[:2] for line in output.err.splitlines()] == [["error", f] for f in files[:2]]
    assert len(output.out.splitlines()) == 3


@pytest.mark.parametrize("target", ["seen.png", "seen.jpg"])
def test_draws_into_a_file(picture: Path, tmp_path: Path, capsys, target: str) -> None:
    assert main(["read", str(picture), "--draw", str(tmp_path / target)]) == 0
    with Image.open(tmp_path / target) as drawing:
        assert drawing.width >= 640
        colors = np.asarray(drawing.convert("RGB")).reshape(-1, 3).astype(int)
    green = (colors[:, 1] - colors[:, 0] > 60) & (colors[:, 1] - colors[:, 2] > 30)
    assert green.sum() > 500


def test_pictures_of_one_name_are_drawn_beside_each_other(picture: Path, tmp_path: Path) -> None:
    other = tmp_path / "more" / picture.name
    other.parent.mkdir()
    other.write_bytes(png(amount("7.7")))
    folder = tmp_path / "seen"
    assert main(["read", str(picture), str(other), str(picture), "--draw", str(folder)]) == 0
    names = [f"{picture.name}{number}.png" for number in ("", "-2", "-3")]
    first, second, third = ((folder / name).read_bytes() for name in names)
    assert first == third != second


def test_draws_several_into_a_folder(picture: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tif"
    other.write_bytes(png(amount("1.250"), "TIFF"))
    assert main(["read", str(picture), str(other), "--draw", str(tmp_path / "seen")]) == 0
    assert sorted(file.name for file in (tmp_path / "seen").iterdir()) == ["amount.png.png", "other.tif.png"]
