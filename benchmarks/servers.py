"""Servers in processes of their own, for the benchmarks."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.load.generator import Request
from benchmarks.load.scenarios import Kind, requests
from serving.repository.store import Repository


@contextlib.contextmanager
def server(
    module: str, *arguments: str, checkout: Path | None = None
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Runs `python -m module arguments` until the block ends; yields its port and process once it answers.

    Args:
        module: of this checkout, or of `checkout`.
        arguments: of the command; "{port}" stands for the port.
        checkout: the folder of another version; None: this one.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", module, *(argument.format(port=port) for argument in arguments)]
    variables = os.environ if checkout is None else os.environ | {"PYTHONPATH": str(checkout)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=checkout, env=variables) as process:
        try:
            while not _ready(port):
                if process.poll() is not None:
                    raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
                time.sleep(0.005)
            yield port, process
        finally:
            process.terminate()


def checkreader(*options: str) -> contextlib.AbstractContextManager[tuple[int, subprocess.Popen[bytes]]]:
    """Runs the service with `lenet5` alone, unless `options` name another model."""
    model = () if "--model" in options else ("--model", "lenet5")
    return server("serving.cli.main", "serve", "--port", "{port}", *model, *options)


def request(port: int, kind: Kind, rows: int, model: str = "lenet5") -> Request:
    """Returns a request for `rows` of the golden digits."""
    pixels = np.rint(Repository.open().golden[1][..., 0] * 255).astype(np.uint8)
    return requests(f"http://127.0.0.1:{port}", model, kind, rows, pixels)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5) as reply:
            return bool(reply.status == 200)
    except urllib.error.HTTPError:
        raise
    except OSError:
        return False
