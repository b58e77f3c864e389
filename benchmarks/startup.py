"""From process start to a loaded and checked model, as the service does it: seconds and resident memory.

.venv/bin/python -m benchmarks.startup > benchmarks/startup.json      # median of 15 fresh processes
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from statistics import median

from pipeline.run import machine

_PROGRAM = """
import json, sys, time
from pathlib import Path
from serving.app import build_app
from serving.repository import Repository
loaded = Repository.open().load("lenet5")
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps({
    "end": time.time(),
    "resident_mb": int(status["VmRSS"].split()[0]) * 1024 / 1e6,
    "tensorflow": any(name.split(".")[0] in ("tensorflow", "keras", "pipeline") for name in sys.modules),
}))
"""
_REPEATS = 15


def measure() -> dict[str, float | bool]:
    """One fresh process."""
    start = time.time()
    done = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True)
    result: dict[str, float | bool] = json.loads(done.stdout)
    result["seconds"] = result.pop("end") - start
    return result


if __name__ == "__main__":
    runs = [measure() for _ in range(_REPEATS)]
    print(
        json.dumps(
            {
                "seconds": round(median(run["seconds"] for run in runs), 3),
                "resident_mb": round(median(run["resident_mb"] for run in runs), 1),
                "tensorflow": any(run["tensorflow"] for run in runs),
                "repeats": _REPEATS,
                "machine": machine(),
            },
            indent=1,
        )
    )
