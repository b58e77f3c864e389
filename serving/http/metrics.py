"""Renders `/metrics` in Prometheus's text format, of all workers' counters together.

curl http://127.0.0.1:8000/metrics

The counters are those of `serving.engine.statistics`: counting a request and its inference takes 1 µs there, and
24 µs in prometheus_client's multiprocess mode.
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
    """Hands a fixed list of metric families to prometheus_client."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(counts: Counts, reports: Iterable[WorkerReport], versions: Mapping[str, str]) -> bytes:
    """Returns the metrics as text.

    Args:
        counts: of all workers together.
        reports: of each worker.
        versions: the served version of each model.
    """
    families = [*_requests(counts), *_models(counts), *_workers(counts, list(reports), versions)]
    return generate_latest(_Families(families))


def _requests(counts: Counts) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "checkreader_http_requests", "Requests over HTTP and gRPC, by status.", labels=("operation", "status")
    )
    for name, number in counts.requests.items():
        requests.add_metric(name.rsplit(" ", 1), number)
    durations = HistogramMetricFamily(
        "checkreader_http_request_duration_seconds",
        "Seconds from a request's headers to its reply.",
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
    """Yields the metrics of models; versions of one model are added up, so that a graph continues over a release."""
    readings: dict[tuple[str, ...], float] = {}
    rejected: dict[tuple[str, ...], float] = {}
    queued: dict[tuple[str, ...], float] = {}
    rows = HistogramMetricFamily("checkreader_batch_rows", "Rows of the batches that ran.", labels=("model",))
    runs = HistogramMetricFamily(
        "checkreader_inference_duration_seconds",
        "Seconds that the network takes for a batch.",
        labels=("model",),
    )
    names = dict.fromkeys(key.rpartition("/")[0] for key in counts.models)
    for name in names:
        versions = [version for key, version in counts.models.items() if key.rpartition("/")[0] == name]
        readings[name, "accepted"] = sum(version.accepted for version in versions)
        readings[name, "rejected"] = sum(sum(version.rejected.values()) for version in versions)
        queued[(name,)] = sum(version.queue.ns for version in versions) / 1e9
        for version in versions:
            for reason, number in version.rejected.items():
                rejected[name, reason] = rejected.get((name, reason), 0) + number
        rows.add_metric((name,), *_row_buckets([version.batches for version in versions]))
        total = Histogram()
        for version in versions:
            total.counts = [a + b for a, b in zip(total.counts, version.runs.counts, strict=True)]
            total.ns += version.runs.ns
        runs.add_metric((name,), *_buckets(total))
    yield rows
    yield runs
    yield _counter(
        "checkreader_queue_duration_seconds", "Seconds that requests waited in all.", ("model",), queued
    )
    yield _counter("checkreader_readings", "Pictures read.", ("model", "verdict"), readings)
    yield _counter(
        "checkreader_rejected_readings",
        "Readings that a human has to check, by kind of reason.",
        ("model", "reason"),
        rejected,
    )


def _workers(counts: Counts, reports: list[WorkerReport], versions: Mapping[str, str]) -> Iterator[Metric]:
    queued: dict[tuple[str, ...], float] = {}
    for report in reports:
        for name, number in report.queued.items():
            queued[(name,)] = queued.get((name,), 0) + number
    yield _gauge("checkreader_queue_rows", "Rows that wait for a batch.", ("model",), queued)
    yield _gauge(
        "checkreader_model_info",
        "The version of each model that answers.",
        ("model", "version"),
        {(name, version): 1 for name, version in versions.items()},
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
    yield _gauge(
        "process_resident_memory_bytes", "Resident memory of all workers together.", (), {(): resident}
    )


def _counter(
    name: str, about: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = CounterMetricFamily(name, about, labels=labels)
    for label_values, number in values.items():
        family.add_metric(label_values, number)
    return family


def _gauge(name: str, about: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for label_values, number in values.items():
        family.add_metric(label_values, number)
    return family


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Returns a histogram's cumulative buckets and its sum in seconds."""
    bounds = [*(f"{bound / 1e9:g}" for bound in DURATIONS), "+Inf"]
    return _cumulate(bounds, histogram.counts), histogram.ns / 1e9


def _row_buckets(versions: Iterable[Mapping[int, Duration]]) -> tuple[list[tuple[str, float]], float]:
    """Returns the cumulative buckets of how many rows the batches had, and the sum of rows."""
    batch_counts = [(rows, batch.count) for batches in versions for rows, batch in batches.items()]
    below = (0, *_ROWS)
    counts = [
        sum(number for rows, number in batch_counts if low < rows <= high)
        for low, high in zip(below, (*_ROWS, float("inf")), strict=True)
    ]
    return _cumulate([*map(str, _ROWS), "+Inf"], counts), sum(rows * number for rows, number in batch_counts)


def _cumulate(bounds: list[str], counts: list[int]) -> list[tuple[str, float]]:
    total = 0
    buckets = []
    for bound, number in zip(bounds, counts, strict=True):
        total += number
        buckets.append((bound, float(total)))
    return buckets
