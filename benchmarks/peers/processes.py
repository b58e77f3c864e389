"""Memory and CPU time of a server's processes, read from Linux's /proc.

They are found by a mark in their environment, as some start sessions of their own and some outlive the
process that was started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 5.0  # seconds to end by itself


def find(mark: str) -> list[Path]:
    """Returns the folders in /proc of the processes that have the mark."""
    folders = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
                if f"PEER_MARK={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    folders.append(entry)
    return folders


def resident_mb(mark: str) -> float:
    """Returns the resident memory; pages that several processes share count once (PSS)."""
    total = 0
    for entry in find(mark):
        lines = (entry / "smaps_rollup").read_text().splitlines()[1:]
        total += int(dict(line.split(":", 1) for line in lines)["Pss"].split()[0])
    return total * 1024 / 1e6


def cpu_seconds(mark: str) -> float:
    """Returns the CPU time so far of the processes that still run."""
    total = 0
    for entry in find(mark):
        # The name before it may contain spaces.
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def stop(process: subprocess.Popen[bytes], mark: str, patience: float = PATIENCE) -> None:
    """Ends all of them: the first by SIGTERM, those that are left after `patience` seconds by SIGKILL.

    Returns when none is left: one that is killed takes a moment to end, and only its parent may wait for it.
    """
    process.terminate()
    end = time.monotonic() + patience
    while process.poll() is None or find(mark):
        if time.monotonic() >= end:
            for entry in find(mark):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(entry.name), signal.SIGKILL)
        time.sleep(0.05)
