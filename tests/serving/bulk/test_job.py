"""Folders of pictures: every one read once, whatever happens on the way."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from serving.bulk import folder as folder_module
from serving.bulk import job as bulk
from serving.bulk.folder import walk
from serving.bulk.job import Job, LineWriter, Worker
from serving.decoding.field_string import FieldFormat
from serving.decoding.micr import MicrFormat
from serving.decoding.thresholds import OperatingPoint, operating_point
from serving.errors import CheckreaderError
from serving.manifest import Threshold
from tests.serving.bulk.conftest import point_at
from tests.support import micr_lines
from tests.support import tiff as by_hand
from tests.support.paths import ROOT
from tests.support.tiny import amount, png, seven, tiff

PATIENCE = 60  # s until a test gives up on what should come at once


def plain(lines: Iterable[bulk.Lines], before: int) -> Iterable[bulk.Lines]:
    return lines


def here(job: Job, chunks: Iterator[list[str]]) -> Iterator[bulk.Lines]:
    """An engine without processes."""
    worker = Worker(job)
    return (worker(chunk) for chunk in chunks)


def pictures(job: Job) -> list[str]:
    return [entry.name for entry in walk(job.folder) if entry.is_picture]


def rows(out: Path) -> list[dict]:
    return [msgspec.json.decode(line) for line in out.read_bytes().splitlines()]


def test_one_line_for_each_picture_in_order(job: Job, tmp_path: Path) -> None:
    summary = bulk.run(job, tmp_path / "out", here, plain)
    lines_read = rows(tmp_path / "out")
    assert [row["file"] for row in lines_read] == pictures(job)
    assert (summary.read, summary.unreadable, summary.skipped) == (20, 1, 0)
    assert summary.accepted == sum(row.get("accepted", False) for row in lines_read) > 10
    by_file = {row["file"]: row for row in lines_read}
    assert by_file["00.png"]["amount"] == "12.50"
    assert by_file["b/01.png"]["amount"] == "1250"
    (reason,) = summary.errors
    assert reason == ("b/broken.png", by_file["b/broken.png"]["error"])
    assert reason[1].startswith("not a picture")
    about = ["file", "page", "pages", "model", "version", "max_error", "applied_max_error", "settings"]
    assert list(by_file["b/broken.png"]) == [*about, "error"]
    assert list(by_file["00.png"])[:9] == [*about, "text"]
    assert all(
        (row["model"], row["version"], row["max_error"]) == ("lenet5-field", "1", 0.01) for row in lines_read
    )
    settings = {
        "as": "amount",
        "scheme": None,
        "length": None,
        "locale": None,
        "order": None,
        "after": None,
        "before": None,
        "crop": None,
        "threshold": 0.9,
    }
    assert all(row["settings"] == settings for row in lines_read)
    assert all((row["page"], row["pages"]) == (1, 1) for row in lines_read)


@pytest.mark.usefixtures("scans")
def test_one_line_for_each_page_in_order(job: Job, tmp_path: Path) -> None:
    summary = bulk.run(job, tmp_path / "out", here, plain)
    by_file: dict[str, list[dict]] = {}
    for row in rows(tmp_path / "out"):
        by_file.setdefault(row["file"], []).append(row)
    assert list(by_file) == pictures(job)
    scan, damaged = by_file["04-scan.tif"], by_file["b/damaged.tif"]
    assert [(row["page"], row["pages"], row["raw"]) for row in scan[:3]] == [
        (1, 4, "12.50"),
        (2, 4, "1.250"),
        (3, 4, "4258"),
    ]
    assert [(row["page"], row["pages"], row.get("raw")) for row in damaged] == [
        (1, 3, "12.50"),
        (2, 3, None),
        (3, 3, "4258"),
    ]
    assert damaged[1]["error"].startswith("page 2 of 3: damaged TIFF picture: ")
    assert (summary.read, summary.unreadable, summary.skipped) == (20 + 4 + 2 + 2, 2, 0)
    assert summary.errors[1] == ("b/damaged.tif", damaged[1]["error"])
    again = bulk.run(job, tmp_path / "out", here, plain)
    assert (again.skipped, again.read, again.unreadable) == (
        22,
        2,
        2,
    )  # the good pages of a damaged file, too


def test_a_file_without_pages_to_tell(job: Job, tmp_path: Path) -> None:
    Path(job.folder, "gone.tif").symlink_to("nowhere")
    Path(job.folder, "many.tif").write_bytes(by_hand.write([(np.zeros((1, 1), np.uint8), {})] * 1001))
    bulk.run(job, tmp_path / "out", here, plain)
    whole = [row for row in rows(tmp_path / "out") if row["page"] is None]
    assert [(row["file"], row["pages"]) for row in whole] == [("gone.tif", None), ("many.tif", None)]
    assert whole[1]["error"].startswith("too many pages: ")
    assert bulk.run(job, tmp_path / "out", here, plain).skipped == 20


def test_names_that_are_no_text(job: Job, tmp_path: Path) -> None:
    name = os.fsencode(job.folder) + b"/\xff.png"
    Path(os.fsdecode(name)).write_bytes(png(amount()))
    for expected in (21, 0):
        summary = bulk.run(job, tmp_path / "out", here, plain)
        assert summary.read == expected  # the second time it is known
    assert "\\xff.png" in {row["file"] for row in rows(tmp_path / "out")}


def test_unreadable_files(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "MAX_BYTES", 100)
    Path(job.folder, "gone.png").symlink_to("nowhere")
    Path(job.folder, "small.png").write_bytes(b"")
    bulk.run(job, tmp_path / "out", here, plain)
    errors = {row["file"]: row["error"] for row in rows(tmp_path / "out")}
    assert errors["gone.png"] == "No such file or directory"
    assert errors["00.png"] == "file too large for a picture: at most 100 bytes are read"
    assert errors["small.png"].startswith("not a picture")


def test_new_pictures_are_read_later(job: Job, tmp_path: Path) -> None:
    out = tmp_path / "out"
    Path(job.folder, "b", "broken.png").unlink()
    bulk.run(job, out, here, plain)
    before = out.read_bytes()
    Path(job.folder, "00a.png").write_bytes(png(amount()))
    assert bulk.run(job, out, here, plain).read == 1
    assert out.read_bytes().startswith(before)
    assert rows(out)[-1]["file"] == "00a.png"


def test_results_within_the_folder_are_no_picture(job: Job) -> None:
    out = Path(job.folder, "results.jsonl")
    assert bulk.run(job, out, here, plain).passed_over == 0
    assert bulk.run(job, out, here, plain).skipped == 20
    assert len(rows(out)) == 21


def start(job: Job, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "serving.cli.main", "read", job.folder, "--out", str(out)]
    return subprocess.Popen([*command, "--models", str(job.models)], cwd=ROOT, stdout=subprocess.PIPE)


def wait_for(condition: Callable[[], bool]) -> None:
    with subprocess.Popen(["sleep", str(PATIENCE)]) as clock:
        while not condition():
            assert clock.poll() is None, "it does not come"
        clock.kill()


def test_goes_on_after_a_kill(job: Job, tmp_path: Path) -> None:
    for index in range(400):
        Path(job.folder, f"more{index:03}.png").hardlink_to(Path(job.folder, "00.png"))
    out = tmp_path / "out"
    with start(job, out) as first:
        wait_for(lambda: out.exists() and out.stat().st_size > 0)
        workers = psutil.Process(first.pid).children(recursive=True)
        first.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, PATIENCE)
    assert alive == []  # no process goes on alone
    done = out.read_bytes().count(b"\n")
    assert 0 < done < 421
    with start(job, out) as second:
        summary = second.communicate(timeout=PATIENCE)[0].decode()
    assert second.returncode == 3  # one is broken
    assert f"{done} read before" in summary
    assert [row["file"] for row in rows(out)] == pictures(job)


def test_unreadable_files_are_read_again(job: Job, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bulk.run(job, out, here, plain)
    before = [row for row in rows(out) if "error" not in row]
    for _ in range(2):  # while it is broken, its error stays, once
        assert bulk.run(job, out, here, plain).errors[0][0] == "b/broken.png"
        assert rows(out)[:-1] == before
        assert rows(out)[-1]["file"] == "b/broken.png"
    Path(job.folder, "b", "broken.png").write_bytes(png(amount("12.50")))
    summary = bulk.run(job, out, here, plain)
    assert (summary.read, summary.unreadable, summary.skipped) == (1, 0, 20)
    assert rows(out)[:-1] == before
    assert (rows(out)[-1]["file"], rows(out)[-1]["amount"]) == ("b/broken.png", "12.50")


@pytest.mark.parametrize(
    "other",
    [
        {"point": operating_point([], 0.01)},
        {"point": operating_point([], 0.1)},
        {"point": OperatingPoint(0.01, Threshold(0.01, 0.95, 0.0, 0.0, 0.1, 0.9, 100), None)},
        {"crop": (0, 0, 50, 50)},
        {"field_format": FieldFormat("number")},
        {"field_format": FieldFormat("number", scheme="aba")},
        {"field_format": FieldFormat("amount", length=4)},
        {"field_format": FieldFormat("amount", locale="de")},
        {"field_format": FieldFormat("date", order="dmy", after="2000-01-01")},
        {"field_format": None, "model": "lenet5"},
    ],
)
@pytest.mark.parametrize("is_csv", [False, True])
def test_settings_are_not_mixed(job: Job, tmp_path: Path, other: dict, is_csv: bool) -> None:
    out = tmp_path / "out"
    first = replace(job, csv=is_csv)
    bulk.run(first, out, nobody, plain)
    earlier = out.read_bytes()
    with pytest.raises(
        CheckreaderError, match=r"line [12]: (read with .*, now |not a line of such readings)"
    ):
        bulk.run(replace(first, **other), out, nobody, plain)
    assert out.read_bytes() == earlier
    bulk.run(replace(first, models=None, runtime="onnxruntime"), out, nobody, plain)  # change no reading


@pytest.mark.parametrize(
    "other", [{"order": "mdy"}, {"after": "2000-01-02"}, {"before": None}, {"before": "2025-12-31"}]
)
def test_orders_and_windows_of_dates_are_not_mixed(job: Job, tmp_path: Path, other: dict) -> None:
    dates = FieldFormat("date", order="dmy", after="2000-01-01", before="2026-11-30")
    bulk.run(replace(job, field_format=dates), tmp_path / "out", nobody, plain)
    (name,) = other
    with pytest.raises(
        CheckreaderError, match=f"read with {name} .*, now {other[name] or 'not set'}; name a new"
    ):
        bulk.run(replace(job, field_format=replace(dates, **other)), tmp_path / "out", nobody, plain)
    bulk.run(replace(job, field_format=dates), tmp_path / "out", nobody, plain)


def nobody(job: Job, chunks: Iterator[list[str]]) -> Iterator[bulk.Lines]:
    """An engine that can read nothing."""
    lines = LineWriter(job)
    return ([lines.error(file, "no reader") for file in chunk] for chunk in chunks)


def test_the_version_that_reads_is_the_one_that_is_stated(job: Job) -> None:
    with pytest.raises(CheckreaderError, match="'lenet5-field' is of version 1 here, the run began with 2"):
        Worker(replace(job, version="2"))


@pytest.mark.parametrize("is_csv", [False, True])
def test_digits(models: Path, tmp_path: Path, is_csv: bool) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "a.png").write_bytes(png(seven()))
    (folder / "b.tif").write_bytes(tiff(seven(), seven(60, 200, 30)))
    (folder / "c.png").write_bytes(b"broken")
    job = Job(
        str(folder), str(models), "lenet5", "1", None, point_at(models, "lenet5", 0.1), (0, 0, 40, 40), is_csv
    )
    out = tmp_path / "out"
    for expected in ((3, 1, 0), (0, 1, 2)):
        summary = bulk.run(job, out, here, plain)
        assert (summary.read, summary.unreadable, summary.skipped) == expected
    lines_read = list(csv.DictReader(out.read_text().splitlines())) if is_csv else rows(out)
    assert [(row["file"], str(row["page"] or "")) for row in lines_read] == [
        ("a.png", "1"),
        ("b.tif", "1"),
        ("b.tif", "2"),
        ("c.png", "1"),
    ]
    assert str(lines_read[0]["digit"]) in "0123456789"
    assert (lines_read[0]["settings.crop"] if is_csv else lines_read[0]["settings"]["crop"]) == "0,0,40,40"
    assert lines_read[3]["error"].startswith("not a picture")


def test_micr_lines_in_csv(micr_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lines"
    folder.mkdir()
    for name, text in (("a.png", micr_lines.TEXT), ("b.png", "A021000021A 123456789C 0101")):
        (folder / name).write_bytes(png(micr_lines.picture(text)))
    point = point_at(micr_models, "lenet5-micr", 0.02)
    job = Job(str(folder), str(micr_models), "lenet5-micr", "1", MicrFormat("us"), point, csv=True)
    bulk.run(job, tmp_path / "out.csv", here, plain)
    first, second = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert (first["settings.as"], first["settings.country"]) == ("micr", "us")
    assert (first["fields.routing.text"], first["fields.serial.text"]) == ("021000021", "001234")
    assert float(first["fields.account.confidence"]) > 0.5
    assert (first["check_digit.valid"], first["check_digit.corrected_from"]) == ("true", "")
    assert (second["fields.account.text"], second["fields.amount.text"]) == ("123456789", "")
    assert len(msgspec.json.decode(first["boxes"])) == len(micr_lines.TEXT.replace(" ", ""))


@pytest.mark.usefixtures("scans")
def test_csv_holds_what_json_does(job: Job, tmp_path: Path) -> None:
    counts = [
        bulk.run(replace(job, csv=is_csv), tmp_path / f"{is_csv}", here, plain) for is_csv in (True, False)
    ]
    assert counts[0] == counts[1]
    with (tmp_path / "True").open(newline="") as file:
        cells = list(csv.DictReader(file))
    for row, line in zip(rows(tmp_path / "False"), cells, strict=True):
        for key in (
            "file",
            "page",
            "pages",
            "model",
            "version",
            "max_error",
            "text",
            "raw",
            "amount",
            "error",
        ):
            assert line[key] == ("" if row.get(key) is None else str(row[key]))
        assert line["settings.as"] == row["settings"]["as"]
        assert line["accepted"] == (str(row["accepted"]).lower() if "accepted" in row else "")
        assert (msgspec.json.decode(line["digits"]) if line["digits"] else None) == row.get("digits")


def test_clutter_is_passed_over(job: Job, tmp_path: Path) -> None:
    for name in ("README.txt", "labels.csv", "Thumbs.db", ".DS_Store", "._00.png", "b/notes", "b/more.txt"):
        Path(job.folder, name).write_bytes(b"clutter")
    summary = bulk.run(job, tmp_path / "out", here, plain)
    assert (summary.read, summary.unreadable, summary.passed_over) == (20, 1, 7)
    assert summary.no_pictures == [".DS_Store", "._00.png", "README.txt", "Thumbs.db", "labels.csv"]
    assert {row["file"] for row in rows(tmp_path / "out")} == set(pictures(job))
