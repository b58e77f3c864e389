"""A Debian 12 machine with an arm64 processor under QEMU: its file system, and one run of it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from serving.errors import CheckreaderError

CPU: Final = "cortex-a72"  # a Raspberry Pi 4's
TOOLS: Final = ("mmdebstrap", "cpio", "qemu-system-aarch64")
RESULT: Final = "RESULT "  # the beginning of the line in which `inside.py` reports
_PACKAGES: Final = ("linux-image-cloud-arm64", "busybox-static", "python3-venv", "libstdc++6")
_EXCLUDED: Final = ("/lib/modules/*", "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
_LIMIT: Final = 3600  # seconds
# The clock of the machine advances one nanosecond with each instruction of its one core, and nothing waits.
_COUNTED: Final = ("-icount", "shift=0,sleep=off")
_INIT: Final = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin HOME=/tmp
mkdir -p /proc /sys /dev /tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
ip link set lo up
cd /tmp
python3 /given/inside.py
poweroff -f
"""


def missing() -> list[str]:
    """Returns the tools that are needed and not installed."""
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    return tools + ([] if importlib.util.find_spec("ziglang") else ["ziglang"])


def description() -> str:
    """Returns QEMU's version and the emulated machine."""
    command = ["qemu-system-aarch64", "--version"]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[3]
    return f"QEMU {version}, {CPU}, one core, {' '.join(_COUNTED)}"


def system(root: Path) -> None:
    """Unpacks Debian 12 for arm64 below `root`, not configured: a kernel, Python, and next to nothing else."""
    command = ["mmdebstrap", "--quiet", "--variant=extract", "--architectures=arm64"]
    command += [f"--include={','.join(_PACKAGES)}", *(f"--dpkgopt=path-exclude={path}" for path in _EXCLUDED)]
    subprocess.run([*command, "bookworm", root], stdout=sys.stderr, check=True)
    (root / "init").write_text(_INIT)
    (root / "init").chmod(0o755)


def boot(root: Path, initrd: Path) -> dict[str, Any]:
    """Runs the machine from `root` (its kernel is moved out, next to `initrd`) until it powers itself off.

    Returns:
        The report of `inside.py`.

    Raises:
        CheckreaderError: there is no report.
    """
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    kernel = kernel.rename(initrd.with_name("kernel"))
    names = "\0".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with initrd.open("wb") as file:
        pack = ["cpio", "--create", "--format=newc", "--null", "--quiet"]
        subprocess.run(pack, cwd=root, input=names.encode(), stdout=file, check=True)
    command = ["timeout", "--foreground", str(_LIMIT)]
    command += ["qemu-system-aarch64", "-M", "virt", "-cpu", CPU, "-m", "3G", *_COUNTED]
    command += ["-nographic", "-no-reboot", "-nic", "none", "-kernel", str(kernel), "-initrd", str(initrd)]
    command += ["-append", "console=ttyAMA0 rdinit=/init quiet panic=-1"]
    lines = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as machine:
        assert machine.stdout is not None
        for line in machine.stdout:
            lines.append(line.strip())
            if not lines[-1].startswith(RESULT):
                print(lines[-1], file=sys.stderr, flush=True)
    return report(lines)


def report(lines: list[str]) -> dict[str, Any]:
    """Returns the report of `inside.py` out of all that the machine printed.

    Raises:
        CheckreaderError: there is no whole report among it.
    """
    for line in lines:
        if line.startswith(RESULT):
            try:
                content: dict[str, Any] = json.loads(line.removeprefix(RESULT))
            except json.JSONDecodeError as error:
                raise CheckreaderError(f"the emulated machine's report is damaged: {error}") from None
            return content
    raise CheckreaderError("the emulated machine reported nothing; what it printed stands above")
