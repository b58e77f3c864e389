"""Wherever deploy/ starts the service, it does so as the service wants to be started."""

from __future__ import annotations

import re

import pytest

from serving.cli import main
from serving.http.connection import DRAIN
from tests.support.deploy_files import DEPLOY, ROOT, command_of, pods, serve_commands, unit


@pytest.mark.parametrize("where", serve_commands())
def test_every_flag_is_one_of_serve(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["serve", "--help"])
    options = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    assert {word for word in serve_commands()[where] if word.startswith("--")} <= options


def test_the_image_and_the_unit_run_the_same_command() -> None:
    assert command_of("ENTRYPOINT")[:2] == ["checkreader", "serve"]
    for name in ("checkreader.service", "tls.conf"):
        assert unit(name)["ExecStart"][-1].startswith("/opt/checkreader/bin/checkreader serve ")


def test_environment_variables_are_the_service_s() -> None:
    code = "".join(path.read_text() for path in (ROOT / "serving").glob("*.py"))
    code += (DEPLOY / "health.py").read_text()
    files = [path for path in DEPLOY.rglob("*") if path.suffix in (".yaml", ".service", ".conf")]
    named = {name for path in files for name in re.findall(r"CHECKREADER_[A-Z_]+", path.read_text())}
    assert named
    assert [name for name in sorted(named) if name not in code] == []


def test_requests_in_flight_may_end_before_the_service_is_killed() -> None:
    assert int(unit("checkreader.service")["TimeoutStopSec"][0]) > DRAIN
    for pod in pods():
        (container,) = pod["containers"]
        before = container.get("lifecycle", {}).get("preStop")
        slept = int(before["exec"]["command"][-1]) if before else 0
        assert pod["terminationGracePeriodSeconds"] > slept + DRAIN


def test_the_unit_gives_few_rights() -> None:
    settings = unit("checkreader.service")
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "ProtectHome", "MemoryDenyWriteExecute"):
        assert settings[name] == ["yes"]
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["CapabilityBoundingSet"] == [""]
    assert settings["SystemCallFilter"][0] == "@system-service"
    (keys,) = settings["EnvironmentFile"]
    assert not keys.startswith("-"), "without keys the service would start open"
