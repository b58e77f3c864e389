"""Checks the Kubernetes manifests: built by Kustomize, validated by the schemas of Kubernetes, Prometheus and KServe."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from typing import Any, Final

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor

from scripts.check_deploy.engine import Engine
from scripts.check_deploy.image import FOLDER, ROOT

KUBERNETES: Final = "1.37"
TOOLS: Final = "checkreader-tools"


def check(engine: Engine) -> None:
    """Raises ValueError or AssertionError for an invalid manifest."""
    print(engine.run(TOOLS, "kubectl", "version", "--client").strip())
    for name in ("base", "monitored"):
        built = list(
            yaml.safe_load_all(
                engine.run(TOOLS, "kubectl", "kustomize", f"/deploy/kubernetes/{name}", options=FOLDER)
            )
        )
        for manifest in built:
            _check_manifest(manifest)
        _check_selectors(built)
    services = yaml.safe_load_all((ROOT / "deploy/kubernetes/kserve/inference-service.yaml").read_text())
    for service in services:
        _check_inference_service(service)


def _check_manifest(manifest: dict[str, Any]) -> None:
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    if manifest["kind"] == "ServiceMonitor":
        parsed = ServiceMonitor.model_validate(manifest).model_dump(
            by_alias=True, exclude_none=True, mode="json"
        )
        assert parsed == manifest, f"{name}: fields that the Prometheus operator does not know: {manifest}"
        print(f"{name}: as the Prometheus operator's schema wants it")
        return
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    print(f"{name}: as Kubernetes {KUBERNETES}'s schema wants it")


def _check_selectors(built: list[dict[str, Any]]) -> None:
    """Checks that every selector selects the pods; Kustomize adds labels to some selectors only."""
    (pods,) = (
        manifest["spec"]["template"]["metadata"]["labels"]
        for manifest in built
        if manifest["kind"] == "Deployment"
    )
    for manifest in built:
        kind, spec = manifest["kind"], manifest["spec"]
        for selector in (spec.get("selector"), spec.get("podSelector")):
            if selector is not None:
                labels = selector.get("matchLabels", selector)
                assert {} != labels.items() <= pods.items(), (
                    kind,
                    selector,
                )  # an empty one means every pod, or none
        if kind in ("Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"):
            assert "selector" in spec or "podSelector" in spec, kind


def _check_inference_service(service: dict[str, Any]) -> None:
    """Checks the fields by KServe's Python classes, and those of Kubernetes as a pod."""
    extension = _model("V1beta1ComponentExtensionSpec").attribute_map.values()
    unknown = list(_unknown("V1beta1InferenceService", service))
    assert not unknown, f"fields that KServe does not know: {unknown}"
    predictor = service["spec"]["predictor"]
    if "containers" in predictor:
        spec = {key: setting for key, setting in predictor.items() if key not in {*extension, "model"}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "as-a-pod"}, "spec": spec}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    name = service["metadata"]["name"]
    print(f"InferenceService {name}: every field is one of the KServe {metadata.version('kserve')} SDK's")


def _model(name: str) -> Any:
    """Returns a class of KServe's SDK without importing the SDK's server."""
    if "kserve" not in sys.modules:
        package = types.ModuleType("kserve")
        package.__path__ = [str(path) for path in find_spec("kserve").submodule_search_locations]
        models = types.ModuleType("kserve.models")
        models.__path__ = [f"{package.__path__[0]}/models"]
        sys.modules |= {"kserve": package, "kserve.models": models}
    module = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).strip("_")
    return getattr(importlib.import_module(f"kserve.models.{module}"), name)


def _unknown(name: str, content: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yields the paths of fields that the class does not have; classes that are not KServe's are left out."""
    model = _model(name)
    types_of = {key: model.openapi_types[attribute] for attribute, key in model.attribute_map.items()}
    for key, child in content.items():
        if key not in types_of:
            yield f"{path}.{key}"
        elif types_of[key].startswith("V1beta1") and isinstance(child, dict):
            yield from _unknown(types_of[key], child, f"{path}.{key}")
