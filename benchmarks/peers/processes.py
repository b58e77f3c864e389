"""What a server's processes use, read from Linux's /proc.

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
_PATIENCE = 5.0  # seconds to end by itself


def find(mark: str) -> list[Path]:
    """The folders in /proc of the processes that have the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
                if f"PEER_MARK={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(entry)
    return found


def resident_mb(mark: str) -> float:
    """Resident memory, pages that several processes share counted once (PSS)."""
    total = 0
    for entry in find(mark):
        lines = (entry / "smaps_rollup").read_text().splitlines()[1:]
        total += int(dict(line.split(":", 1) for line in lines)["Pss"].split()[0])
    return total * 1024 / 1e6


def cpu_seconds(mark: str) -> float:
    """CPU time so far, of the processes that still run."""
    total = 0
    for entry in find(mark):
        # The name before it may contain spaces.
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def stop(process: subprocess.Popen[bytes], mark: str) -> None:
    """Ends all of them, those that a polite request leaves behind by force."""
    process.terminate()
    end = time.monotonic() + _PATIENCE
    while (process.poll() is None or find(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    for entry in find(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(entry.name), signal.SIGKILL)
    process.wait()
