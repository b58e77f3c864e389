"""What a model has answered and where the time went, as Triton's statistics extension counts it."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Duration:
    """How often, and how long in all (ns)."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int) -> None:
        self.count += 1
        self.ns += ns


@dataclass(slots=True)
class Statistics:
    """Counters of one model since it was loaded.

    A request's time is parsing and checking (`compute_input`), waiting (`queue`), the run of the batch
    that it was part of (`compute_infer`) and rendering (`compute_output`); `success` is all of it.
    """

    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)
    rows: int = 0
    batches: defaultdict[int, Duration] = field(default_factory=lambda: defaultdict(Duration))
    last: int = 0  # ms since 1970

    def ran(self, rows: int, ns: int) -> None:
        """A batch was run."""
        self.rows += rows
        self.batches[rows].add(ns)

    def answered(self, start: int, computed: int, end: int) -> None:
        """A request was answered; times as `time.perf_counter_ns` gives them."""
        self.success.add(end - start)
        self.compute_output.add(end - computed)
        self.last = time.time_ns() // 1_000_000
