"""`checkreader read --as check --review`, from the folder to the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from serving.bulk import reviewer
from serving.cli.main import main
from tests.support.command_line import failed
from tests.support.tiny import png, tiff
from tests.support.whole_checks import check, layout_text


@pytest.fixture(autouse=True)
def released(micr_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKREADER_MODELS", str(micr_models))


@pytest.fixture
def checks(tmp_path: Path) -> Path:
    """A check on a table, so that its fields come to lie a little off their places, and a blank page behind."""
    table = Image.new("L", (1600, 800), 40)
    table.paste(check(), (100, 90))
    root = tmp_path / "checks"
    root.mkdir()
    (root / "scan.tif").write_bytes(tiff(table, Image.new("L", (1400, 620), 255)))
    (root / "broken.png").write_bytes(png(table)[:50])
    return root


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    path = tmp_path / "layout.json"
    path.write_text(layout_text())
    # Below what is certified: everything is read, nothing accepted.
    return ["--as", "check", "--layout", str(path), "--max-error", "0.0001"]


def test_a_folder_becomes_a_review(checks: Path, tmp_path: Path, options: list[str], capsys) -> None:
    review = tmp_path / "doubts"
    assert main(["read", str(checks), *options, "--review", str(review)]) == 3
    error, doubts, counts = capsys.readouterr().out.splitlines()
    assert error.startswith("  broken.png: ")
    assert doubts == f"3 fields of 1 checks are in doubt: open {review / 'index.html'}"
    assert counts.startswith("read 2 (0 accepted), 1 unreadable; ")
    assert {path.name for path in review.iterdir()} == {
        *("index.html", "review.json", "results.jsonl", "crops", "checks")
    }
    rows = [json.loads(line) for line in (review / "results.jsonl").read_text().splitlines()]
    assert [(row["file"], row["page"]) for row in rows] == [
        ("broken.png", 1),
        ("scan.tif", 1),
        ("scan.tif", 2),
    ]
    again = failed(capsys, "read", str(checks), *options, "--review", str(review))
    assert again == f"error: {review}: not empty: name a new or an empty folder"


def test_results_of_ones_own(checks: Path, tmp_path: Path, options: list[str], capsys) -> None:
    review, out = tmp_path / "doubts", tmp_path / "out.csv"
    scan = str(checks / "scan.tif")
    assert main(["read", scan, *options, "--review", str(review), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["review"] == {"fields": 3, "checks": 1, "unread": 1}
    assert not (review / "results.jsonl").exists()
    assert len(out.read_text().splitlines()) == 3


def test_a_failure_leaves_no_half_review(
    checks: Path, tmp_path: Path, options: list[str], capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(reviewer, "write", fail)
    assert main(["read", str(checks), *options, "--review", str(tmp_path / "doubts")]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"checks", "layout.json"}


def test_mistakes(checks: Path, tmp_path: Path, options: list[str], capsys) -> None:
    inside = failed(capsys, "read", str(checks), *options, "--review", str(checks / "doubts"))
    assert inside.endswith("inside the folder that is read: name one elsewhere")
    doubts = tmp_path / "doubts"
    out = ["--review", str(doubts), "--out", str(doubts / "results.jsonl")]
    assert "inside the review, which is written whole" in failed(capsys, "read", str(checks), *options, *out)
    assert not doubts.exists()
    csv = failed(capsys, "read", str(checks), *options, "--review", str(tmp_path / "doubts"), "--csv")
    assert "--csv does not go with --review: name a file that ends in .csv by --out" in csv
    nothing = failed(capsys, "read", str(tmp_path / "no"), *options, "--review", str(tmp_path / "doubts"))
    assert nothing.endswith("no such file or folder")
    assert not (tmp_path / "doubts").exists()
