"""What the service has answered and where the time went: plain counters, which can be sent and added up.

A worker of several tells its counters to the others (`serving.engine.worker_state`), so that whichever is asked answers
for all of them. `Statistics` are those that Triton's statistics extension counts, and what `/metrics`
shows beside them.
"""

from __future__ import annotations

import bisect
import time
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

# Upper bounds of a duration's buckets, in ns; a lone request to LeNet-5 takes 300 µs, a batch 50.
DURATIONS: Final = tuple(
    round(bound * 1e9)
    for bound in (
        *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
        *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    )
)


class Duration(msgspec.Struct):
    """How often, and how long in all (ns)."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int) -> None:
        self.count += 1
        self.ns += ns


class Histogram(msgspec.Struct):
    """How many were up to each of `DURATIONS`, and how many above; `ns` in all."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(DURATIONS) + 1))
    ns: int = 0

    def add(self, ns: int) -> None:
        self.counts[bisect.bisect_left(DURATIONS, ns)] += 1
        self.ns += ns


class Statistics(msgspec.Struct):
    """Counters of one version of a model.

    A request's time is parsing and checking (`compute_input`), waiting (`queue`), the run of the batch
    that it was part of (`compute_infer`) and rendering (`compute_output`); `success` is all of it.
    """

    success: Duration = msgspec.field(default_factory=Duration)
    fail: Duration = msgspec.field(default_factory=Duration)
    queue: Duration = msgspec.field(default_factory=Duration)
    compute_input: Duration = msgspec.field(default_factory=Duration)
    compute_infer: Duration = msgspec.field(default_factory=Duration)
    compute_output: Duration = msgspec.field(default_factory=Duration)
    rows: int = 0
    batches: dict[int, Duration] = msgspec.field(default_factory=dict)  # by how many rows they had
    runs: Histogram = msgspec.field(default_factory=Histogram)  # of a batch
    accepted: int = 0  # readings of pictures
    rejected: dict[str, int] = msgspec.field(default_factory=dict)  # by the kind of reason
    last: int = 0  # ms since 1970

    def record_batch(self, rows: int, ns: int) -> None:
        """A batch was run."""
        self.rows += rows
        batches = self.batches.get(rows)
        if batches is None:
            batches = self.batches[rows] = Duration()
        batches.add(ns)
        self.runs.add(ns)

    def record_success(self, start: int, computed: int, end: int) -> None:
        """A request was answered; times as `time.perf_counter_ns` gives them."""
        self.success.add(end - start)
        self.compute_output.add(end - computed)
        self.last = time.time_ns() // 1_000_000

    def record_reading(self, reason: str | None) -> None:
        """A picture was read, and accepted unless there was a reason not to, of which the kind is counted."""
        if reason is None:
            self.accepted += 1
        else:
            count(self.rejected, reason.partition(":")[0])


class Counts(msgspec.Struct):
    """All counters of a worker, which only ever grow.

    Attributes:
        models: by model and version.
        requests: by operation and status, "POST /digits 200".
        durations: from a request's headers to its reply, by operation.
        refused: requests that were not answered as they wished, by reason.
        loads: attempts to load a model, by model and result.
        starts: how often this worker was started.
    """

    models: dict[str, Statistics] = msgspec.field(default_factory=dict)
    requests: dict[str, int] = msgspec.field(default_factory=dict)
    durations: dict[str, Histogram] = msgspec.field(default_factory=dict)
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    loads: dict[str, int] = msgspec.field(default_factory=dict)
    starts: int = 0

    def for_model(self, name: str, version: str) -> Statistics:
        """The statistics of a model's version, empty at first."""
        return self.models.setdefault(f"{name}/{version}", Statistics())


def count(counters: dict[str, int], name: str) -> None:
    """One more of that name."""
    counters[name] = counters.get(name, 0) + 1


def combine(left: T, right: T) -> T:
    """The sum of two of the same kind; of two times of day the later."""
    return msgspec.convert(
        _sum(msgspec.to_builtins(left), msgspec.to_builtins(right)), type(left), strict=False
    )


def _sum(left: Any, right: Any, name: object = "") -> Any:
    if isinstance(left, dict):
        both = left | right
        return {
            key: _sum(left[key], right[key], key) if key in left and key in right else both[key]
            for key in both
        }
    if isinstance(left, list):
        return [_sum(one, other) for one, other in zip(left, right, strict=True)]
    return max(left, right) if name == "last" else left + right
