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
    of `outputs`; it may be called from several threads.
    """

    input: Spec
    outputs: tuple[Spec, ...]
    run: Callable[[Floats], tuple[Array, ...]]

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


def _quota(root: Path) -> int | None:
    """The smallest cgroup v2 `cpu.max` on the way from this process's group to the top."""
    mount = root / "sys/fs/cgroup"
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    group = next((line[3:].strip("/") for line in groups if line.startswith("0::")), "")
    limits = []
    for folder in (mount / group, *(mount / group).parents):
        try:
            quota, period = (folder / "cpu.max").read_text().split()
            limits.append(-(-int(quota) // int(period)))  # half a CPU is still one thread
        except (OSError, ValueError):  # no such file, or "max"
            pass
        if folder == mount:
            break
    return min(limits, default=None)


def softmax(logits: Floats) -> Floats:
    """float32 [N, K] → probabilities; each row is shifted first so that none overflows."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
