from __future__ import annotations

import os
import subprocess
import sys
import uuid

from benchmarks.peers import processes

# A child that ignores a polite request, and outlives its parent.
PROGRAM = """
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"])
signal.pause()
"""


def test_processes_are_found_measured_and_ended() -> None:
    mark = uuid.uuid4().hex
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, env=os.environ | {"PEER_MARK": mark}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(processes.find(mark)) == 2
        assert processes.resident_mb(mark) > 5
        assert processes.cpu_seconds(mark) >= 0
        processes.stop(process, mark, patience=0.2)
        assert processes.find(mark) == []
