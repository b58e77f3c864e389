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
    head, first, second, bounds = capsys.readouterr().out.splitlines()
    column = head.index("verdict")
    assert head.split() == ["file", "page", "digit", "confidence", "verdict"]
    assert first.startswith(str(picture))
    assert first[column:] == "accepted"
    assert second[column:] == "blank: no ink found"
    assert bounds == "max_error 0.1 is wanted, 0.1 is applied"


def test_json(picture: Path, capsys) -> None:
    assert main(["classify", str(picture), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["model"] == {"name": "lenet5", "version": "1"}
    assert (content["max_error"], content["applied_max_error"]) == (0.01, 0.01)
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
    assert [line.split()[1] for line in output.out.splitlines()[:-1]] == ["page", "1", "3"]


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
    assert len(output.out.splitlines()) == 3


def test_is_short_for_read_as_digit(picture: Path, tmp_path: Path, capsys) -> None:
    options = [str(picture), "--crop", "0,0,40,40", "--csv"]
    assert main(["classify", *options]) == main(["read", "--as", "digit", *options]) == 0
    head, first, *again = capsys.readouterr().out.splitlines()
    assert [head, first] == again
    assert head == "file,page,digit,confidence,accepted,reason,max_error,applied_max_error"
    folder = tmp_path / "boxes"
    folder.mkdir()
    (folder / "7.png").write_bytes(picture.read_bytes())
    assert main(["classify", str(folder), "--out", str(tmp_path / "out.csv")]) == 0
    assert main(["read", "--as", "digit", str(folder), "--out", str(tmp_path / "out.csv")]) == 0
    assert "read 0 (0 accepted), 0 unreadable, 1 read before" in capsys.readouterr().out


def test_below_what_is_certified_all_is_read_and_nothing_accepted(picture: Path, capsys) -> None:
    assert main(["classify", str(picture), "--json", "--max-error", "1e-9"]) == 0
    content = json.loads(capsys.readouterr().out)
    (digit,) = content["digits"]
    assert (digit["confidence"] > 0, digit["accepted"], content["applied_max_error"]) == (True, False, None)
    assert digit["reason"].startswith(
        "nothing is accepted: this model certifies max_error 0.001, 0.01 and 0.1"
    )


@pytest.mark.parametrize(
    ("bounds", "wanted", "applied"), [([], 0.01, None), ([0.02], 0.02, 0.02), ([0.1], 0.01, None)]
)
def test_a_model_without_a_bound_of_one_percent_reads(
    own_models: Path, edit_manifest, picture: Path, capsys, bounds, wanted: float, applied: float | None
) -> None:
    """A digit model of one's own may certify less: the default was an error."""

    def certify(content: dict) -> None:
        model = content["models"]["lenet5"]
        model["thresholds"] = [
            model["thresholds"][0] | {"max_error": bound, "threshold": 0} for bound in bounds
        ]

    edit_manifest(certify)
    assert main(["classify", str(picture), "--json", "--models", str(own_models)]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["max_error"], content["applied_max_error"]) == (wanted, applied)
    (digit,) = content["digits"]
    assert digit["accepted"] == (applied is not None)
    assert (digit["reason"] or "nothing is accepted: ").startswith("nothing is accepted: ")


def test_naming_the_default_is_leaving_it_out(picture: Path, capsys) -> None:
    assert main(["classify", str(picture), "--json"]) == 0
    left_out = json.loads(capsys.readouterr().out)
    assert main(["classify", str(picture), "--json", "--max-error", str(left_out["max_error"])]) == 0
    assert json.loads(capsys.readouterr().out) == left_out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "lenet6"], "unknown model 'lenet6'"),
        (["--model", "lenet5-features"], "model 'lenet5-features' does not read digits"),
        (["--model", "lenet5-field"], "model 'lenet5-field' does not read digits"),
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
