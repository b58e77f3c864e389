"""The command line as a person uses it."""

from __future__ import annotations

import errno
import importlib.util
import io
import json
import os
import signal
import socket
import subprocess
import sys
import types
import urllib.request
from pathlib import Path

import pytest

from serving import __version__
from serving.cli import main as cli
from serving.cli.main import main
from serving.extras import install_command
from tests.support.paths import ROOT
from tests.support.tiny import png, seven


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "seven.png"
    file.write_bytes(png(seven()))
    return file


@pytest.fixture(autouse=True)
def released(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command finds the tiny models."""
    monkeypatch.setenv("CHECKREADER_MODELS", str(models))


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Runs a command that must end with one line of error, and returns that."""
    assert main(arguments) == 1
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("error: ")
    return line


def test_table(picture: Path, tmp_path: Path, capsys) -> None:
    blank = tmp_path / "a blank one.png"
    blank.write_bytes(png(seven(ink=255, paper=255)))
    assert main(["classify", str(picture), str(blank), "--max-error", "0.1"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    column = head.index("verdict")
    assert head.split() == ["file", "digit", "confidence", "verdict"]
    assert first.startswith(str(picture))
    assert first[column:] == "accepted"
    assert second[column:] == "blank: no ink found"


def test_json(picture: Path, capsys) -> None:
    assert main(["classify", str(picture), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["model"] == {"name": "lenet5", "version": "1"}
    (digit,) = content["digits"]
    assert digit["file"] == str(picture)
    assert set(digit) == {"file", "digit", "confidence", "accepted", "reason", "top"}


def test_standard_input(picture: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(picture.read_bytes())))
    assert main(["classify", "-"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("-")


def test_goes_on_after_a_bad_file(picture: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "no.png").write_text("no picture")
    files = [str(tmp_path / "no.png"), str(tmp_path / "missing.png"), str(tmp_path), str(picture)]
    assert main(["classify", *files]) == 1
    output = capsys.readouterr()
    assert [line.split(": ")[:2] for line in output.err.splitlines()] == [["error", f] for f in files[:3]]
    assert len(output.out.splitlines()) == 2


def test_bound_is_refused_once(picture: Path, capsys) -> None:
    line = failed(capsys, "classify", str(picture), str(picture), "--max-error", "1e-9")
    assert "the smallest that the calibration data supports" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "lenet6"], "unknown model 'lenet6'"),
        (["--model", "lenet5-features"], "no thresholds"),
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


def test_info(capsys) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    for expected in (
        "lenet5 version 1 (default)",
        "onnx_float32",
        "max_error 0.01: accepted from confidence 0.9",
    ):
        assert expected in out


def test_info_json(models: Path, capsys) -> None:
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((models / "manifest.json").read_bytes())


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
    seen: list[list[str]] = []
    pipeline = types.SimpleNamespace(main=lambda arguments: seen.append(arguments) or 3)
    monkeypatch.setitem(sys.modules, "pipeline.cli", pipeline)
    assert main(["train", "--help"]) == 3
    assert seen == [["train", "--help"]]


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
    def fail(options: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_info", fail)
    monkeypatch.setattr(cli, "_drop_output", lambda: None)
    assert failed(capsys, "info") == message


def test_interrupted(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_info", interrupt)
    assert main(["info"]) == 130
    assert capsys.readouterr() == ("", "")


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


def test_port_in_use(capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = failed(capsys, "serve", "--port", str(port))
    assert line == f"error: cannot listen on 127.0.0.1:{port}: Address already in use"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "lenet6"], "unknown model 'lenet6'"),
        (["--device", "cuda"], "device 'cuda' is not in this build of ONNX Runtime; available: cpu"),
        (["--device", "tensorrt"], "for a GPU, without [serve]: pip install"),
    ],
)
def test_serve_mistakes(capsys, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    assert message in failed(capsys, "serve", "--port", "0", *arguments)


def test_grpc_without_its_extra(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "serving.grpc.servicer", raising=False)
    monkeypatch.setitem(sys.modules, "grpc", None)
    assert install_command("serve,grpc") in failed(capsys, "serve", "--port", "0", "--grpc-port", "0")


def test_serves_and_stops(picture: Path) -> None:
    command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            address = server.stdout.readline().split()[-1]
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(f"{address}/digits", picture.read_bytes(), timeout=60) as reply:
                assert json.load(reply)["digits"][0]["digit"] in range(10)
        finally:
            server.terminate()
        output, errors = server.communicate(timeout=60)
    assert (server.returncode, output, errors) == (0, "", "")
