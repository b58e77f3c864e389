"""The Dockerfile, its health check, and what the documents say it weighs."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from scripts.check_deploy import image
from serving import __version__
from tests.support.deploy_files import DEPLOY, ROOT, command_of, instructions


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/v2/health/ready" else 503)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        yield server


def health(server: HTTPServer, scheme: str = "http", path: str = "/v2/health/ready") -> int:
    """The exit code of the health check."""
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    env = {
        "CHECKREADER_HEALTH": f"{scheme}://127.0.0.1:{server.server_port}{path}",
        "http_proxy": "http://x.invalid",
    }
    code = subprocess.run(
        [sys.executable, "-I", DEPLOY / "health.py"], env=env, stderr=subprocess.PIPE
    ).returncode
    thread.join()
    return code


def test_the_health_check_tells_ready_from_not(server: HTTPServer) -> None:
    assert health(server) == 0
    assert health(server, path="/not-ready") == 1


def test_the_health_check_says_why() -> None:
    env = {"CHECKREADER_HEALTH": "http://127.0.0.1:1/"}
    done = subprocess.run(
        [sys.executable, "-I", DEPLOY / "health.py"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("http://127.0.0.1:1/: ")
    assert "Traceback" not in done.stderr


def test_the_health_check_takes_a_certificate_for_another_name(server: HTTPServer, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=checks.example"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    assert health(server, "https") == 0


def test_the_health_check_is_in_the_image() -> None:
    *_, script = command_of("HEALTHCHECK")
    assert f"deploy/health.py {script}" in instructions("COPY")


def test_what_is_copied_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = [
        instruction.split()[:-1]
        for instruction in instructions("COPY")
        if not instruction.startswith("--from")
    ]
    assert {name for names in copied for name in names} == kept
    assert all((ROOT / name).exists() for name in kept)


def test_the_stand_in_stands_in_for_the_dockerfile_s_base() -> None:
    assert {line.split()[0] for line in instructions("FROM")} == {image.BASE.rpartition("/")[2]}


def test_the_label_is_the_version() -> None:
    assert f'image.version="{__version__}"' in instructions("LABEL")[0]
    assert f"checkreader:{__version__}" == image.IMAGE


def test_the_documents_state_the_measured_size() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "image.json").read_text())
    size = measured["compressed_bytes"]
    assert size["total"] == size["base"] + size["added"]
    stated = re.search(
        r"(\d+) MB compressed: (\d+) MB of base and (\d+) MB", (ROOT / "docs" / "operations.md").read_text()
    )
    assert stated is not None
    assert [int(megabytes) for megabytes in stated.groups()] == [
        round(size[name] / 1e6) for name in ("total", "base", "added")
    ]
    assert f"exposure of {measured['unit']['exposure']}" in (ROOT / "docs" / "operations.md").read_text()


def test_no_training_is_in_the_image() -> None:
    packages = json.loads((ROOT / "benchmarks" / "results" / "image.json").read_text())["packages"]
    assert packages["checkreader"] == __version__
    assert not {"tensorflow", "keras", "hatchling", "pip"} & set(packages)
