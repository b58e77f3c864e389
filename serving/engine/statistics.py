"""Counters of requests, readings and times: plain data, which can be encoded and added up.

Each worker publishes its counters to the others (`serving.engine.worker_state`), so that any of them can answer for
all. `Statistics` holds the counters of Triton's statistics extension and those that `/metrics` shows besides.
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
    """A number of events and their total duration (ns)."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int) -> None:
        self.count += 1
        self.ns += ns


class Histogram(msgspec.Struct):
    """Counts durations by bucket: one for each upper bound in `DURATIONS`, and one above; `ns` is their sum."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(DURATIONS) + 1))
    ns: int = 0

    def add(self, ns: int) -> None:
        self.counts[bisect.bisect_left(DURATIONS, ns)] += 1
        self.ns += ns


class Statistics(msgspec.Struct):
    """Counters of one version of a model.

    A request's time is made up of parsing and checking (`compute_input`), waiting (`queue`), the run of its
    batch (`compute_infer`) and rendering (`compute_output`); `success` is the sum.

    Attributes:
        rows: pictures or views that were computed.
        batches: runs, by their number of rows.
        runs: durations of the runs.
        accepted: readings of pictures that were accepted.
        rejected: readings that were not, by the kind of reason.
        last: the last success, in ms since 1970.
    """

    success: Duration = msgspec.field(default_factory=Duration)
    fail: Duration = msgspec.field(default_factory=Duration)
    queue: Duration = msgspec.field(default_factory=Duration)
    compute_input: Duration = msgspec.field(default_factory=Duration)
    compute_infer: Duration = msgspec.field(default_factory=Duration)
    compute_output: Duration = msgspec.field(default_factory=Duration)
    rows: int = 0
    batches: dict[int, Duration] = msgspec.field(default_factory=dict)
    runs: Histogram = msgspec.field(default_factory=Histogram)
    accepted: int = 0
    rejected: dict[str, int] = msgspec.field(default_factory=dict)
    last: int = 0

    def record_batch(self, rows: int, ns: int) -> None:
        """Counts a batch."""
        self.rows += rows
        duration = self.batches.get(rows)
        if duration is None:
            duration = self.batches[rows] = Duration()
        duration.add(ns)
        self.runs.add(ns)

    def record_success(self, start: int, computed: int, end: int) -> None:
        """Counts an answered request; all times are of `time.perf_counter_ns`.

        Args:
            start: when work on the request began.
            computed: when its batch had run.
            end: when the reply was rendered.
        """
        self.success.add(end - start)
        self.compute_output.add(end - computed)
        self.last = time.time_ns() // 1_000_000

    def record_reading(self, reason: str | None) -> None:
        """Counts a reading: accepted if `reason` is None, else rejected for the kind before its colon."""
        if reason is None:
            self.accepted += 1
        else:
            count(self.rejected, reason.partition(":")[0])


class Counts(msgspec.Struct):
    """All counters of a worker; they only ever grow.

    Attributes:
        models: statistics by "model/version".
        requests: the number of requests by operation and status, "POST /digits 200".
        durations: times from a request's headers to its reply, by operation.
        refused: the number of requests that got an error, by reason.
        loads: the number of attempts to load a model, by model and result.
        starts: the number of times that this worker was started.
    """

    models: dict[str, Statistics] = msgspec.field(default_factory=dict)
    requests: dict[str, int] = msgspec.field(default_factory=dict)
    durations: dict[str, Histogram] = msgspec.field(default_factory=dict)
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    loads: dict[str, int] = msgspec.field(default_factory=dict)
    starts: int = 0

    def for_model(self, name: str, version: str) -> Statistics:
        """Returns the statistics of a model's version, empty at first."""
        return self.models.setdefault(f"{name}/{version}", Statistics())


def count(counters: dict[str, int], name: str) -> None:
    """Adds one to the counter of that name."""
    counters[name] = counters.get(name, 0) + 1


def combine(left: T, right: T) -> T:
    """Returns the sum of two structs of counters of one type; of two times of day it takes the later."""
    return msgspec.convert(
        _sum(msgspec.to_builtins(left), msgspec.to_builtins(right)), type(left), strict=False
    )


def _sum(left: Any, right: Any, name: object = "") -> Any:
    if isinstance(left, dict):
        union = left | right
        return {
            key: _sum(left[key], right[key], key) if key in left and key in right else union[key]
            for key in union
        }
    if isinstance(left, list):
        return [_sum(first, second) for first, second in zip(left, right, strict=True)]
    return max(left, right) if name == "last" else left + right
