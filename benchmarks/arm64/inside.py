"""Runs on the emulated machine: installs as a user does, measures, and reports in one line.

It uses the standard library alone, so that it stays small: a child's peak memory begins with its parent's. One
nanosecond of this machine is one instruction, see `emulator`.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
import urllib.request
from pathlib import Path

GIVEN = Path("/given")
SEVEN = GIVEN / "seven.png"
RUNTIMES = {"edge": "litert", "serve": "onnxruntime"}


def main() -> None:
    """Prints the report."""
    report: dict[str, object] = {"machine": f"{platform.platform()}, Python {platform.python_version()}"}
    for extra, runtime in RUNTIMES.items():
        entry = install(extra)
        classify = [f"/{extra}/bin/checkreader", "classify", "--json", SEVEN]
        measure(classify)  # Debian compiles Python's library when it is installed; here the first start does
        entry["classify"] = measure(classify)
        entry["answers"] = json.loads(run(f"/{extra}/bin/python", GIVEN / "answers.py", runtime))
        report[extra] = entry
    report["example"] = run("/edge/bin/python", GIVEN / "read.py", SEVEN).strip()
    service()
    report["service"] = service()
    with (GIVEN / "pixels.bin").open("rb") as pixels:
        process = subprocess.run([GIVEN / "lenet5"], stdin=pixels, stdout=subprocess.PIPE, check=True)
    report["c"] = list(memoryview(process.stdout).cast("b"))
    print("RESULT", json.dumps(report), flush=True)


def run(*command: str | Path) -> str:
    """Runs a command and returns what it prints."""
    print("$", *command, flush=True)
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def install(extra: str) -> dict[str, object]:
    """Makes an environment /`extra` with it; returns its packages, and their bytes with compiled Python."""
    run("python3", "-m", "venv", f"/{extra}")
    (site,) = Path(f"/{extra}/lib").glob("python3*/site-packages")
    before = size(site), set(site.glob("*.dist-info"))
    run(f"/{extra}/bin/pip", "install", "--no-index", "--find-links=/wheels", f"checkreader[{extra}]")
    packages = sorted(path.stem.split("-") for path in set(site.glob("*.dist-info")) - before[1])
    return {"packages": dict(packages), "installed_bytes": size(site) - before[0]}


def size(folder: Path) -> int:
    """Returns the bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def measure(command: list[str | Path]) -> dict[str, object]:
    """Runs a command that answers in JSON; returns its instructions, peak memory and answer."""
    print("$", *command, flush=True)
    start = time.monotonic_ns()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with child.stdout:
        answer = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    instructions = time.monotonic_ns() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"error: {command[0]} ended with {child.returncode}")
    return {"instructions": instructions, "peak_bytes": usage.ru_maxrss * 1024, "answer": json.loads(answer)}


def service() -> dict[str, object]:
    """Runs `checkreader serve`; returns its instructions and peak memory up to its answer for one picture."""
    print("$ checkreader serve", flush=True)
    picture = SEVEN.read_bytes()
    start = time.monotonic_ns()
    command = ["/serve/bin/checkreader", "serve", "--port", "8000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        server.stdout.readline()  # "checkreader 0.1.0 at http://…"
        with urllib.request.urlopen("http://127.0.0.1:8000/digits", picture) as reply:
            answer = json.load(reply)
        instructions = time.monotonic_ns() - start
        lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
        (peak,) = (int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
        server.terminate()
    if server.returncode:
        raise SystemExit(f"error: the service ended with {server.returncode}")
    return {"instructions": instructions, "peak_bytes": peak, "answer": answer}


if __name__ == "__main__":
    main()
