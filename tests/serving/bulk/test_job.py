"""Folders of pictures: every one read once, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from serving.bulk import job as bulk
from serving.bulk.job import Job, Worker
from serving.errors import CheckreaderError
from tests.support import tiff as by_hand
from tests.support.paths import ROOT
from tests.support.tiny import amount, png

PATIENCE = 60  # s until a test gives up on what should come at once


def plain(lines: Iterable[bulk.Lines], before: int) -> Iterable[bulk.Lines]:
    return lines


def here(job: Job, chunks: Iterator[list[str]]) -> Iterator[bulk.Lines]:
    """An engine without processes."""
    worker = Worker(job)
    return (worker(chunk) for chunk in chunks)


def rows(out: Path) -> list[dict]:
    return [msgspec.json.decode(line) for line in out.read_bytes().splitlines()]


def test_walk(folder: Path) -> None:
    (folder / ".hidden").write_bytes(b"")
    (folder / "a" / "around").symlink_to(folder)
    (folder / "a" / "nowhere.png").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    lines_read = list(bulk.walk(str(folder)))
    assert lines_read[:8] == [*(f"{index:02}.png" for index in range(0, 20, 3)), "a/nowhere.png"]
    assert lines_read[8] == "a/deep/02.png"
    assert len(lines_read) == 22
    assert len(set(lines_read)) == 22


def test_walk_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        list(bulk.walk(str(tmp_path / "nowhere")))


def test_one_line_for_each_picture_in_order(job: Job, tmp_path: Path) -> None:
    summary = bulk.run(job, tmp_path / "out", here, plain)
    lines_read = rows(tmp_path / "out")
    assert [row["file"] for row in lines_read] == list(bulk.walk(job.folder))
    assert (summary.read, summary.unreadable, summary.skipped) == (20, 1, 0)
    assert summary.accepted == sum(row.get("accepted", False) for row in lines_read) > 10
    by_file = {row["file"]: row for row in lines_read}
    assert by_file["00.png"]["amount"] == "12.50"
    assert by_file["b/01.png"]["amount"] == "1250"
    (reason,) = summary.reasons
    assert reason == ("b/broken.png", by_file["b/broken.png"]["error"])
    assert reason[1].startswith("not a picture")
    assert list(by_file["b/broken.png"]) == ["file", "page", "pages", "error"]
    assert list(by_file["00.png"])[:4] == ["file", "page", "pages", "max_error"]
    assert all((row["page"], row["pages"]) == (1, 1) for row in lines_read)
    bounds = {(row["max_error"], row["applied_max_error"]) for row in lines_read if "error" not in row}
    assert len(bounds) == 1


@pytest.mark.usefixtures("scans")
def test_one_line_for_each_page_in_order(job: Job, tmp_path: Path) -> None:
    summary = bulk.run(job, tmp_path / "out", here, plain)
    by_file: dict[str, list[dict]] = {}
    for row in rows(tmp_path / "out"):
        by_file.setdefault(row["file"], []).append(row)
    assert list(by_file) == list(bulk.walk(job.folder))
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
    assert summary.reasons[1] == ("b/damaged.tif", damaged[1]["error"])
    assert bulk.run(job, tmp_path / "out", here, plain).skipped == 24


@pytest.mark.usefixtures("scans")
def test_goes_on_behind_the_last_file_that_is_complete(job: Job, tmp_path: Path) -> None:
    """Wherever a run is cut, no page is missing afterwards and none is there twice."""
    out = tmp_path / "out"
    bulk.run(job, out, here, plain)
    complete = out.read_bytes()
    ends = [number for number, byte in enumerate(complete, 1) if byte == ord("\n")]
    for line, end in enumerate(ends):
        for cut in (end - 20, end - 1, end):
            out.write_bytes(complete[:cut])
            summary = bulk.run(job, out, spare(complete), plain)
            assert out.read_bytes() == complete
            whole = {
                row["file"] for row in map(msgspec.json.decode, complete.splitlines()[: line + (cut == end)])
            }
            rest = [
                row["file"] for row in map(msgspec.json.decode, complete.splitlines()[line + (cut == end) :])
            ]
            assert summary.skipped == len(whole - set(rest))


def spare(complete: bytes) -> bulk.Engine:
    """An engine that has read all files before."""
    lines: dict[str, list[bytes]] = {}
    for line in complete.splitlines():
        lines.setdefault(msgspec.json.decode(line)["file"], []).append(line)
    return lambda job, chunks: ([b"\n".join(lines[file]) for file in chunk] for chunk in chunks)


def test_a_file_without_pages_to_tell(job: Job, tmp_path: Path) -> None:
    Path(job.folder, "gone.tif").symlink_to("nowhere")
    Path(job.folder, "many.tif").write_bytes(by_hand.write([(np.zeros((1, 1), np.uint8), {})] * 1001))
    bulk.run(job, tmp_path / "out", here, plain)
    whole = [row for row in rows(tmp_path / "out") if row["page"] is None]
    assert [(row["file"], row["pages"]) for row in whole] == [("gone.tif", None), ("many.tif", None)]
    assert whole[1]["error"].startswith("too many pages: ")
    assert bulk.run(job, tmp_path / "out", here, plain).skipped == 23


def test_lines_without_pages_are_not_gone_on_with(job: Job, tmp_path: Path) -> None:
    """Version 0.1 wrote them, and read no more than the first page."""
    (tmp_path / "out").write_bytes(b'{"file":"00.png","error":"no picture"}\n')
    with pytest.raises(CheckreaderError, match="line 1: not a line of readings; name a new file"):
        bulk.run(job, tmp_path / "out", here, plain)


def test_names_that_are_no_text(job: Job, tmp_path: Path) -> None:
    name = os.fsencode(job.folder) + b"/\xff.png"
    Path(os.fsdecode(name)).write_bytes(png(amount()))
    for expected in (22, 0):
        summary = bulk.run(job, tmp_path / "out", here, plain)
        assert summary.read + summary.unreadable == expected  # the second time it is known
    assert "\\xff.png" in {row["file"] for row in rows(tmp_path / "out")}


def test_unreadable_files(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_BYTES", 100)
    Path(job.folder, "gone.png").symlink_to("nowhere")
    Path(job.folder, "small.png").write_bytes(b"")
    bulk.run(job, tmp_path / "out", here, plain)
    errors = {row["file"]: row["error"] for row in rows(tmp_path / "out")}
    assert errors["gone.png"] == "No such file or directory"
    assert errors["00.png"] == "file too large for a picture: at most 100 bytes are read"
    assert errors["small.png"].startswith("not a picture")


@pytest.mark.parametrize("cut", [0, 1, 20])
def test_goes_on_behind_the_last_whole_line(job: Job, tmp_path: Path, cut: int) -> None:
    out = tmp_path / "out"
    bulk.run(job, out, here, plain)
    complete = out.read_bytes()
    lines = complete.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:7]) + lines[7][: len(lines[7]) - cut])
    files_read: list[str] = []

    def engine(job: Job, chunks: Iterator[list[str]]) -> Iterator[bulk.Lines]:
        for chunk in chunks:
            files_read.extend(chunk)
            yield from here(job, iter([chunk]))

    summary = bulk.run(job, out, engine, plain)
    assert out.read_bytes() == complete
    before = 7 if cut else 8
    assert summary.skipped == before
    assert files_read == [msgspec.json.decode(line)["file"] for line in lines[before:]]


def test_new_pictures_are_read_later(job: Job, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bulk.run(job, out, here, plain)
    before = out.read_bytes()
    Path(job.folder, "00a.png").write_bytes(png(amount()))
    assert bulk.run(job, out, here, plain).read == 1
    assert out.read_bytes().startswith(before)
    assert rows(out)[-1]["file"] == "00a.png"


def test_results_within_the_folder_are_no_picture(job: Job) -> None:
    out = Path(job.folder, "results.jsonl")
    bulk.run(job, out, here, plain)
    assert bulk.run(job, out, here, plain).skipped == 21
    assert len(rows(out)) == 21


@pytest.mark.parametrize("content", [b"a letter\n", b"a letter", b'{"text":"1"}\n', b"\xff\xfe\n", b"[]\n{"])
def test_no_other_file_is_touched(job: Job, tmp_path: Path, content: bytes) -> None:
    out = tmp_path / "out"
    out.write_bytes(content)
    with pytest.raises(CheckreaderError, match="line 1: not a line of readings"):
        bulk.run(job, out, here, plain)
    assert out.read_bytes() == content


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
    assert second.returncode == 0
    assert f"{done} were done before" in summary
    assert [row["file"] for row in rows(out)] == list(bulk.walk(job.folder))
