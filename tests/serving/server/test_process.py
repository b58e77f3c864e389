"""One process of the service: HTTP or HTTPS, gRPC on request, and its end."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import grpc
import pytest

from tests.support.paths import ROOT

TLS = Path(__file__).parent / "tls"
# Runs the process with its standard input for its supervisor: it ends when that is closed.
WITH_PARENT = """
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from serving.engine.worker_state import SharedState
from serving.server import process
from serving.server.sockets import listen
from serving.settings import Settings
settings = Settings(models=Path(sys.argv[1]), port=0)
with listen(settings.host, 0) as listener:
    ready = lambda line: print(line, flush=True)
    process.run(settings, [listener], SharedState(), ready, supervisor=Connection(0))
print("ended")
"""


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_https_and_grpc(models: Path) -> None:
    options = ["--models", str(models), "--port", "0", "--grpc-port", "0", "--device", "cpu"]
    pair = ["--tls-cert", str(TLS / "cert.pem"), "--tls-key", str(TLS / "key.pem")]
    with started("-m", "serving.cli.main", "serve", *options, *pair) as service:
        line = service.stdout.readline()
        match = re.search(r"at (https://127\.0\.0\.1:\d+), gRPC at (127\.0\.0\.1:\d+)\n$", line)
        assert match, line + service.stderr.read()
        context = ssl.create_default_context(cafile=str(TLS / "cert.pem"))
        with urllib.request.urlopen(f"{match[1]}/v2/health/ready", timeout=60, context=context) as reply:
            assert reply.read() == b'{"ready":true}'
        credentials = grpc.ssl_channel_credentials((TLS / "cert.pem").read_bytes())
        with grpc.secure_channel(match[2], credentials) as channel:
            call = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")
            assert call(b"", timeout=60) == b"\x08\x01"  # ready: true
        service.send_signal(signal.SIGTERM)
        output, errors = service.communicate(timeout=60)
        assert (service.returncode, output, errors) == (0, "", "")


def test_it_ends_with_its_parent(models: Path) -> None:
    with started("-c", WITH_PARENT, str(models)) as process:
        line = process.stdout.readline()
        assert re.match(r"checkreader \S+ at http://127\.0\.0\.1:\d+\n$", line), line + process.stderr.read()
        output, errors = process.communicate(timeout=60)  # closes its standard input
        assert (process.returncode, output, errors) == (0, "ended\n", "")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6")
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("::", {"127.0.0.1", "::1"}),
        ("0.0.0.0", {"127.0.0.1"}),
        ("localhost", {"127.0.0.1"}),
        ("::1", {"::1"}),
    ],
)
def test_a_host_means_the_same_over_http_and_grpc(
    models: Path, host: str, addresses: set[str], workers: str
) -> None:
    options = [
        "--models",
        str(models),
        "--port",
        "0",
        "--grpc-port",
        "0",
        "--host",
        host,
        "--workers",
        workers,
    ]
    with started("-m", "serving.cli.main", "serve", *options, "--device", "cpu") as service:
        line = service.stdout.readline()
        ports = [int(port) for port in re.findall(r":(\d+)(?=[,\n])", line)]
        assert len(ports) == 2, line + service.stderr.read()
        for port in ports:
            assert {address for address in ("127.0.0.1", "::1") if listens(address, port)} == addresses


def listens(address: str, port: int) -> bool:
    try:
        with closing(socket.create_connection((address, port), timeout=0.5)):
            return True
    except (ConnectionRefusedError, TimeoutError):  # gRPC drops what comes by IPv6
        return False
