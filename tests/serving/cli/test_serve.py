"""`checkreader serve`: its options, what keeps it from starting, and a service that answers and stops."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from serving.extras import install_command
from tests.support.command_line import failed
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("released")


def test_port_in_use(capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
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
