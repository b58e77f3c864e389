"""Checks Prometheus' files by its own tool, and the dashboard by Grafana's schema."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from scripts.check_deploy.cluster import TOOLS
from scripts.check_deploy.engine import Engine
from scripts.check_deploy.image import FOLDER, ROOT

DASHBOARD: Final = ROOT / "deploy" / "grafana" / "dashboard.json"
# An annotation's query belongs to its data source, and the schema leaves its fields open.
_OPEN: Final = {"titleFormat"}


def check(engine: Engine) -> None:
    """Raises CalledProcessError or AssertionError for a file that Prometheus or Grafana would refuse."""
    register_default_plugins()
    for command in (
        "check rules rules.yaml",
        "test rules rules.test.yaml",
        "check config --syntax-only prometheus.yaml",
    ):
        print(
            engine.run(
                TOOLS, "promtool", *command.split(), options=(*FOLDER, "--workdir", "/deploy/prometheus")
            )
        )
    dashboard = json.loads(DASHBOARD.read_text())
    lost = list(_lost(dashboard, json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))))
    assert not lost, f"{DASHBOARD.name}: fields that Grafana's schema does not know: {lost}"
    queries = sorted({_plain(expression) for expression in expressions(dashboard)})
    rules = [{"record": "checkreader:dashboard", "expr": expression} for expression in queries]
    with tempfile.TemporaryDirectory() as folder:
        # Each in a group of its own: promtool takes equal records for copies.
        groups = [{"name": f"panel {i}", "rules": [rule]} for i, rule in enumerate(rules)]
        Path(folder, "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
        options = ("--volume", f"{folder}:/rules:ro")
        print(
            engine.run(
                TOOLS, "promtool", "check", "rules", "--lint=none", "/rules/rules.yaml", options=options
            )
        )
    print(f"{DASHBOARD.name}: as Grafana's schema wants it, {len(queries)} expressions parsed")


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yields the PromQL of a dashboard's panels and annotations."""
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (entry["expr"] for entry in dashboard["annotations"]["list"])


def _plain(expression: str) -> str:
    """Replaces Grafana's variables, as Grafana does before Prometheus gets the query."""
    return re.sub(r"\$\w+", ".*", expression.replace("$__rate_interval", "5m"))


def _lost(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yields the paths in `before` that the schema's classes did not keep."""
    if isinstance(before, dict):
        for key, child in before.items():
            if key not in after:
                yield from () if key in _OPEN else (f"{path}/{key}",)
            else:
                yield from _lost(child, after[key], f"{path}/{key}")
    elif isinstance(before, list):
        for i, (first, second) in enumerate(zip(before, after, strict=True)):
            yield from _lost(first, second, f"{path}/{i}")
    elif before != after:
        yield f"{path}: {before} became {after}"
