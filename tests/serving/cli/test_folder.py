"""A folder read into a file of results."""

from __future__ import annotations

import csv
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.cli.folder import show_progress
from serving.cli.main import main
from serving.extras import install_command
from tests.support.command_line import failed
from tests.support.tiny import amount, png, seven, tiff

pytestmark = pytest.mark.usefixtures("released")


def test_files_that_are_named(folder: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scans of several pages, say; the same file twice is read once."""
    monkeypatch.chdir(folder)
    (folder / "scan.tif").write_bytes(tiff(amount("12.50"), amount("1.250"), amount("0.99")))
    out = tmp_path / "out"
    files = ["0.png", "scan.tif", str(folder / "1.png"), "scan.tif"]
    assert main(["read", *files, "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("read 5 (4 accepted), 0 unreadable; ")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["file"], row["page"]) for row in rows] == [
        ("0.png", 1),
        *(("scan.tif", page) for page in (1, 2, 3)),
        (str(folder / "1.png"), 1),
    ]
    assert main(["read", "scan.tif", "2.png", "--out", str(out)]) == 3
    assert "  2.png: No such file or directory\nread 0 (0 accepted), 1 unreadable, 3 read before" in (
        capsys.readouterr().out
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    root.mkdir()
    for index, text in enumerate(("12.50", "1.250")):
        (root / f"{index}.png").write_bytes(png(amount(text)))
    (root / "letter.txt").write_text("Dear Sir")
    (root / "scan.png").write_text("damaged")
    return root


def test_json_lines(folder: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "results.jsonl"
    assert main(["read", str(folder), "--out", str(out)]) == 3
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("  scan.png: not a picture")
    assert last.startswith("read 2 (2 accepted), 1 unreadable, 1 passed over as no pictures (letter.txt); ")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["file"] for line in lines] == ["0.png", "1.png", "scan.png"]
    assert {(line["model"], line["version"], line["max_error"]) for line in lines} == {
        ("lenet5-field", "1", 0.01)
    }
    assert main(["read", str(folder), "--out", str(out), "--json"]) == 3
    summary = json.loads(capsys.readouterr().out)
    counts = {
        key: summary[key] for key in ("read", "accepted", "unreadable", "skipped", "passed_over", "reason")
    }
    assert counts == {
        "read": 0,
        "accepted": 0,
        "unreadable": 1,
        "skipped": 2,
        "passed_over": 1,
        "reason": None,
    }
    (folder / "scan.png").unlink()
    assert main(["read", str(folder), "--out", str(out)]) == 0
    assert "read 0 (0 accepted), 0 unreadable, 2 read before, 1 passed over" in capsys.readouterr().out
    assert "error" not in {key for line in out.read_text().splitlines() for key in json.loads(line)}


@pytest.mark.parametrize("name", ["results.csv", "RESULTS.CSV"])
def test_csv(folder: Path, tmp_path: Path, capsys, name: str) -> None:
    out = tmp_path / name
    options = ["read", str(folder), "--out", str(out), "--csv", "--as", "amount", "--locale", "en"]
    for expected in (
        "read 2 (2 accepted), 1 unreadable, 1 passed",
        "read 0 (0 accepted), 1 unreadable, 2 read",
    ):
        assert main(options) == 3
        assert expected in capsys.readouterr().out
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["file"], row["amount"], row["settings.locale"]) for row in rows[:2]] == [
        ("0.png", "12.50", "en"),
        ("1.png", "1250", "en"),
    ]
    assert rows[2]["error"].startswith("not a picture")


def test_other_settings(folder: Path, tmp_path: Path, capsys) -> None:
    out = str(tmp_path / "out")
    main(["read", str(folder), "--out", out])
    capsys.readouterr()
    line = failed(capsys, "read", str(folder), "--out", out, "--max-error", "0.1", "--as", "number")
    assert line == (
        f"error: {out}, line 1: read with max_error 0.01, now 0.1 and applied_max_error 0.01, now 0.1 and "
        "as amount, now number and threshold 0.9, now 0.0; "
        "name a new file, or read with the same settings"
    )


def test_why_nothing_was_accepted(folder: Path, tmp_path: Path, capsys) -> None:
    for file in folder.iterdir():
        file.unlink()
    for index in range(2):
        (folder / f"{index}.png").write_bytes(png(seven(ink=255, paper=255)))
    assert main(["read", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.endswith(" pictures/s; reason: blank: no ink found\n")
    assert main(["read", str(folder), "--out", str(tmp_path / "digits"), "--as", "digit", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reason"] == "blank: no ink found"


def test_many_names_are_not_all_named(folder: Path, tmp_path: Path, capsys) -> None:
    for index in range(12):
        (folder / f"bad{index:02}.png").write_bytes(b"")
        (folder / f"notes{index:02}.txt").write_bytes(b"")
    assert main(["read", str(folder), "--out", str(tmp_path / "out")]) == 3
    *errors, last = capsys.readouterr().out.splitlines()
    assert len(errors) == 11
    assert errors[10] == f"  and 3 more: see {tmp_path / 'out'}"
    assert (
        "13 passed over as no pictures (letter.txt, notes00.txt, notes01.txt, notes02.txt, notes03.txt"
        in last
    )
    assert "notes03.txt and 8 more); " in last


def test_without_ray(folder: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "serving.bulk.ray", raising=False)
    line = failed(capsys, "read", str(folder), "--out", str(tmp_path / "out"), "--ray", "local")
    assert line == "error: --ray needs an extra: " + install_command("cluster")


def test_progress_on_a_terminal(folder: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["read", str(folder), "--out", str(tmp_path / "out")]) == 3
    assert "3/3" in capsys.readouterr().err


class Screen:
    """Standard error that is no terminal; `shown` is set by a line for which `condition` holds."""

    def __init__(self, condition: Callable[[str], bool]) -> None:
        self.condition = condition
        self.shown = threading.Event()

    def write(self, text: str) -> None:
        if self.condition(text):
            self.shown.set()

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("before", [0, 1])
def test_progress_elsewhere(monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    """A line comes also while a picture is being read that takes long."""
    screens = [
        Screen(lambda text, done=done: text.startswith(f"{done} of 3 pictures, "))
        for done in (before, before + 2)
    ]

    def lines() -> Iterator[list[bytes]]:
        monkeypatch.setattr(sys, "stderr", screens[0])
        assert screens[0].shown.wait(60)
        yield [b"", b""]
        monkeypatch.setattr(sys, "stderr", screens[1])
        assert screens[1].shown.wait(60)

    assert list(show_progress(lines(), before, lambda: 3, 0.01)) == [[b"", b""]]


def test_a_folder_that_is_gone_costs_no_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(lambda text: text.startswith("0 pictures, "))

    def lines() -> Iterator[list[bytes]]:
        monkeypatch.setattr(sys, "stderr", screen)
        assert screen.shown.wait(60)
        yield [b""]

    def count() -> int:
        raise FileNotFoundError(tmp_path / "gone")

    assert list(show_progress(lines(), 0, count, 0.01)) == [[b""]]


def test_short_work_shows_no_progress(capsys) -> None:
    assert list(show_progress(iter([[b""]]), 0, lambda: 1)) == [[b""]]
    assert capsys.readouterr().err == ""
