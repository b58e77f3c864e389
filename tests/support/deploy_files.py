"""The files in deploy/, parsed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.paths import ROOT

DEPLOY: Final = ROOT / "deploy"
KUBERNETES: Final = DEPLOY / "kubernetes"


def instructions(name: str) -> list[str]:
    """Returns the arguments of the Dockerfile's instructions of a kind, in order."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    logical = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [line.partition(" ")[2].strip() for line in logical if line.startswith(f"{name} ")]


def command_of(instruction: str) -> list[str]:
    """Returns the command in the last instruction of a kind, in its JSON form."""
    return json.loads(re.search(r"\[.*\]", instructions(instruction)[-1])[0])


def manifests(path: Path) -> list[dict[str, Any]]:
    """Parses the documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text()))


def of_kind(kind: str) -> dict[str, Any]:
    """Returns the base's only manifest of a kind."""
    files = [KUBERNETES / "base" / name for name in kustomization()["resources"]]
    (only,) = (manifest for file in files for manifest in manifests(file) if manifest["kind"] == kind)
    return only


def kustomization() -> dict[str, Any]:
    """Returns the base's kustomization."""
    return manifests(KUBERNETES / "base" / "kustomization.yaml")[0]


def pods() -> list[dict[str, Any]]:
    """Returns the pod of the Deployment and that of the InferenceService that runs the image."""
    service, _ = manifests(KUBERNETES / "kserve" / "inference-service.yaml")
    return [of_kind("Deployment")["spec"]["template"]["spec"], service["spec"]["predictor"]]


def unit(name: str) -> dict[str, list[str]]:
    """Returns a unit file's settings, each with all its values."""
    settings: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, setting = line.partition("=")
            settings.setdefault(key, []).append(setting)
    return settings


def serve_commands() -> dict[str, list[str]]:
    """Returns the arguments of `checkreader serve` wherever it is started."""
    entry = command_of("ENTRYPOINT")
    commands = {"Dockerfile": entry[2:]}
    for name, pod in zip(("deployment", "inference service"), pods(), strict=True):
        commands[name] = [*entry[2:], *pod["containers"][0]["args"]]
    for name in ("checkreader.service", "tls.conf"):
        commands[name] = shlex.split(unit(name)["ExecStart"][-1])[2:]
    return commands
