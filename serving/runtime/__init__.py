"""What runs a model: ONNX Runtime on servers, LiteRT on small boards.

Both give the same plain `Network`; nothing here imports either of them until a
model is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Spec:
    """A tensor's name, datatype (FP32, INT8, … as the Open Inference Protocol writes it) and
    shape (−1 = any)."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """A loaded model with one input.

    `run` takes float32 [N, 28, 28, 1] in [0, 1], any N ≥ 1, and returns every output in the order
    of `outputs`; it may be called from several threads. `device` says what computes.
    """

    input: Spec
    outputs: tuple[Spec, ...]
    run: Callable[[Floats], tuple[Array, ...]]
    device: str = "cpu"

    def infer(self, image: Floats) -> Floats:
        """The first output alone: for a digit model float32 [N, 10] probabilities."""
        return self.run(image)[0]


def cpus(root: Path = Path("/")) -> int:
    """How many CPUs this process may keep busy: its affinity, cut by the container's quota.

    Args:
        root: where `proc/` and `sys/` are looked for.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, _quota(root) or affinity))


def has_vnni(root: Path = Path("/")) -> bool:
    """Whether this processor sums 8-bit products without saturating (x86's VNNI).

    Args:
        root: where `proc/` is looked for.
    """
    try:
        flags = (root / "proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags


def _quota(root: Path) -> int | None:
    """The smallest CPU quota on the way from this process's control group to the top, rounded up.

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
    def read(name: str) -> list[str]:
        try:
            return (folder / name).read_text().split()
        except OSError:
            return []

    found = read("cpu.max") or read("cpu.cfs_quota_us") + read("cpu.cfs_period_us")
    try:
        quota, period = (int(word) for word in found)
    except ValueError:  # no such files, or "max"
        return []
    return [-(-quota // period)] if quota > 0 else []  # half a CPU is still one thread


def softmax(logits: Floats) -> Floats:
    """float32 [N, K] → probabilities; each row is shifted first so that none overflows."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
