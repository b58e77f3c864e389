"""`/metrics` as Prometheus's own parser reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from serving.engine.statistics import Counts
from serving.engine.worker_state import WorkerReport
from serving.http.metrics import exposition
from tests.support.tiny import png, seven


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """By name and labels, the bucket's bound the last of them."""
    return {
        (
            sample.name,
            tuple(sorted(sample.labels.values(), key=lambda label: label == sample.labels.get("le"))),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_was_served_is_counted(client) -> None:
    def now() -> dict[tuple[str, tuple[str, ...]], float]:
        reply = client("GET", "/metrics")
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        return samples(reply.text)

    before = now()
    picture = png(seven())
    client("POST", "/digits", content=picture)
    client("POST", "/digits", content=b"rubbish")
    client("GET", "/nowhere")
    after = now()

    def grown(name: str, *labels: str) -> float:
        return after[name, labels] - before.get((name, labels), 0)

    assert grown("checkreader_http_requests_total", "POST /digits", "200") == 1
    assert grown("checkreader_http_requests_total", "POST /digits", "400") == 1
    assert grown("checkreader_http_requests_total", "other", "404") == 1
    assert grown("checkreader_http_request_duration_seconds_count", "POST /digits") == 2
    assert grown("checkreader_refused_requests_total", "invalid") == 1
    assert grown("checkreader_refused_requests_total", "unknown") == 1
    verdicts = [
        grown("checkreader_readings_total", "lenet5", verdict) for verdict in ("accepted", "rejected")
    ]
    assert sum(verdicts) == 1
    assert grown("checkreader_batch_rows_bucket", "lenet5", "1") == 1
    assert grown("checkreader_batch_rows_sum", "lenet5") == 1
    assert grown("checkreader_inference_duration_seconds_count", "lenet5") == 1
    assert after["checkreader_model_info", ("lenet5", "1")] == 1
    assert after["checkreader_workers", ()] == 1
    assert after["process_resident_memory_bytes", ()] > 1_000_000


def test_versions_of_a_model_are_added_up() -> None:
    counts = Counts(starts=5)
    for version, rows in (("1", 3), ("2", 5_000)):
        counts.for_model("a", version).record_batch(rows, 60_000)
        counts.for_model("a", version).record_reading("unsure: 0.5")
        counts.for_model("a", version).record_reading(None)
    exposed = samples(
        exposition(
            counts, [WorkerReport(queued={"a": 2}), WorkerReport(queued={"a": 5})], {"a": "2"}
        ).decode()
    )
    assert exposed["checkreader_readings_total", ("a", "accepted")] == 2
    assert exposed["checkreader_rejected_readings_total", ("a", "unsure")] == 2
    assert exposed["checkreader_batch_rows_bucket", ("a", "4")] == 1
    assert exposed["checkreader_batch_rows_bucket", ("a", "4096")] == 1
    assert exposed["checkreader_batch_rows_bucket", ("a", "+Inf")] == 2
    assert exposed["checkreader_batch_rows_sum", ("a",)] == 5_003
    assert exposed["checkreader_inference_duration_seconds_bucket", ("a", "5e-05")] == 0
    assert exposed["checkreader_inference_duration_seconds_bucket", ("a", "0.0001")] == 2
    assert exposed["checkreader_queue_rows", ("a",)] == 7
    assert exposed["checkreader_worker_restarts_total", ()] == 3
