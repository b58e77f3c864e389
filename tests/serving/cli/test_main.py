"""The command line: help, usage mistakes, hand-over to the pipeline, and how a command ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from serving import __version__
from serving.bulk.new_folder import writing
from serving.cli.main import main
from serving.extras import install_command
from serving.repository.store import Repository
from tests.support.command_line import failed
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("released")


@pytest.mark.parametrize("command", [[], ["serve"], ["classify"], ["info"]])
def test_help(command: list[str], capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    out = capsys.readouterr().out
    assert f"checkreader {command[0]}" in out.split("example:")[1] if command else "train LeNet-5" in out


def test_version(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"checkreader {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["classify"],
        ["serve", "--port", "x"],
        ["serve", "--port", "65536"],
        ["serve", "--grpc-port", "-1"],
        ["serve", "--batch-rows", "0"],
        ["serve", "--batch-delay", "2000000"],
        ["serve", "--device", "abacus"],
    ],
)
def test_usage_mistakes(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: checkreader" in capsys.readouterr().err


def test_pipeline_commands_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    pipeline = types.SimpleNamespace(main=lambda arguments: calls.append(arguments) or 3)
    monkeypatch.setitem(sys.modules, "pipeline.cli", pipeline)
    assert main(["train", "--help"]) == 3
    assert calls == [["train", "--help"]]


def test_pipeline_without_its_extra(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(arguments: list[str]) -> int:
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

    monkeypatch.setitem(sys.modules, "pipeline.cli", types.SimpleNamespace(main=missing))
    assert failed(capsys, "train") == (
        "error: 'checkreader train' needs the training extra: " + install_command("train")
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "error: No space left on device"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/a"),
            "error: runs/a: No space left on device",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "error: x: Permission denied"),
    ],
)
def test_operating_system_says_no(capsys, monkeypatch, error: OSError, message: str) -> None:
    def fail(folder: object) -> Repository:
        raise error

    monkeypatch.setattr(Repository, "open", fail)
    assert failed(capsys, "info") == message


def test_interrupted(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(folder: object) -> Repository:
        raise KeyboardInterrupt

    monkeypatch.setattr(Repository, "open", interrupt)
    assert main(["info"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_ended(capsys, monkeypatch: pytest.MonkeyPatch, ending: signal.Signals, tmp_path: Path) -> None:
    """A folder that is being written goes, as after Ctrl-C."""

    def end(folder: object) -> Repository:
        with writing(tmp_path / "review") as hidden:
            (hidden / "check.jpg").write_bytes(b"picture")
            signal.raise_signal(ending)
        raise AssertionError

    monkeypatch.setattr(Repository, "open", end)
    before = signal.getsignal(ending)
    with pytest.raises(SystemExit) as raised:
        main(["info"])
    assert raised.value.code == 128 + ending
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")
    assert signal.getsignal(ending) is before


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serving.cli.main", *arguments]
    return subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=120, **options)


def test_reader_has_seen_enough() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run("info", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk() -> None:
    with Path("/dev/full").open("w") as full:
        done = run("info", stdout=full)
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")
