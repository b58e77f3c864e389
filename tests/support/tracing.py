"""Finds the addresses outside this machine that a command tries to reach."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

# Seconds that a process must live for the test to mean anything: ONNX Runtime's telemetry, where it
# is on, makes its first attempt 9 seconds after the import.
LINGER = 15
_CALLS = "connect,sendto,sendmsg,sendmmsg"
_ADDRESS = re.compile(
    r"sin6?_port=htons\((?P<port>\d+)\).*?"
    r'(?:inet_addr\("(?P<v4>[^"]+)"|inet_pton\(AF_INET6, "(?P<v6>[^"]+)")'
)


def outside_connections(
    argv: Sequence[str], env: dict[str, str] | None = None, timeout: float = 300
) -> list[str]:
    """Runs a command to its end under strace, its children too.

    Args:
        argv: the command; it must exit with 0.
        env: variables to add to the environment.
        timeout: seconds, far beyond what the command takes.

    Returns:
        The lines of the trace that name an address other than loopback, or a name server anywhere
        (a look-up leaves the machine even where it is asked through loopback).

    Skips the test where strace is missing or may not trace.
    """
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        # -s 0: addresses precede the data, which is not needed
        command = [strace, "-f", "-qq", "-s", "0", "-e", f"trace={_CALLS}", "-o", str(trace), *argv]
        process = subprocess.run(
            command, env=os.environ | (env or {}), capture_output=True, text=True, timeout=timeout
        )
        if "PTRACE" in process.stderr or "ptrace(" in process.stderr:
            pytest.skip(f"strace may not trace here: {process.stderr.splitlines()[0]}")
        assert process.returncode == 0, process.stderr
        return [line for line in trace.read_text().splitlines() if _outside(line)]


def _outside(line: str) -> bool:
    # The system's own resolver is reached through a socket file.
    return "systemd/resolve" in line or any(
        match["port"] == "53" or not ipaddress.ip_address(match["v4"] or match["v6"]).is_loopback
        for match in _ADDRESS.finditer(line)
    )
