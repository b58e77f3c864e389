"""`/metrics`, in Prometheus's text format: all workers' counters together.

curl http://127.0.0.1:8000/metrics
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from serving.engine.statistics import DURATIONS, Counts, Duration, Histogram
from serving.engine.worker_state import WorkerReport

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4.encode()
_ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)  # upper bounds of a batch's buckets


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(counts: Counts, reports: Iterable[WorkerReport], serving: Mapping[str, str]) -> bytes:
    """The text.

    Args:
        counts: of all workers.
        reports: of all workers.
        serving: the served version of each model.
    """
    families = [*_requests(counts), *_models(counts), *_now(counts, list(reports), serving)]
    return generate_latest(_Families(families))


def _requests(counts: Counts) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "checkreader_http_requests", "Requests over HTTP and gRPC, by status.", labels=("operation", "status")
    )
    for name, number in counts.requests.items():
        requests.add_metric(name.rsplit(" ", 1), number)
    durations = HistogramMetricFamily(
        "checkreader_http_request_duration_seconds",
        "From a request's headers to its reply.",
        labels=("operation",),
    )
    for name, histogram in counts.durations.items():
        durations.add_metric((name,), *_buckets(histogram))
    yield requests
    yield durations
    yield _counter(
        "checkreader_refused_requests",
        "Requests that were turned away or could not be answered.",
        ("reason",),
        {(reason,): number for reason, number in counts.refused.items()},
    )


def _models(counts: Counts) -> Iterator[Metric]:
    """Versions of one model are added up: a reader of graphs sees it go on over a release."""
    readings: dict[tuple[str, ...], float] = {}
    rejected: dict[tuple[str, ...], float] = {}
    waited: dict[tuple[str, ...], float] = {}
    rows = HistogramMetricFamily("checkreader_batch_rows", "Rows of the batches that ran.", labels=("model",))
    runs = HistogramMetricFamily(
        "checkreader_inference_duration_seconds", "Of one batch in the network.", labels=("model",)
    )
    names = dict.fromkeys(key.rpartition("/")[0] for key in counts.models)
    for name in names:
        versions = [one for key, one in counts.models.items() if key.rpartition("/")[0] == name]
        readings[name, "accepted"] = sum(one.accepted for one in versions)
        readings[name, "rejected"] = sum(sum(one.rejected.values()) for one in versions)
        waited[(name,)] = sum(one.queue.ns for one in versions) / 1e9
        for one in versions:
            for reason, number in one.rejected.items():
                rejected[name, reason] = rejected.get((name, reason), 0) + number
        rows.add_metric((name,), *_row_buckets([one.batches for one in versions]))
        total = Histogram()
        for one in versions:
            total.counts = [a + b for a, b in zip(total.counts, one.runs.counts, strict=True)]
            total.ns += one.runs.ns
        runs.add_metric((name,), *_buckets(total))
    yield rows
    yield runs
    yield _counter(
        "checkreader_queue_duration_seconds", "Seconds that requests waited in all.", ("model",), waited
    )
    yield _counter("checkreader_readings", "Pictures read.", ("model", "verdict"), readings)
    yield _counter(
        "checkreader_rejected_readings",
        "Readings for a human, by kind of reason.",
        ("model", "reason"),
        rejected,
    )


def _now(counts: Counts, reports: list[WorkerReport], serving: Mapping[str, str]) -> Iterator[Metric]:
    queued: dict[tuple[str, ...], float] = {}
    for report in reports:
        for name, number in report.queued.items():
            queued[(name,)] = queued.get((name,), 0) + number
    yield _gauge("checkreader_queue_rows", "Rows that wait.", ("model",), queued)
    yield _gauge(
        "checkreader_model_info",
        "Which version of a model answers.",
        ("model", "version"),
        {(name, version): 1 for name, version in serving.items()},
    )
    yield _counter(
        "checkreader_model_loads",
        "Attempts to load a model, in all workers.",
        ("model", "result"),
        {tuple(name.rsplit(" ", 1)): number for name, number in counts.loads.items()},
    )
    yield _gauge("checkreader_workers", "Worker processes.", (), {(): len(reports)})
    yield _counter(
        "checkreader_worker_restarts",
        "Workers that were replaced.",
        (),
        {(): max(0, counts.starts - len(reports))},
    )
    resident = sum(report.resident for report in reports)
    yield _gauge("process_resident_memory_bytes", "Of all workers.", (), {(): resident})


def _counter(
    name: str, about: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = CounterMetricFamily(name, about, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _gauge(name: str, about: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Cumulated, as Prometheus wants them, and the sum in seconds."""
    bounds = [*(f"{bound / 1e9:g}" for bound in DURATIONS), "+Inf"]
    return _cumulated(bounds, histogram.counts), histogram.ns / 1e9


def _row_buckets(versions: Iterable[Mapping[int, Duration]]) -> tuple[list[tuple[str, float]], float]:
    found = [(rows, one.count) for batches in versions for rows, one in batches.items()]
    below = (0, *_ROWS)
    counts = [
        sum(number for rows, number in found if low < rows <= high)
        for low, high in zip(below, (*_ROWS, float("inf")), strict=True)
    ]
    return _cumulated([*map(str, _ROWS), "+Inf"], counts), sum(rows * number for rows, number in found)


def _cumulated(bounds: list[str], counts: list[int]) -> list[tuple[str, float]]:
    total = 0
    buckets = []
    for bound, number in zip(bounds, counts, strict=True):
        total += number
        buckets.append((bound, float(total)))
    return buckets
