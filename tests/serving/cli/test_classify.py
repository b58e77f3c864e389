"""`checkreader classify` as a person uses it."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path

import pytest

from serving.cli.main import main
from tests.support.command_line import failed
from tests.support.tiny import damaged_page, png, seven, tiff

pytestmark = pytest.mark.usefixtures("released")


def test_table(picture: Path, tmp_path: Path, capsys) -> None:
    blank = tmp_path / "a blank one.png"
    blank.write_bytes(png(seven(ink=255, paper=255)))
    assert main(["classify", str(picture), str(blank), "--max-error", "0.1"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    column = head.index("verdict")
    assert head.split() == ["file", "page", "digit", "confidence", "verdict"]
    assert first.startswith(str(picture))
    assert first[column:] == "accepted"
    assert second[column:] == "blank: no ink found"


def test_json(picture: Path, capsys) -> None:
    assert main(["classify", str(picture), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["model"] == {"name": "lenet5", "version": "1"}
    (digit,) = content["digits"]
    assert digit["file"] == str(picture)
    assert set(digit) == {"file", "page", "digit", "confidence", "accepted", "reason", "top"}


def test_every_page(picture: Path, tmp_path: Path, capsys) -> None:
    scan = tmp_path / "scan.tif"
    scan.write_bytes(tiff(seven(60, 200, 30), seven()))
    assert main(["classify", str(scan), str(picture), "--json"]) == 0
    first, second, third = json.loads(capsys.readouterr().out)["digits"]
    assert [Path(digit["file"]).name for digit in (first, second, third)] == ["scan.tif"] * 2 + ["seven.png"]
    assert [digit["page"] for digit in (first, second, third)] == [1, 2, 1]
    assert second["confidence"] == third["confidence"] != first["confidence"]


def test_goes_on_after_a_bad_page(tmp_path: Path, capsys) -> None:
    scan = tmp_path / "scan.tif"
    scan.write_bytes(damaged_page(seven(), seven(), seven()))
    assert main(["classify", str(scan)]) == 1
    output = capsys.readouterr()
    assert output.err.startswith(f"error: {scan}: page 2 of 3: damaged TIFF picture: ")
    assert [line.split()[1] for line in output.out.splitlines()] == ["page", "1", "3"]


def test_standard_input(picture: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(picture.read_bytes())))
    assert main(["classify", "-"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("-")


def test_goes_on_after_a_bad_file(picture: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "no.png").write_text("no picture")
    files = [str(tmp_path / "no.png"), str(tmp_path / "missing.png"), str(picture)]
    assert main(["classify", *files]) == 1
    output = capsys.readouterr()
    assert [line.split(": ")[:2] for line in output.err.splitlines()] == [["error", f] for f in files[:2]]
    assert len(output.out.splitlines()) == 2


def test_is_short_for_read_as_digit(picture: Path, tmp_path: Path, capsys) -> None:
    options = [str(picture), "--crop", "0,0,40,40", "--csv"]
    assert main(["classify", *options]) == main(["read", "--as", "digit", *options]) == 0
    head, first, *again = capsys.readouterr().out.splitlines()
    assert [head, first] == again
    assert head == "file,page,digit,confidence,accepted,reason"
    folder = tmp_path / "boxes"
    folder.mkdir()
    (folder / "7.png").write_bytes(picture.read_bytes())
    assert main(["classify", str(folder), "--out", str(tmp_path / "out.csv")]) == 0
    assert main(["read", "--as", "digit", str(folder), "--out", str(tmp_path / "out.csv")]) == 0
    assert "read 0 (0 accepted), 0 unreadable, 1 read before" in capsys.readouterr().out


def test_bound_is_refused_once(picture: Path, capsys) -> None:
    line = failed(capsys, "classify", str(picture), str(picture), "--max-error", "1e-9")
    assert "the smallest that the calibration data supports" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "lenet6"], "unknown model 'lenet6'"),
        (["--model", "lenet5-features"], "does not read digits"),
        (["--models", "/nowhere"], "no models in /nowhere"),
        (["--runtime", "litert"], "has no file for litert"),
    ],
)
def test_classify_mistakes(picture: Path, capsys, arguments: list[str], message: str) -> None:
    assert message in failed(capsys, "classify", str(picture), *arguments)


def test_no_runtime_installed(picture: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert ".whl[serve]'" in failed(capsys, "classify", str(picture))


def test_litert_where_onnx_runtime_is_absent(picture: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name)
    )
    assert "has no file for litert" in failed(capsys, "classify", str(picture))
