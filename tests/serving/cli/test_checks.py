"""`checkreader read --as check`, of files and of folders."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from serving.cli.main import main
from serving.recognition import check_layout
from tests.support.command_line import failed
from tests.support.tiny import png, tiff
from tests.support.whole_checks import AMOUNT, LINE, NUMBER, layout_text, scan


@pytest.fixture(autouse=True)
def released(micr_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKREADER_MODELS", str(micr_models))


@pytest.fixture
def layout(tmp_path: Path) -> str:
    file = tmp_path / "layout.json"
    file.write_text(layout_text())
    return str(file)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    file = tmp_path / "check.png"
    file.write_bytes(png(scan()))
    return str(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "checks"
    root.mkdir()
    (root / "a.png").write_bytes(png(scan()))
    (root / "b.tif").write_bytes(tiff(scan(written="1234.50"), scan(line=""), compression="tiff_deflate"))
    (root / "c.png").write_bytes(b"broken")
    return root


def test_table(picture: str, layout: str, capsys) -> None:
    assert main(["read", picture, "--as", "check", "--layout", layout]) == 0
    head, row, *rest = capsys.readouterr().out.splitlines()
    assert head.split() == ["file", "page", "amount", "date", "MICR", "line", "number", "verdict"]
    for reading in (AMOUNT, "2019-11-24", LINE, NUMBER):
        assert reading in row
    assert row.split()[-1] == "accepted"
    assert "MICR line: max_error 0.02 is wanted, 0.02 is applied" in rest[-1]


def test_json(picture: str, layout: str, capsys) -> None:
    options = ["--layout", layout, "--country", "ca", "--max-error", "0.02", "--json"]
    assert main(["read", picture, "--as", "check", *options]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in content["models"]] == ["lenet5-field", "lenet5-micr"]
    (read,) = content["checks"]
    assert (read["file"], read["page"], read["accepted"]) == (picture, 1, False)
    assert read["fields"]["amount"]["amount"] == AMOUNT
    assert "country=ca" in read["fields"]["micr"]["reason"]


def test_drawn(folder: Path, layout: str, tmp_path: Path, capsys) -> None:
    """Every page is drawn into a file of its own."""
    options = ["--as", "check", "--layout", layout, "--draw", str(tmp_path / "seen")]
    assert main(["read", str(folder / "a.png"), str(folder / "b.tif"), *options]) == 0
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == [
        *("a.png.png", "b.tif-page2.png", "b.tif.png"),
    ]


def test_csv_of_every_page(folder: Path, layout: str, capsys) -> None:
    assert main(["read", str(folder / "b.tif"), "--as", "check", "--layout", layout, "--csv"]) == 0
    first, second = csv.DictReader(capsys.readouterr().out.splitlines())
    assert (first["page"], first["amount"], first["accepted"], first["reasons"]) == (
        "1",
        "1234.50",
        "true",
        "",
    )
    assert (second["page"], second["micr"], second["accepted"]) == ("2", "", "false")
    assert second["reasons"].startswith("no MICR line found, as on the back of a check")
    assert first["applied_max_error"] == "0.03"


def test_what_cannot_be_read(folder: Path, picture: str, layout: str, capsys) -> None:
    arguments = ["read", str(folder / "c.png"), picture, "--as", "check", "--layout", layout]
    assert main(arguments) == 1
    output = capsys.readouterr()
    assert "c.png: not a picture" in output.err
    assert LINE in output.out


def test_a_folder_and_going_on_with_it(folder: Path, layout: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "checks.jsonl"
    arguments = ["read", str(folder), "--as", "check", "--layout", layout, "--out", str(out)]
    assert main(arguments) == 3
    assert "read 3 (2 accepted), 1 unreadable" in capsys.readouterr().out
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["file"], row["page"], row.get("accepted")) for row in rows] == [
        ("a.png", 1, True),
        ("b.tif", 1, True),
        ("b.tif", 2, False),
        ("c.png", 1, None),
    ]
    assert rows[0]["fields"]["micr"]["text"] == LINE
    assert (rows[0]["model"], rows[0]["version"]) == ("lenet5-field,lenet5-micr", "1,1")
    assert rows[0]["max_error"] == rows[3]["max_error"] == 0.03
    assert rows[0]["settings"]["layout"] == check_layout.to_text(check_layout.parse(layout_text()))
    (folder / "c.png").write_bytes(png(scan()))
    assert main(arguments) == 0
    assert "read 1 (1 accepted), 0 unreadable, 2 read before" in capsys.readouterr().out
    assert "read with locale not set, now de" in failed(capsys, *arguments, "--locale", "de")


def test_a_folder_as_comma_separated_values(folder: Path, layout: str, tmp_path: Path) -> None:
    out = tmp_path / "checks.csv"
    arguments = ["read", str(folder), "--as", "check", "--layout", layout, "--out", str(out)]
    assert main(arguments) == 3
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["fields.amount.amount"] for row in rows] == [AMOUNT, "1234.50", AMOUNT, ""]
    assert rows[0]["fields.micr.fields.routing.text"] == "021000021"
    assert json.loads(rows[0]["quality.problems"]) is not None
    assert json.loads(rows[2]["reasons"])[0].startswith("no MICR line found")
    assert rows[3]["error"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scheme", "aba"], "--scheme does not go with --as check"),
        (["--length", "4"], "--length does not go with --as check"),
        (["--crop", "0,0,9,9"], "--crop does not go with --as check"),
        (["--model", "lenet5-field"], "--model does not go with --as check"),
        (["--draw", "seen.txt"], "--draw seen.txt: neither a folder nor a picture"),
        (["--order", "myd"], "order must be one of"),
        (["--layout", "none.json"], "none.json: No such file"),
        ([], "no model finds the fields of checks"),
    ],
)
def test_mistakes(picture: str, options: list[str], message: str, capsys) -> None:
    assert message in failed(capsys, "read", picture, "--as", "check", *options)


@pytest.mark.parametrize("kind", ["digit", "micr", "amount"])
def test_a_layout_is_for_checks(picture: str, layout: str, kind: str, capsys) -> None:
    assert "--layout" in failed(capsys, "read", picture, "--as", kind, "--layout", layout)


def test_a_folder_needs_a_file_for_its_results(folder: Path, layout: str, capsys) -> None:
    line = failed(capsys, "read", str(folder), "--as", "check", "--layout", layout)
    assert "is a folder: name the file for its results by --out" in line
