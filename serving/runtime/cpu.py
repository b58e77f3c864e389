"""Detects the machine's CPUs and their instructions."""

from __future__ import annotations

import os
from pathlib import Path


def cpus(root: Path = Path("/")) -> int:
    """Returns how many CPUs this process may keep busy: its affinity, cut by the container's quota.

    Args:
        root: the folder of `proc/` and `sys/`.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, _quota(root) or affinity))


def has_vnni(root: Path = Path("/")) -> bool:
    """Returns whether this processor sums 8-bit products without saturating (x86's VNNI).

    Args:
        root: the folder of `proc/`.
    """
    try:
        flags = (root / "proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags


def _quota(root: Path) -> int | None:
    """Returns the smallest CPU quota on the way from this process's control group to the top, rounded up.

    Version 2 of control groups keeps it in `cpu.max`, version 1 in two files of the `cpu` controller.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    limits = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Inside a container the mount may show the group itself at its top.
        mounts = [root / "sys/fs/cgroup" / controllers, root / "sys/fs/cgroup/cpu"]
        for mount in mounts if controllers else mounts[:1]:
            folder = mount / group.strip("/")
            while folder.is_relative_to(mount):
                limits += _limit(folder)
                folder = folder.parent
    return min(limits, default=None)


def _limit(folder: Path) -> list[int]:
    """Returns the quota of a control group in CPUs, rounded up; none = no limit."""

    def read(name: str) -> list[str]:
        try:
            return (folder / name).read_text().split()
        except OSError:
            return []

    words = read("cpu.max") or read("cpu.cfs_quota_us") + read("cpu.cfs_period_us")
    try:
        quota, period = (int(word) for word in words)
    except ValueError:  # no such files, or "max"
        return []
    return [-(-quota // period)] if quota > 0 else []  # half a CPU is still one thread
