"""Dashboard, alerts and autoscaler ask for metrics that the service gives."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.engine.statistics import Counts
from serving.engine.worker_state import WorkerReport
from serving.http.admission import AdmissionControl
from serving.http.metrics import exposition
from tests.support.deploy_files import DEPLOY, manifests

# Name → labels, as GET /metrics gives them; histograms without the suffixes of their series.
METRICS = {
    "checkreader_http_requests_total": {"operation", "status"},
    "checkreader_http_request_duration_seconds": {"operation"},
    "checkreader_queue_rows": {"model"},
    "checkreader_queue_duration_seconds_total": {"model"},
    "checkreader_batch_rows": {"model"},
    "checkreader_inference_duration_seconds": {"model"},
    "checkreader_readings_total": {"model", "verdict"},
    "checkreader_rejected_readings_total": {"model", "reason"},
    "checkreader_refused_requests_total": {"reason"},
    "checkreader_model_info": {"model", "version"},
    "checkreader_model_loads_total": {"model", "result"},
    "checkreader_workers": set(),
    "checkreader_worker_restarts_total": set(),
    "process_resident_memory_bytes": set(),
}
# Prometheus adds these to whatever it scrapes, the operator the last two.
SCRAPED = {"job", "instance", "namespace", "pod"}
FILES = [
    "grafana/dashboard.json",
    "prometheus/rules.yaml",
    "prometheus/adapter.yaml",
    "kubernetes/base/autoscaler.yaml",
]


def test_the_list_is_what_the_service_gives() -> None:
    counts = Counts(starts=2)
    counts.for_model("lenet5", "1").record_batch(3, 1_000)
    counts.for_model("lenet5", "1").record_reading("unsure: 0.5")
    AdmissionControl(counts).record_request("POST /digits", 200, 1_000)
    AdmissionControl(counts).count_refusal("busy")
    counts.loads["lenet5 ok"] = 1
    text = exposition(counts, [WorkerReport(queued={"lenet5": 1})], {"lenet5": "1"}).decode()
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert labels == METRICS


def metric(series: str) -> str:
    return re.sub(r"_(bucket|sum|count)$", "", series)


@pytest.mark.parametrize("file", [*FILES, "prometheus/rules.test.yaml"])
def test_metrics_are_the_service_s(file: str) -> None:
    metrics = {
        metric(series) for series in re.findall(r"\b(?:checkreader|process)_\w+", (DEPLOY / file).read_text())
    }
    assert metrics
    assert metrics <= set(METRICS)


def dashboard() -> dict[str, Any]:
    return json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())


def expressions() -> list[str]:
    panels = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]
    (rules,) = manifests(DEPLOY / "prometheus" / "rules.yaml")
    return panels + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("expression", expressions())
def test_labels_are_the_metric_s(expression: str) -> None:
    """Those that series are selected by."""
    for series, selector in re.findall(r"((?:checkreader|process)_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)=", selector)) <= METRICS[metric(series)] | SCRAPED


@pytest.mark.parametrize("expression", expressions())
def test_groups_are_by_labels_of_some_metric_in_it(expression: str) -> None:
    series = [metric(name) for name in re.findall(r"(?:checkreader|process)_\w+", expression)]
    labels = set().union(*(METRICS[name] for name in series)) | SCRAPED | {"le"}
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        assert set(grouped.split(", ")) <= labels


def test_every_metric_is_on_the_dashboard() -> None:
    text = (DEPLOY / "grafana" / "dashboard.json").read_text()
    assert [name for name in METRICS if name not in text] == []


def test_panels_lie_side_by_side() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    occupied: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & occupied
        occupied |= cells


def test_the_dashboard_takes_whatever_data_source_it_is_given() -> None:
    source = dashboard()["templating"]["list"][0]
    assert source["type"] == "datasource"
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in panels} == {f"${{{source['name']}}}"}


def test_every_alert_has_a_test() -> None:
    (rules,) = manifests(DEPLOY / "prometheus" / "rules.yaml")
    (tests,) = manifests(DEPLOY / "prometheus" / "rules.test.yaml")
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    fired = {
        case["alertname"]
        for test in tests["tests"]
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert fired == alerts
