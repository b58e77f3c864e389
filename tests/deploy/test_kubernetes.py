"""The manifests agree with the service, the image and each other. `make check-deploy` holds them against schemas."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.conftest import Client
from tests.support.deploy_files import (
    KUBERNETES,
    command_of,
    instructions,
    kustomization,
    manifests,
    of_kind,
    pods,
)

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
LABELS = {"app.kubernetes.io/name": "checkreader"}


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    return only


def probes(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [container(pod)[name]["httpGet"] for name in PROBES if name in container(pod)]


def test_the_deployment_is_probed_in_every_way() -> None:
    assert len(probes(pods()[0])) == len(PROBES)


@pytest.mark.parametrize("pod", pods(), ids=["deployment", "inference service"])
def test_the_service_answers_the_probes(pod: dict[str, Any], client: Client) -> None:
    for probe in probes(pod):
        assert client("GET", probe["path"]).status_code == 200


@pytest.mark.parametrize("pod", pods(), ids=["deployment", "inference service"])
def test_ports_agree(pod: dict[str, Any]) -> None:
    arguments = container(pod)["args"]
    (port,) = container(pod)["ports"]
    number = port["containerPort"]
    assert arguments[arguments.index("--port") + 1] == str(number)
    assert {probe["port"] for probe in probes(pod)} == {port.get("name", number)}
    assert instructions("EXPOSE") == [str(number)]
    assert of_kind("NetworkPolicy")["spec"]["ingress"] == [{"ports": [{"port": number}]}]


def test_the_service_and_its_monitor_name_the_port() -> None:
    (port,) = of_kind("Service")["spec"]["ports"]
    (named,) = container(pods()[0])["ports"]
    assert port["targetPort"] == named["name"]
    (monitor,) = manifests(KUBERNETES / "monitored" / "service-monitor.yaml")
    assert [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]] == [port["name"]]


@pytest.mark.parametrize("pod", pods(), ids=["deployment", "inference service"])
def test_a_pod_has_few_rights(pod: dict[str, Any]) -> None:
    """What Kubernetes' restricted policy asks for, and a read-only system."""
    rights = pod["securityContext"] | container(pod)["securityContext"]
    user = int(instructions("USER")[0].partition(":")[0])
    assert user > 0
    assert rights["runAsUser"] == user
    assert rights["runAsNonRoot"] is rights["readOnlyRootFilesystem"] is True
    assert rights["allowPrivilegeEscalation"] is pod["automountServiceAccountToken"] is False
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert container(pod)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert {"cpu", "memory"} == set(container(pod)["resources"]["limits"])


@pytest.mark.parametrize("pod", pods(), ids=["deployment", "inference service"])
def test_without_keys_no_pod_starts(pod: dict[str, Any]) -> None:
    (keys,) = (variable for variable in container(pod)["env"] if variable["name"] == "CHECKREADER_API_KEYS")
    assert "optional" not in keys["valueFrom"]["secretKeyRef"]


def test_selectors_that_kustomize_does_not_fill_in_name_the_pods() -> None:
    assert kustomization()["labels"] == [{"pairs": LABELS, "includeSelectors": True}]
    assert of_kind("NetworkPolicy")["spec"]["podSelector"] == {"matchLabels": LABELS}
    assert of_kind("PodDisruptionBudget")["spec"]["selector"] == {"matchLabels": LABELS}
    assert of_kind("NetworkPolicy")["spec"]["egress"] == []


def test_the_autoscaler_scales_the_deployment_by_the_queue_first() -> None:
    spec = of_kind("HorizontalPodAutoscaler")["spec"]
    deployment = of_kind("Deployment")
    assert spec["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"], "every apply would undo what the autoscaler did"
    queue, cpu = spec["metrics"]
    assert cpu["resource"]["name"] == "cpu"
    (adapter,) = manifests(KUBERNETES.parent / "prometheus" / "adapter.yaml")
    (rule,) = adapter["rules"]["custom"]
    assert rule["name"]["as"] == queue["pods"]["metric"]["name"]


def test_every_yaml_file_parses() -> None:
    files = [path for path in KUBERNETES.parent.rglob("*.yaml")]
    assert len(files) > 10
    for path in files:
        assert all(yaml.safe_load_all(path.read_text()))


def test_the_images_are_the_one_that_is_built() -> None:
    (image,) = kustomization()["images"]
    expected = f"{image['name']}:{image['newTag']}"
    base, inference = (container(pod)["image"] for pod in pods())
    assert (base, inference) == (image["name"], expected)
    assert f"docker build --tag {expected} ." in (KUBERNETES.parents[1] / "Dockerfile").read_text()
    assert command_of("ENTRYPOINT")[0] == image["name"]
